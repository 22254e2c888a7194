"""Results and scores with something wrong in them: the study is as the tables say, or it is said, or refused in one line."""

from __future__ import annotations

import gzip
import random
import re
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import designs
import fuzz
import fuzz_readers
import numpy as np
import pandas as pd

from diversity.studies.outcomes import ENGLISH, read_outcomes
from diversity.studies.scores import read_scores
from diversity.studies.study import Study, read_study

TABLES = ("results", "scores")
NUMBERS = (
    "", "nan", "inf", "-inf", "1e999", "1e101", "abc", "66,1", "66.1%", "True", "0x1A", "0.66", "12.5", " 66.1 ",
    "1_000", "٦٦", str(2**70), "None", "-", "1e5", "66.1.2", "0", "-3",
)  # fmt: skip
WORDS = ("", "None", "nan", "x", "en-US", "EN", "accuracy", "Acc", "em", "0", "1.0", "-1", str(2**64), "a\u0301b", "de")


def spelled(rng: random.Random, cell: str) -> str:
    """A cell in another spelling, or another cell."""
    return rng.choice(
        [
            cell.upper(), cell.title(), f" {cell}", f"{cell} ", f"{cell}\u00a0", f"{cell}\u200b", f"'{cell}'", f"[{cell}]",
            cell.replace("+", ";"), cell.replace("+", ","), cell.replace("_", "-"), cell + "x", cell[:-1],
            unicodedata.normalize("NFD", cell + "é"), "+".join(reversed(cell.split("+"))), f"{cell}+{cell}",
        ]
    )  # fmt: skip


@cache
def base(number: int) -> tuple[dict[str, pd.DataFrame], Study]:
    """Results and scores that belong together, each cell a text, and their study; of each number another pair."""
    rng = random.Random(number)
    weights = designs.subsets(4, [1, 2])
    targets = rng.choice([("xnli",), ("xnli", "xquad"), ("udpos", "tatoeba")])
    draws = np.random.default_rng(rng.randrange(2**32))
    y = np.round(draws.uniform(40, 80, len(weights)), 2)
    results = designs.results(
        weights, y, targets=targets, languages=("en", "de", "sw"), seeds=(1, 2), spread=2, rng=draws
    )
    results["value"] = results["value"].round(2)
    scores = designs.scores(weights, np.round(draws.uniform(0.2, 0.9, len(weights)), 4))
    if rng.random() < 0.5:
        scores["tasks"] = [rng.choice(["+", ","]).join(name.split("+")) for name in scores["mixture"]]
        scores["weights"] = ["+".join(["1"] * (name.count("+") + 1)) for name in scores["mixture"]]
    if rng.random() < 0.3:
        results["status"] = "ok"
    tables = {"results": results.astype(str), "scores": scores.astype(str)}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.csv" for name in tables}
        for name, table in tables.items():
            paths[name].write_bytes(content(table))
        known = study(paths)
    assert isinstance(known, Study), known
    return tables, known


def content(table: pd.DataFrame) -> bytes:
    """A table as a CSV file."""
    return table.to_csv(index=False).encode("utf-8", "surrogatepass")


def outcomes(results: pd.DataFrame) -> dict[str, float]:
    """The outcome of each mixture by plain Python: the mean over targets of means over languages of means over seeds."""
    cells: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in results.to_dict("records"):
        cells[row["mixture"], row["target"], row["language"], row["seed"]].append(float(row["value"]))
    for depth in (3, 2, 1):
        means: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for key, values in cells.items():
            means[key[:depth]].append(sum(values) / len(values))
        cells = means
    return {key[0]: sum(values) / len(values) for key, values in cells.items()}


def sorted_name(mixture: str) -> str:
    """The tasks of a mixture in order, however they are joined and enclosed."""
    return "+".join(sorted(re.sub(r"[\[\]'\" ]", "", mixture).replace(",", "+").split("+")))


def study(tables: Mapping[str, Path]) -> Study | str:
    """What is analysed, or the one line that refuses it."""
    return fuzz.answer(
        lambda: read_study(
            read_outcomes(tables["results"]), read_scores(tables["scores"]), metric="cosine", outcome="mean"
        )
    )


