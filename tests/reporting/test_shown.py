"""What every result can do, and how a table of scores prints."""

import copy
import json
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import diversity
from diversity import Presentation, report
from diversity.types import InputError

QUICK = diversity.Analysis("mean", permutations=199, bootstrap=100)


@pytest.fixture(scope="module")
def results(made_tables, tmp_path_factory):
    """One result of each kind, by the name of its class."""
    table, scores = made_tables
    fit = diversity.fit(table, scores, metric="cosine", analysis=QUICK)
    page = tmp_path_factory.mktemp("page") / "report.html"
    tasks = ["mnli", "qqp", "ccg"]
    hypothesis = diversity.Hypothesis(targets=("xnli",))
    assumed = diversity.Assumptions(draws=20)
    listed = [
        fit,
        diversity.compare(table, scores, metric="cosine", analysis=QUICK),
        report(table, scores, metric="cosine", output=page, analysis=QUICK, presentation=Presentation(exports=False)),
        diversity.design(tasks, size=2, scheme="closed", hypothesis=hypothesis, assumptions=assumed),
        diversity.propose(tasks, ties=False),
        diversity.from_arrays({"a": np.random.default_rng(0).normal(size=(9, 4)), "b": np.eye(4)}),
        diversity.mixed_membership([1.0, 2, 3, 4, 6, 2], None, np.repeat(np.eye(3), 2, axis=0)),
    ]
    return {type(result).__name__: result for result in listed}


