"""A plan's hypothesis, frozen when its grid first runs: `hypothesis.json` in the grid's folder, which then binds analyses."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from diversity import store
from diversity.planning.plans import read_plan
from diversity.stats.declared import SHORT, Commitment, Declared
from diversity.types import InputError
from diversity.version import __version__

FILE = "hypothesis.json"


def freeze(declared: Declared, folder: Path, *, name: str, late: bool = False) -> str:
    """Write what a plan declares to a grid's folder, if nothing is frozen there; a note where that is or was too late.

    `late` says that the folder has results already. What was frozen first stays valid.
    """
    if (folder / FILE).exists():
        known = read_frozen(folder / FILE)
        if known.declared.hash == declared.hash:
            return ""
        return (
            f"the plan's hypothesis is not the one that was frozen {known.frozen}, which stays valid: hash "
            f"{known.declared.hash[:SHORT]} is frozen, {declared.hash[:SHORT]} is the plan's now"
        )
    if not declared.content:
        return ""
    today = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {
        "hypothesis": declared.content, "hash": declared.hash, "frozen": today, "late": late, "plan": name,
        "version": __version__,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    store.write(folder / FILE, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return "the hypothesis is frozen now, when there are results already" if late else ""


def read_frozen(file: Path) -> Commitment:
    """What was frozen; raises InputError where the file is broken, or says something else than its hash."""
    try:
        record: dict[str, Any] = json.loads(file.read_text("utf8"))
        declared = Declared(**record["hypothesis"])
        frozen, digest, late = str(record["frozen"]), record["hash"], bool(record.get("late", False))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file}: expected a frozen hypothesis, found what cannot be read: {error!r}") from None
    if declared.hash != digest:
        raise InputError(
            f"{file}: expected the hypothesis that was frozen {frozen} (hash {str(digest)[:SHORT]}), found another (hash "
            f"{declared.hash[:SHORT]}): the file was changed"
        )
    return Commitment(declared, frozen, str(file), late)


def read_commitment(
    plan: Path | str | None = None, *, results: Path | str | None = None, reason: str = ""
) -> tuple[Commitment | None, tuple[str, ...]]:
    """What binds an analysis, and notes: a plan (TOML), a grid's folder, or the folder that the results lie in.

    What was frozen in the folder of the results is valid, whatever a plan says now. None where there is neither. `reason`
    says why the analysis departs from it.

    Parameters
    ----------
    plan
        A plan (TOML).
    results
        A grid's folder, or a file in it.
    reason
        Why the analysis departs from what was declared.

    Returns
    -------
    tuple[Commitment | None, tuple[str, ...]]
        What binds the analysis, if anything, and notes.

    Raises
    ------
    InputError
        For a plan that cannot be read, and a folder without one.

    Examples
    --------
    >>> read_commitment("analyses/grid/plan.toml")[0].declared.metric
    'vendi_beta(q=2)'
    """
    beside = None if results is None else Path(results) if Path(results).is_dir() else Path(results).parent
    frozen = read_frozen(beside / FILE) if beside is not None and (beside / FILE).is_file() else None
    if plan is None:
        return None if frozen is None else replace(frozen, reason=reason), ()
    file = Path(plan) / FILE if Path(plan).is_dir() else Path(plan)
    if not file.is_file():
        raise InputError(f"{file}: expected a plan, or the folder of a grid that was run, found none")
    given = read_frozen(file) if file.suffix == ".json" else Commitment(read_plan(file).declared, source=str(file))
    if frozen is None:
        if not given.declared.content:
            raise InputError(f"{file}: expected a plan with a table [hypothesis], found none")
        return replace(given, reason=reason), ()
    notes = []
    if given.declared.hash != frozen.declared.hash:
        notes.append(
            f"{file} declares another hypothesis (hash {given.declared.hash[:SHORT]}) than was frozen {frozen.frozen} (hash "
            f"{frozen.declared.hash[:SHORT]}), which stays valid"
        )
    return replace(frozen, reason=reason), tuple(notes)