def differences(before: Study, after: Study) -> dict[str, tuple[float, float]]:
    """The outcomes, diversities and weights that differ between two studies, by mixture and quantity."""
    if any(set(getattr(before, name)) != set(getattr(after, name)) for name in ("mixtures", "tasks", "targets")):
        return {"mixtures, tasks or targets": (len(before.mixtures), len(after.mixtures))}
    order = [after.mixtures.index(name) for name in before.mixtures]
    numbers = {"y": (before.y, after.y[order]), "x": (before.x, after.x[order])}
    numbers |= {f"weight of {t}": (before.weights[:, i], after.weights[order, i]) for i, t in enumerate(before.tasks)}
    return {
        f"{name} of {mixture}": (float(old), float(new))
        for name, (olds, news) in numbers.items()
        for mixture, old, new in zip(before.mixtures, olds, news, strict=True)
        if not np.isclose(old, new, rtol=1e-9, atol=1e-9)
    }


def said(before: Study, after: Study) -> bool:
    """Does the study say more than before: a note, or something left out?"""
    return bool(set(after.notes) - set(before.notes)) or len(after.left_out) > len(before.left_out)


# --- One thing wrong: each returns what the study has to be --------------------------------------------------------


def number(rng: random.Random, tables: dict[str, pd.DataFrame]) -> str:
    """Another value."""
    table = tables[rng.choice(TABLES)]
    table.loc[rng.randrange(len(table)), "value"] = rng.choice(NUMBERS)
    return "number"


def word(rng: random.Random, tables: dict[str, pd.DataFrame]) -> str:
    """Another text in a cell, or in every cell of a column."""
    table = tables[rng.choice(TABLES)]
    column = rng.choice([c for c in table.columns if c != "value"])
    row = rng.randrange(len(table))
    old = table.loc[row, column]
    new = spelled(rng, old) if rng.random() < 0.7 else rng.choice(WORDS)
    rows = table[column] == old if rng.random() < 0.4 else table.index == row
    table.loc[rows, column] = new
    return "word"


def row(rng: random.Random, tables: dict[str, pd.DataFrame]) -> str:
    """A row gone, twice, or twice with another value."""
    name = rng.choice(TABLES)
    table, at = tables[name], rng.randrange(len(tables[name]))
    again = table.iloc[[at]].assign(**({"value": "50.0"} if rng.random() < 0.5 else {}))
    tables[name] = table.drop(index=table.index[at]) if rng.random() < 0.4 else pd.concat([table, again])
    return "row"


def column(rng: random.Random, tables: dict[str, pd.DataFrame]) -> str:
    """A column gone, under another name, or twice."""
    name = rng.choice(TABLES)
    table, other = tables[name], rng.choice(list(tables[name].columns))
    kind = rng.randrange(3)
    if kind == 0:
        tables[name] = table.drop(columns=other)
    elif kind == 1:
        tables[name] = table.rename(columns={other: rng.choice([other.upper(), f" {other}", f"{other}s", ""])})
    else:
        twice = table[other] if rng.random() < 0.5 else table[other].iloc[::-1].to_numpy()
        tables[name] = pd.concat([table, pd.Series(twice, name=other, index=table.index)], axis=1)
    return "column"


def same(rng: random.Random, tables: dict[str, pd.DataFrame]) -> str:
    """What makes no difference: order, a column of text, other spellings throughout."""
    name = rng.choice(TABLES)
    table, kind = tables[name], rng.randrange(5)
    if kind == 0:
        tables[name] = table.sample(frac=1, random_state=rng.randrange(2**31))
    elif kind == 1:
        tables[name] = table[rng.sample(list(table.columns), len(table.columns))]
    elif kind == 2:
        tables[name] = table.assign(remark="a, b")
    elif kind == 3:
        spelling = rng.choice(["EN", "en-US", "eng", "English"])
        tables["results"] = tables["results"].replace({"language": {"en": spelling}})
    else:
        tables["results"] = tables["results"].replace({"metric": {"accuracy": "Acc", "exact_match": "EM", "f1": "F1"}})
    return "same"


KINDS: tuple[Callable[[random.Random, dict[str, pd.DataFrame]], str], ...] = (number, word, word, row, column, same)
FILES = ("plain", "plain", "plain", "parquet", "lines", "bytes", "separator", "mark", "gzip")


def write(rng: random.Random, tables: Mapping[str, pd.DataFrame], folder: Path) -> tuple[dict[str, Path], str]:
    """The tables as files, one of them perhaps of another form, and what was done."""
    paths = {name: folder / f"{name}.csv" for name in tables}
    how, changed = rng.choice(FILES), rng.choice(TABLES)
    for name, table in tables.items():
        raw = content(table)
        if name == changed and how == "parquet" and not table.columns.duplicated().any():
            paths[name] = folder / f"{name}.parquet"
            typed = table.assign(value=pd.to_numeric(table["value"])) if _numeric(table) else table
            typed.to_parquet(paths[name], index=False)
            continue
        if name == changed and how == "lines":
            raw = fuzz_readers.in_lines(raw.replace(b",", b"\t"), rng).replace(b"\t", b",")
        elif name == changed and how == "bytes":
            raw = fuzz_readers.in_bytes(raw, rng)
        elif name == changed and how == "separator":
            raw = raw.replace(b",", rng.choice([b";", b"\t", b"|", b" ", b", "]))
        elif name == changed and how == "mark":
            raw = rng.choice(fuzz_readers.SAME)(raw)
        elif name == changed and how == "gzip":
            paths[name] = folder / f"{name}.csv.gz"
            raw = gzip.compress(raw, mtime=0) if rng.random() < 0.7 else raw
        paths[name].write_bytes(raw)
    return paths, how