KINDS = ["Fit", "Comparison", "Report", "Design", "Proposal", "EmbeddedTasks", "MixedMembership"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_shown_in_every_form(results, kind):
    result = results[kind]
    assert repr(result).startswith(f"{kind}(")
    assert len(repr(result)) < 600
    assert "\n" not in repr(result)
    assert result._repr_html_().startswith("<style>")
    assert result.card.answer in result.summary().replace("\n", " ")
    assert len(result.to_frame())
    assert json.dumps(result.to_dict(), default=str)
    assert r"\toprule" in result.to_latex()
    assert r"\caption{Mine.}" in result.to_latex(caption="Mine.")


@pytest.mark.parametrize("kind", KINDS[:6])
def test_a_result_is_drawn(results, kind):
    import matplotlib.pyplot as plt

    assert isinstance(results[kind].plot(), Figure)
    figure, ax = plt.subplots()
    what = "null" if kind in ("Fit", "Report") else "power" if kind == "Design" else ""
    if kind != "EmbeddedTasks":  # whose figure has two panels
        assert results[kind].plot(what, ax=ax) is figure
    plt.close(figure)


def test_a_report_draws_the_figures_of_its_parts(results):
    page = results["Report"]
    for what in ("effect", "targets", "mixtures", "influence", "power", "pairs"):
        assert isinstance(page.plot(what), Figure)
    with pytest.raises(InputError, match="unknown figure of a Report"):
        page.plot("maps")


def test_tasks_and_metrics_have_a_short_repr():
    assert repr(diversity.task("mnli")) == "Task(mnli: MultiNLI; classification, intermediate, en)"
    assert repr(diversity.metric("vendi")).startswith("Metric(vendi(q=1): ")
    assert "0x" not in repr(diversity.metric("vendi"))


def test_a_table_of_scores_prints_its_values():
    table = diversity.score(["mnli", "qqp"], all_subsets=True, metrics=["cosine"])
    lines = repr(table).splitlines()
    assert lines[0].split() == ["mixture", "metric", "value", "95", "%", "interval", "n", "estimator"]
    assert lines[3].split()[:3] == ["mnli+qqp", "cosine", "0.9705"]
    assert max(map(len, lines)) <= 80
    assert "<td>0.97" in table._repr_html_()
    assert isinstance(table, pd.DataFrame)
    assert type(table[["mixture"]]) is type(table.copy()) is type(table.to_frame()) is pd.DataFrame
    assert pickle.loads(pickle.dumps(table)).equals(table)
    assert copy.deepcopy(table).equals(table)
    assert table.to_dict("records")[0]["mixture"] == "mnli"
    assert isinstance(table.plot(), Figure)
    assert len(table.plot.line(y="value").lines) == 1
    assert r"mnli+qqp & cosine & 0.9705 & $[0.9698, 0.9712]$" in table.to_latex()
    assert r"\toprule" in table.to_latex(index=False)
    with pytest.raises(AttributeError):
        _ = table.plot.nothing


def test_a_long_table_of_scores_prints_its_ends():
    tasks = ["mnli", "qqp", "ccg", "squad_v1", "cosmosqa", "hellaswag"]
    table = diversity.score(tasks, all_subsets=True, metrics=["cosine"], intervals=False)
    lines = repr(table).splitlines()
    assert len(lines) == 42
    assert lines[21] == "  … 23 more rows …"
    assert diversity.contributions(["mnli", "qqp"], metrics=["cosine"]).summary().split()[:6] == [
        "mixture", "task", "metric", "alone", "gain", "shapley",
    ]  # fmt: skip


def test_tables_of_polars_and_arrow_are_taken(made_tables, tmp_path):
    import polars
    import pyarrow

    table, scores = made_tables
    expected = diversity.fit(table, scores, metric="cosine", analysis=QUICK, details=False).to_dict()
    for kind in (polars.DataFrame, lambda t: polars.DataFrame(t).lazy(), pyarrow.Table.from_pandas):
        found = diversity.fit(kind(table), kind(scores), metric="cosine", analysis=QUICK, details=False)
        assert found.to_dict() == expected
    given = polars.DataFrame(table), polars.DataFrame(scores)
    assert diversity.compare(*given, metric="cosine", analysis=QUICK).n_pairs
    page = report(
        *given, metric="cosine", output=tmp_path / "r.html", analysis=QUICK, presentation=Presentation(exports=False)
    )
    assert page.fit.to_dict() == diversity.fit(table, scores, metric="cosine", analysis=QUICK).to_dict()
    assert isinstance(diversity.plot(given[0]), Figure)
    shipped = diversity.score(["mnli", "qqp", "ccg"], all_subsets=True, metrics=["cosine"])
    named = polars.from_pandas(shipped)
    rows = [(m, "xnli", "en", 1, "accuracy", 60.0 + i) for i, m in enumerate(shipped["mixture"])]
    runs = polars.DataFrame(rows, schema=["mixture", "target", "language", "seed", "metric", "value"], orient="row")
    assert diversity.fit(runs, named, metric="cosine", outcome="xnli", details=False).n_mixtures == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diversity.score(Path("my.txt")), r"found one path: write \['my.txt'\]"),
        (lambda: diversity.score([Path("my.txt")]), "found a path: write 'my.txt'"),
        (lambda: diversity.from_arrays(np.eye(3)), r'found a ndarray: write \{"mine": vectors\}'),
        (lambda: diversity.from_arrays({"a": ["one text"]}), "a: expected vectors, found texts: score and measure"),
        (lambda: diversity.load_moments("mnli"), r"found one text: write \['mnli'\]"),
        (
            lambda: diversity.fit({"mixture": []}, "s.csv", metric="cosine"),
            "a DataFrame or a file, found a dict: write",
        ),
        (lambda: diversity.fit(None, "s.csv", metric="cosine"), "found a NoneType"),
        (lambda: diversity.plot("scores.csv"), "found a str: read it first, with pandas.read_csv"),
    ],
)
def test_a_mistake_of_a_first_hour_gets_the_line_that_helps(call, message, made_tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_tables[1].to_csv("s.csv", index=False)
    with pytest.raises(InputError, match=message):
        call()


def test_a_folder_of_rows_may_be_text():
    assert diversity.Rows("data/samples", "test") == diversity.Rows(Path("data/samples"), "test")


def test_a_file_that_does_not_exist_is_named_with_files_beside_it(made_tables, tmp_path):
    made_tables[0].to_csv(tmp_path / "results.csv", index=False)
    for call in (
        lambda path: diversity.fit(path, made_tables[1], metric="cosine"),
        lambda path: diversity.read_wide(path, weights="train_*", outcomes="valid_*"),
        diversity.read_plan,
    ):
        with pytest.raises(
            InputError, match=r"result.csv: expected .*, found no such file: did you mean results.csv\?"
        ):
            call(tmp_path / "result.csv")
        with pytest.raises(InputError, match=r"found no folder .*nowhere"):
            call(tmp_path / "nowhere" / "result.csv")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_tables_compile_in_latex(results, tmp_path):
    tables = [result.to_latex() for result in results.values()]
    tables.append(diversity.score(["mnli", "qqp"], all_subsets=True).to_latex())
    lines = [
        r"\documentclass{article}",
        r"\usepackage{booktabs,siunitx}",
        r"\begin{document}",
        *tables,
        r"\end{document}",
    ]
    (tmp_path / "tables.tex").write_text("\n".join(lines), "utf8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
