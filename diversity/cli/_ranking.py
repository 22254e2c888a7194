"""Scores as `diversity score` prints them: a ranking with intervals, and a sentence for each mixture."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from diversity.cli._common import columns, interval_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 60  # rows of a table of many mixtures
SENTENCES = 12  # mixtures that have a sentence each
MORE = "All numbers: --output scores.csv. What a metric says: diversity metrics NAME.\n"
SCALE = "cosine: 0 means that all texts are alike, about 1 that they are unrelated.\n"


def scores_text(table: pd.DataFrame) -> str:
    """The scores of one encoder: of one mixture every metric, of several a ranking."""
    mixtures = table["mixture"].drop_duplicates().tolist()
    if table.duplicated(["mixture", "metric"]).any():
        return _by_size(table, mixtures)
    return _one(table) if len(mixtures) == 1 else _ranking(table)


def _one(table: pd.DataFrame) -> str:
    rows = [
        [r["metric"], f"{r['value']:.4f}", interval_text(r["low"], r["high"]), f"{r['n']:,}", r["estimator"]]
        for r in table.to_dict("records")
    ]
    head = table.iloc[0]
    parts = ", ".join(f"{t} {w:.3g}" for t, w in zip(head["tasks"], head["weights"], strict=True))
    what = head["mixture"] if (head["mixture"],) == tuple(head["tasks"]) else f"{head['mixture']}: {parts}"
    said = _said(table)
    lines = [f"{what} (encoder {head['encoder']})", "", *([*textwrap.wrap(said, columns()), ""] if said else [])]
    return "\n".join(lines) + "\n" + text_table(["metric", "value", "95 % interval", "n", "estimator"], rows, (1, 2, 3))


def _ranking(table: pd.DataFrame) -> str:
    """The mixtures from the most diverse to the least, by the metric that tells most of them."""
    from diversity.catalog import parse_metric

    metric = _leading(table)
    larger = parse_metric(metric)[0].larger
    wide = table.pivot(index="mixture", columns="metric", values="value")
    leading = table[table["metric"] == metric].set_index("mixture")
    order = leading["value"].sort_values(ascending=larger == "less diverse", kind="stable").index
    varying = [m for m in table["metric"].drop_duplicates() if m != metric and wide[m].nunique() > 1]
    shown = list(enumerate(order, 1))
    cut = ""
    if len(shown) > SHOWN:
        half = SHOWN // 2
        cut = f"\n{len(shown)} mixtures: the first {half} and the last {half}.\n"
        shown = [*shown[:half], *shown[-half:]]
    digits = {m: _digits(wide[m]) for m in (metric, *varying)}
    has_ends = leading["low"].notna().any()
    rows = []
    for rank, name in shown:
        low, high = leading.loc[name, ["low", "high"]]
        ends = [f"{low:.{digits[metric]}f} to {high:.{digits[metric]}f}" if math.isfinite(low) else "-"]
        others = [f"{wide.loc[name, m]:.{digits[m]}f}" for m in varying]
        rows.append(
            [str(rank), name, f"{leading.loc[name, 'value']:.{digits[metric]}f}", *(ends if has_ends else []), *others]
        )
    header = ["", "mixture", metric, *(["95 % interval"] if has_ends else []), *varying]
    encoder = f"(encoder {table['encoder'].iloc[0]})"
    first = "Largest" if larger.startswith("neither") else "Most diverse"
    title = f"{first} first, by {metric}{' (less is more diverse)' if larger == 'less diverse' else ''} {encoder}\n\n"
    body = text_table(header, rows, right=[0, *range(2, len(header))]) + cut + "\n"
    return title + body + _sentences(table, list(order)) + (SCALE if "cosine" in (metric, *varying) else "") + MORE


def _sentences(table: pd.DataFrame, order: list[str]) -> str:
    """What the scores of each mixture say, where they are few."""
    if len(order) > SENTENCES:
        return ""
    by_mixture = dict(iter(table.groupby("mixture", sort=False)))
    said = {name: _said(by_mixture[name]) for name in order}
    lines = [textwrap.fill(f"{name}: {text[0].lower()}{text[1:]}", columns()) for name, text in said.items() if text]
    return "\n".join([*lines, "", ""]) if lines else ""


def _said(table: pd.DataFrame) -> str:
    from diversity.scoring.words import sentence

    return sentence(dict(zip(table["metric"], table["value"], strict=True)), len(table["tasks"].iloc[0]))


def _leading(table: pd.DataFrame) -> str:
    """The metric that mixtures are ranked by: the first, or of the default ones the one that tells these mixtures apart."""
    from diversity.catalog import METRICS
    from diversity.scoring.words import NUMBER, TASKS

    metrics = table["metric"].drop_duplicates().tolist()
    if metrics != list(METRICS):
        return str(metrics[0])
    return TASKS if table["tasks"].map(len).min() > 1 else NUMBER


def _digits(values: pd.Series[float]) -> int:
    """Decimals by which the largest value has four digits."""
    largest = values.abs()[values.abs() < math.inf].max()
    return min(max(0, 3 - math.floor(math.log10(largest))), 4) if largest > 0 else 4


def _by_size(table: pd.DataFrame, mixtures: list[str]) -> str:
    """A column for each metric and number of rows, as --rarefy asks for them."""
    label = table["metric"] + " n=" + table["n"].astype(str)
    wide = table.assign(label=label).pivot(index="mixture", columns="label", values="value").loc[mixtures]
    shown = wide[label.drop_duplicates()]
    cut = ""
    if len(wide) > SHOWN:
        shown, half = shown.sort_values(shown.columns[0], ascending=False), SHOWN // 2
        shown = shown.iloc[[*range(half), *range(len(shown) - half, len(shown))]]
        cut = f"\n{len(wide)} mixtures: the first {half} and the last {half}.\n"
    rows = [[name, *(f"{v:.4f}" for v in line)] for name, line in zip(shown.index, shown.to_numpy(), strict=True)]
    encoder = f"\nencoder {table['encoder'].iloc[0]}. {MORE}"
    return text_table(["mixture", *shown.columns], rows, right=range(1, shown.shape[1] + 1)) + cut + encoder