def _numeric(table: pd.DataFrame) -> bool:
    return "value" in table and bool(pd.to_numeric(table["value"], errors="coerce").notna().all())


def rows_of(path: Path, before: pd.DataFrame) -> pd.DataFrame | None:
    """The table of a damaged file, where it still is one of the same columns; None where not."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except Exception:
        return None
    return table if list(table.columns) == list(before.columns) else None


def case(rng: random.Random, folder: Path) -> str:
    """One mutation of two tables: what was done. Raises AssertionError where a study is not what the tables say."""
    tables, before = base(rng.randrange(40))
    changed = {name: table.copy() for name, table in tables.items()}
    what = rng.choice(KINDS)(rng, changed) if rng.random() < 0.7 else "file"
    paths, how = write(rng, changed, folder)
    after = study(paths)
    about = (
        f"{what}, {how}\n{_changes(tables, changed)}\n{after if isinstance(after, str) else differences(before, after)}"
    )
    if what in ("same", "file") and how in ("plain", "parquet", "mark"):
        assert isinstance(after, Study), about
        assert not differences(before, after), about
    elif isinstance(after, Study):
        check(before, after, changed, paths, how, about)
    if rng.random() < 0.002:
        command(rng, paths, folder, refused=isinstance(after, str))
        return "command"
    return f"{what}, {how}"


def check(
    before: Study, after: Study, tables: Mapping[str, pd.DataFrame], paths: Mapping[str, Path], how: str, about: str
) -> None:
    """Whatever differs follows from the rows that the files have, or is said."""
    if how in ("lines", "bytes", "separator"):
        read = {name: rows_of(path, tables[name]) for name, path in paths.items()}
        tables = {name: table for name, table in read.items() if table is not None}
        assert len(tables) == 2, about
    results, scores = (tables[name].apply(lambda c: c.str.strip()) for name in TABLES)
    if not said(before, after):
        results = results.assign(mixture=results["mixture"].map(sorted_name))
        names = results["language"].map(lambda v: "en" if ENGLISH.fullmatch(v) else v)
        expected = outcomes(results.assign(language=names))
        assert set(after.mixtures) == set(expected), about
        assert np.allclose([expected[m] for m in after.mixtures], after.y), about
        x = {sorted_name(m): float(v) for m, v in zip(scores["mixture"], scores["value"], strict=True)}
        assert np.allclose([x[m] for m in after.mixtures], after.x), about
    assert set(after.tasks) <= {*before.tasks, *_tasks(scores), *_tasks(results)}, about


def _tasks(table: pd.DataFrame) -> set[str]:
    cells = [*table["mixture"], *table.get("tasks", ())]
    return {task for cell in cells for task in cell.replace(",", "+").split("+")}


def _changes(before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]) -> str:
    lines = []
    for name in TABLES:
        old, new = (content(tables[name]).decode("utf-8", "replace").splitlines() for tables in (before, after))
        lines += [f"- {line}" for line in old if line not in new][:4] + [
            f"+ {line}" for line in new if line not in old
        ][:4]
    return "\n".join(lines)


def command(rng: random.Random, paths: Mapping[str, Path], folder: Path, *, refused: bool) -> None:
    """The same tables by a command: status 0, or 2 with one line."""
    name = rng.choice(["fit", "fit", "compare", "compare", "report"])
    arguments = [
        name,
        "--metric",
        "cosine",
        "--outcome",
        "mean",
        *(a for n in TABLES for a in (f"--{n}", str(paths[n]))),
    ]
    arguments += ["--permutations", "100"] + (["--bootstrap", "100"] if name != "compare" else [])
    if name == "report":
        arguments += ["--output", str(folder / "report" / "report.html"), "--no-exports"]
    code, _, err = fuzz.command(arguments)
    # A report is written of what can be said, and says what cannot.
    assert code in ((2,) if refused and name != "report" else (0, 2)), (arguments, code, err)
    assert code != 2 or (err.count("\n") == 1 and err.startswith("diversity: ")), err
