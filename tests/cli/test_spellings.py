"""One meaning an option: the spellings that help shows, the old ones that go on working, and what `--output` writes."""

import csv
import json

import pandas as pd
import pytest
import typer.main

from diversity.cli import app

# command: {old spelling: the one that help shows}; "" is an option that keeps a meaning of its own.
OLD = {
    "score": {
        "--sample": "--limit", "--max-tokens": "--max-length", "--out": "", "--metric": "--metrics",
        "--language": "--languages",
    },
    "distances": {"--sample": "--limit", "--figure": "--plot", "--out": "", "--language": "--languages"},
    "contributions": {"--sample": "--limit", "--out": "", "--metric": "--metrics", "--language": "--languages"},
    "propose": {"--sample": "--limit", "--out": "", "--language": "--languages"},
    "design": {"--k": "--size", "--sample": "--limit", "--measure": "--measure-rate", "--metrics": "--metric"},
    "train-mix": {
        "--language": "--languages", "--tokens": "--batch-tokens", "--out": "", "--max-tokens": "--max-length",
        "--sample": "--limit",
    },
    "transfer": {
        "--source-language": "--train-languages", "--tokens": "--batch-tokens", "--out": "",
        "--language": "--languages", "--max-tokens": "--max-length", "--sample": "--limit",
    },
    "retrieve": {"--k": "--neighbours", "--max-tokens": "--max-length", "--out": "", "--language": "--languages"},
    "evaluate": {"--version": "--benchmark", "--json": "", "--out": "", "--language": "--languages"},
    "grid status": {"--json": ""},
    "fit": {"--json": "", "--tables": "", "--out": "", "--metrics": "--metric"},
    "compare": {"--json": "", "--out": "", "--group-column": "--groups", "--metrics": "--metric"},
    "report": {"--remark": "--note", "--group-column": "--groups", "--metrics": "--metric"},
    "tasks": {"--out": ""},
    "metrics": {"--out": ""},
    "data check": {"--out": ""},
    "data fetch": {"--language": "--languages"},
}  # fmt: skip


def commands(command=None, path=()):
    command = command or typer.main.get_command(app)
    if inner := getattr(command, "commands", None):
        for name, sub in inner.items():
            yield from commands(sub, (*path, name))
    else:
        yield " ".join(path), command


@pytest.fixture(scope="module")
def known():
    return dict(commands())


def test_every_old_spelling_is_listed_above(known):
    for name, command in known.items():
        unseen = {o for p in command.params if getattr(p, "hidden", False) for o in p.opts}
        unseen |= {o for old in command.old.values() for o in old}
        assert unseen == set(OLD.get(name, {})), name


@pytest.mark.parametrize(("name", "old", "new"), [(n, o, new) for n, both in OLD.items() for o, new in both.items()])
def test_an_old_spelling_means_the_same_and_is_not_shown(name, old, new, known, run):
    command = known[name]
    parser = command.make_parser(command.make_context(name, [], resilient_parsing=True))
    for spelling in (old, new or old):
        flag = any(spelling in p.opts + command.old.get(p.opts[0], []) and p.is_flag for p in command.params if p.opts)
        given = [spelling] if flag else [spelling, "5"]
        values = parser.parse_args(given)[0]
        (set_,) = [k for k, v in values.items() if v is not None]
        option = next(p for p in command.params if p.name == set_)
        assert option.opts == [new or old]
        assert option.hidden == (not new)
    shown = run(*name.split(), "--help")[1].split()
    assert old not in shown
    assert not new or new in shown


def test_an_old_spelling_works_in_a_whole_command(run, tmp_path):
    old = run("score", "--tasks", "mnli,qqp", "--metric", "cosine", "--format", "csv", "--out", tmp_path / "old.csv")
    new = run("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--output", tmp_path / "new.csv")
    assert (old[0], new[0]) == (0, 0)
    assert old[1] == ""
    assert "cosine" in new[1]
    assert (tmp_path / "old.csv").read_bytes() == (tmp_path / "new.csv").read_bytes()


def test_a_wrong_option_is_answered_with_shown_ones(run):
    code, out, err = run("score", "--tasks", "mnli", "--outpt", "x")
    assert (code, out) == (2, "")
    assert err == "diversity: No such option: --outpt (Possible options: --output, --plot)\n"


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "md", "tex"])
def test_the_suffix_says_the_form(form, run, tmp_path):
    path = tmp_path / f"scores.{form}"
    arguments = ("score", "--mixture", "x=mnli:3,qqp", "--metrics", "cosine,vendi(q=2)")
    code, out, err = run(*arguments, "--output", path)
    assert code == 0
    assert f"wrote {path}" in err
    assert out == run(*arguments)[1]
    records = json.loads(run(*arguments, "--format", "json")[1])
    if form == "json":
        assert json.loads(path.read_text()) == records
    elif form == "csv":
        assert [float(r["value"]) for r in csv.DictReader(path.open())] == [r["value"] for r in records]
    elif form == "parquet":
        frame = pd.read_parquet(path)
        assert frame["value"].tolist() == [r["value"] for r in records]
        assert frame["tasks"].iloc[0].tolist() == ["mnli", "qqp"]
    elif form == "md":
        lines = path.read_text().splitlines()
        assert len(lines) == 2 + len(records)
        assert lines[0].startswith("| mixture | tasks |")
        assert len({line.count("|") for line in lines}) == 1
    else:
        assert path.read_text().count("\\\\\n") == 1 + len(records)
        assert "\\toprule" in path.read_text()


@pytest.mark.parametrize("name", ["x.xlsx", "x.html", "x"])
def test_another_suffix_is_refused_with_those_that_work(name, run, tmp_path):
    code, out, err = run("score", "--tasks", "mnli", "--output", tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "expected --output with a name that ends in .csv, .json, .parquet, .md or .tex" in err
    assert not list(tmp_path.iterdir())


def test_fit_and_compare_write_the_same_numbers_as_by_the_old_option(designs, rng, tmp_path, run):
    weights = designs.subsets(5, [1, 2, 3])
    x = designs.rao(weights, rng)
    y = 60 + 3 * x + rng.normal(size=len(x))
    designs.results(weights, y, languages=("en",), targets=("xnli", "panx")).to_csv(tmp_path / "r.csv", index=False)
    designs.scores(weights, x).to_csv(tmp_path / "s.csv", index=False)
    tables = (
        "--results",
        tmp_path / "r.csv",
        "--scores",
        tmp_path / "s.csv",
        "--metric",
        "cosine",
        "--outcome",
        "mean",
    )
    for name in ("fit", "compare"):
        options = ("--bootstrap", 100) if name == "fit" else ()
        for option, path in (
            ("--json", "old.json"),
            ("--output", "new.json"),
            ("--output", "all"),
            ("--output", "t.csv"),
        ):
            code, out, err = run(name, *tables, *options, option, tmp_path / path)
            assert code == 0, err
            assert "5 tasks" in out
        assert (tmp_path / "old.json").read_bytes() == (tmp_path / "new.json").read_bytes()
        assert (tmp_path / "all" / f"{name}.json").read_bytes() == (tmp_path / "new.json").read_bytes()
        printed = run(name, *tables, *options, "--format", "csv")[1]
        assert (tmp_path / "t.csv").read_text() == printed
    assert {"targets.csv", "pairs.csv", "methods.csv"} <= {p.name for p in (tmp_path / "all").iterdir()}
