"""What a mixture's diversity may be confounded with: size, length, format, strength, likeness to the targets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.scoring import distances
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks
from diversity.types import Array

if TYPE_CHECKING:
    import pandas as pd

# How much a covariate weighs when mixtures are matched: strength and format first.
IMPORTANCE = {"strength": 4.0}
FORMAT = "kind "
FORMAT_IMPORTANCE = 4.0


def covariates(
    weights: Array,
    space: EmbeddedTasks,
    targets: Mapping[str, EmbeddedTask],
    strength: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Covariates of mixtures with weights (M, T) over the tasks of a space: a row a mixture, a column each.

    Means over the members of: log10 of the training `examples` of the release, `words` of a text (where the texts are
    here), the share of each format (`kind span`), `strength` (the member's own score as a single task). And over the
    targets that are measured: the mean and greatest `similarity` of the members' centroids to the target's, and their
    `vocabulary` overlap (where the texts are here).
    """
    import pandas as pd

    names, known = space.stacked.names, catalog.names("tasks")
    tasks = {n: catalog.task(n) for n in names if n in known}  # the others are sets of texts
    released = [tasks[n].expected("train", "en") if n in tasks else None for n in names]
    examples = [count or space.tasks[n].moments.n for n, count in zip(names, released, strict=True)]
    members: dict[str, list[float]] = {"log10 examples": [math.log10(n) for n in examples]}
    if all(space.tasks[n].texts for n in names):
        members["words"] = [float(catalog.metric("mean_length")(space.tasks[n].texts or ())) for n in names]
    kinds = [tasks[n].kind if n in tasks else "other" for n in names]
    if len(set(kinds)) > 1:
        members |= {f"{FORMAT}{kind}": [float(k == kind) for k in kinds] for kind in sorted(set(kinds))}
    if strength:
        members["strength"] = [strength.get(n, math.nan) for n in names]
    members |= _vocabulary(space, targets)
    means = {column: weights @ np.array(values) for column, values in members.items()}
    if targets:
        pairs = [distances.to_target(space.stacked, weights, t.moments) for t in targets.values()]
        greatest, mean = (np.mean(values, axis=0) for values in zip(*pairs, strict=True))
        means |= {"similarity, mean": mean, "similarity, greatest": greatest}
    return pd.DataFrame(means)


def _vocabulary(space: EmbeddedTasks, targets: Mapping[str, EmbeddedTask]) -> dict[str, list[float]]:
    """Overlap of each task's words with those of the targets, a mean over the targets whose texts are here."""
    references = [list(t.texts) for t in targets.values() if t.texts]
    texts = {n: space.tasks[n].texts for n in space.stacked.names}
    if not references or not all(texts.values()):
        return {}
    overlap = catalog.metric("vocabulary_overlap")
    means = [float(np.mean([overlap(list(texts[n] or ()), r) for r in references])) for n in space.stacked.names]
    return {"vocabulary overlap": means}


def importance(columns: Sequence[str]) -> Array:
    """The weight of each covariate when mixtures are matched."""
    return np.array([FORMAT_IMPORTANCE if c.startswith(FORMAT) else IMPORTANCE.get(c, 1.0) for c in columns])


def balance(diversity: Array, columns: pd.DataFrame, roles: Sequence[str]) -> pd.DataFrame:
    """How diversity goes with its confounders in a design.

    Columns `covariate, correlation` with diversity over the mixtures, `diverse` and `homogeneous` means and their
    standardised difference `smd` (over the pooled standard deviation of the two), nan without such roles.
    """
    import pandas as pd

    role = np.array(roles)
    table = pd.DataFrame({"diversity": diversity, **columns})
    rows = []
    for name in table:
        values = table[name].to_numpy(float)
        one, other = values[role == "diverse"], values[role == "homogeneous"]
        known = len(diversity) >= 3 and np.isfinite(values).all() and np.ptp(diversity) != 0
        known = known and np.ptp(values) > 1e-12 * max(np.abs(values).max(), 1)
        correlation = float(np.corrcoef(diversity, values)[0, 1]) if known else math.nan
        rows.append((name, correlation, *_contrast(one, other)))
    return pd.DataFrame(rows, columns=["covariate", "correlation", "diverse", "homogeneous", "smd"])


def _contrast(one: Array, other: Array) -> tuple[float, float, float]:
    if min(len(one), len(other)) < 2:
        return math.nan, math.nan, math.nan
    pooled = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    difference = float(one.mean() - other.mean())
    smd = 0.0 if difference == 0 else difference / pooled if pooled > 0 else math.copysign(math.inf, difference)
    return float(one.mean()), float(other.mean()), smd
