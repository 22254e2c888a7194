"""The report from tables, whole and with parts missing, in a real browser."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest

from diversity.cli import main
from diversity.reporting.composing import report

TASKS = ["mnli", "qqp", "squad_v1", "hellaswag", "<script>alert(1)</script>"]
QUICK = {"permutations": 200, "bootstrap": 100, "metric": "vendi(q=2)", "outcome": "mean"}


def tables(sizes=(1, 2), targets=("xnli", "xquad", "tatoeba"), seeds=(0, 1), tasks=TASKS):
    """Results and scores of mixtures: each the mean of its tasks, no effect of diversity."""
    rng = np.random.default_rng(3)
    effect = dict(zip(tasks, rng.normal(0, 2, len(tasks)), strict=True))
    mixtures = [m for k in sizes for m in itertools.combinations(sorted(tasks), k)]
    scores = pd.DataFrame(
        [("+".join(m), metric, len(m) + rng.normal(0, 0.3)) for m in mixtures for metric in ("vendi(q=2)", "cosine")],
        columns=["mixture", "metric", "value"],
    )
    scores = scores.assign(low=scores["value"] - 0.1, high=scores["value"] + 0.1)
    rows = []
    for m, target, lang, seed in itertools.product(mixtures, targets, ("en", "de", "th"), seeds):
        value = 60 + np.mean([effect[t] for t in m]) + rng.normal(0, 0.5)
        metrics = ("exact_match", "f1") if target == "xquad" else ("accuracy",)
        rows += [("+".join(m), target, lang, seed, metric, value) for metric in metrics]
    return pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"]), scores


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    results, scores = tables()
    return report(results, scores, output=tmp_path_factory.mktemp("report") / "report.html", **QUICK)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_report_in_a_browser(whole, browse, width, dark):
    with browse(whole.html, width=width, dark=dark) as (shown, seen):
        assert seen.complaints == []
        assert [u for u in seen.requests if not u.startswith(("data:", whole.html.as_uri()))] == []
        sizes = shown.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.alt.length])")
        assert len(sizes) >= 6
        assert all(complete and across > 100 and alt > 20 for complete, across, alt in sizes)
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert shown.locator("script").count() == 0
        assert "<script>alert(1)</script>" in shown.locator("#accuracy").inner_text()


def test_the_verdict_is_that_of_the_numbers(whole):
    html = whole.html.read_text("utf8")
    assert whole.fit.verdict == "not established"
    assert "Not established." in html
    assert f"{whole.fit.slope_per_sd:+.3g}" in html
    for id in re.findall(r'<section id="([a-z]+)"', html):
        assert f'href="#{id}"' in html
    assert "<script" not in html


def test_tables_and_figures_lie_beside_it(whole):
    names = {p.name for p in whole.files}
    assert {"methods.csv", "methods.tex", "forest.png", "forest.svg", "forest.pdf", "accuracy.png"} <= names
    assert all(p.stat().st_size for p in whole.files)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": (0,)}, "every cell was run with one seed"),
        ({"targets": ("xnli",)}, "the results have one target"),
        ({"sizes": (1,), "tasks": TASKS[:3]}, "A slope cannot be shown"),
        ({"sizes": (2,), "tasks": TASKS[:3]}, "The comparison cannot be shown"),
    ],
)
def test_a_missing_part_is_explained_in_place(changes, said, tmp_path):
    results, scores = tables(**changes)
    found = report(results, scores, output=tmp_path / "r.html", exports=False, **QUICK)
    assert said in found.html.read_text("utf8")
    assert found.files == ()


def test_the_same_tables_give_the_same_page(tmp_path):
    results, scores = tables(sizes=(1, 2), targets=("xnli",), tasks=TASKS[:4])
    pages = [report(results, scores, output=tmp_path / n / "r.html", exports=False, **QUICK).html for n in "ab"]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_the_command(tmp_path, capsys):
    results, scores = tables(targets=("xnli",), tasks=TASKS[:4])
    results.to_csv(tmp_path / "R.csv", index=False)
    scores.to_csv(tmp_path / "S.csv", index=False)
    given = ["--results", str(tmp_path / "R.csv"), "--scores", str(tmp_path / "S.csv"), "--no-exports"]
    short = ["--outcome", "xnli", "--permutations", "200", "--bootstrap", "100"]
    with pytest.raises(SystemExit) as stop:
        main(["report", *given, *short, "--metric", "cosine", "--output", str(tmp_path / "r.html")])
    assert not stop.value.code
    assert "4 tasks" in capsys.readouterr().out
    for metric, output, line in (("cosin", "r.html", "cosine"), ("cosine", "r.txt", "ends in .html")):
        with pytest.raises(SystemExit) as stop:
            main(["report", *given, *short, "--metric", metric, "--output", str(tmp_path / output)])
        error = capsys.readouterr().err
        assert stop.value.code == 2
        assert line in error
        assert error.count("\n") == 1
