"""The report from tables, whole and with parts missing, in a real browser."""

import re

import pandas as pd
import pytest

from diversity.cli import main
from diversity.display.numbers import amount
from diversity.reporting.report import Presentation, report
from diversity.stats.analysis import Analysis
from diversity.stats.fit import fit

TASKS = ["mnli", "qqp", "squad_v1", "hellaswag", "<script>alert(1)</script>"]
ANALYSIS = Analysis("mean", permutations=200, bootstrap=100)
QUICK = {"analysis": ANALYSIS, "metric": "vendi(q=2)"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, made_tables):
    results, scores = made_tables
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
        shown.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert shown.evaluate("[...document.images].every(i => i.clientWidth <= window.innerWidth)")
        assert "<script>alert(1)</script>" in shown.locator("#accuracy").inner_text()


def test_the_first_screen_has_the_answer_and_a_figure(whole, browse):
    with browse(whole.html) as (shown, _):
        seen = shown.evaluate(
            "['.answer', '#figure-effect', '#figure-scatter']"
            ".map(s => document.querySelector(s).getBoundingClientRect().bottom)"
        )
        assert max(seen) <= 900
        card = shown.locator(".diversity-card").inner_text().replace("\u00a0", " ")
    assert whole.fit.sentence.removeprefix("No clear effect. ") in card
    assert "15 mixtures × 3 targets × 2 seeds, 3 languages; 5 training tasks" in card


def test_details_are_open_on_paper_and_sheets_are_numbered(whole, browse):
    with browse(whole.html) as (shown, _):
        open_now = "document.querySelector('details table').checkVisibility()"
        assert not shown.evaluate(open_now)
        shown.emulate_media(media="print")
        assert shown.evaluate(open_now)
    assert "counter(page)" in whole.html.read_text("utf8")


def test_headings_of_tables_are_words(whole):
    html = whole.html.read_text("utf8")
    headings = set(re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', html))
    assert {"p (Holm)", "R², each task left out", "95 % interval"} <= headings
    assert not {h for h in headings if "_" in h}
    assert not re.search(
        r"\b(nan|[+-]inf|NaN)\b|\(\s*\)", re.sub(r'src(set)?="[^"]*"|lambda[^<]*', "", html.split("<body>")[1])
    )


def test_declared_roles_are_found(made_tables, tmp_path):
    results, scores = made_tables
    two = sorted(m for m in results["mixture"].unique() if "+" in m)
    role = dict(zip(two, ["diverse", "homogeneous"] * len(two), strict=False))
    named = results.assign(role=results["mixture"].map(role).fillna("single"))
    page = Presentation(exports=False)
    found = report(named, scores, output=tmp_path / "r.html", presentation=page, **QUICK)
    assert found.comparison.metric == "group"
    assert "declared diverse and homogeneous mixtures" in found.html.read_text("utf8")


def test_the_verdict_is_that_of_the_numbers(whole):
    html = whole.html.read_text("utf8")
    assert whole.fit.verdict == "not established"
    assert "No clear effect." in html
    assert f"scored {amount(abs(whole.fit.slope_per_sd))} points" in html.replace("\u00a0", " ")
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
        (
            {"seeds": (0,), "targets": ("xnli",), "tasks": TASKS[:4]},
            ["Every cell was run with one seed", "the results have one target"],
        ),
        ({"sizes": (1,), "tasks": TASKS[:3]}, ["A slope cannot be computed", "The comparison cannot be shown"]),
        ({"sizes": (2,), "tasks": TASKS[:3]}, ["A slope cannot be computed", "The comparison cannot be shown"]),
    ],
)
def test_a_missing_part_is_explained_in_place(changes, said, tmp_path, make_tables):
    results, scores = make_tables(**changes)
    found = report(results, scores, output=tmp_path / "r.html", presentation=Presentation(exports=False), **QUICK)
    html = found.html.read_text("utf8")
    assert all(text in html for text in said)
    assert found.files == ()


def test_the_same_tables_give_the_same_page(whole, made_tables, tmp_path):
    again = report(*made_tables, output=tmp_path / "r.html", presentation=Presentation(exports=False), **QUICK)
    assert again.html.read_bytes() == whole.html.read_bytes()


def test_the_command(tmp_path, capsys, make_tables):
    results, scores = make_tables(targets=("xnli",), tasks=TASKS[:4])
    results.to_csv(tmp_path / "R.csv", index=False)
    scores.to_csv(tmp_path / "S.csv", index=False)
    given = ["--results", str(tmp_path / "R.csv"), "--scores", str(tmp_path / "S.csv"), "--no-exports"]
    short = ["--outcome", "xnli", "--permutations", "200", "--bootstrap", "100"]
    with pytest.raises(SystemExit) as stop:
        main(["report", *given, *short, "--metric", "cosine", "--output", str(tmp_path / "r.html")])
    assert not stop.value.code
    assert "No clear effect. Mixtures one standard deviation more diverse" in capsys.readouterr().out
    for metric, output, line in (("cosin", "r.html", "cosine"), ("cosine", "r.txt", "ends in .html")):
        with pytest.raises(SystemExit) as stop:
            main(["report", *given, *short, "--metric", metric, "--output", str(tmp_path / output)])
        error = capsys.readouterr().err
        assert stop.value.code == 2
        assert line in error
        assert error.count("\n") == 1


def test_each_table_and_figure_of_the_report_is_there(whole):
    html = whole.html.read_text("utf8")
    first = "verdict slopes comparison diversity accuracy specifications".split()
    parts = [*first, *"influence checks design failed methods provenance".split()]
    assert re.findall(r'<section id="([a-z]+)"', html) == parts
    figures = "effect scatter forest null pairs diversity accuracy specifications influence power".split()
    assert re.findall(r'<figure id="figure-([a-z]+)"', html) == figures
    assert all(len(alt) > 20 for alt in re.findall(r'<img src="[^"]+" alt="([^"]*)"', html))


def test_the_methods_are_what_was_done(whole):
    html = whole.html.read_text("utf8")
    said = html.split('id="methods-title"')[1].split("</section>")[0]
    fit = whole.fit
    assert f"{fit.n_mixtures} mixtures of {fit.n_tasks} English tasks with vendi(q=2)" in said
    assert "embedded with the sentence encoder [name]" in said
    assert "permutes the labels of the tasks: outcomes stay" in said
    assert "relabelled mixture is known (all 120)" in said
    assert "exact if which task has which texts does not matter to outcomes" in said
    assert "3 targets, 3 languages, 2 seeds" in said
    assert "Question answering counts as the mean of exact match and F1" in said
    assert f"a slope of {fit.minimum_detectable_slope:.1f} points is detected with 80 % power" in said


def test_one_encoder_some_rows_and_covariates_as_in_fit(tmp_path, make_tables):
    results, scores = make_tables(targets=("xnli",), tasks=TASKS[:4])
    other = scores.assign(encoder="other", value=scores["value"].iloc[::-1].to_numpy())
    several = pd.concat([scores.assign(encoder="first"), other])
    layers = pd.concat([results.assign(layer=1), results.assign(layer=2, value=results["value"] + 1)])
    results_file, scores_file = tmp_path / "R.csv", tmp_path / "S.csv"
    layers.to_csv(results_file, index=False)
    several.to_csv(scores_file, index=False)
    given = [
        "report",
        "--results",
        str(results_file),
        "--scores",
        str(scores_file),
        "--metric",
        "cosine",
        "--outcome",
        "xnli",
    ]
    short = ["--permutations", "200", "--bootstrap", "100", "--no-exports", "--output", str(tmp_path / "r.html")]
    chosen = ["--where", "layer=2", "--encoder", "first", "--covariates", "k", "--no-english"]
    with pytest.raises(SystemExit) as stop:
        main([*given, *short, *chosen])
    assert not stop.value.code
    html = (tmp_path / "r.html").read_text("utf8")
    expected = fit(
        layers[layers["layer"] == 2], several[several["encoder"] == "first"], metric="cosine", outcome="xnli",
        covariates=("k",), analysis=Analysis(english=False, permutations=200, bootstrap=100),
    )  # fmt: skip
    assert expected.sentence.partition(". ")[2] in html.replace("\u00a0", " ")
    assert "Covariates in the regression: k." in html
    assert "permutes the labels of the tasks" in html
    assert "not closed under relabelling" not in html
    assert "English included" not in html
    assert "layer = 2" in html


def test_a_mixture_that_was_lost_leaves_the_test_what_it_is(tmp_path, make_tables):
    results, scores = make_tables(targets=("xnli",), tasks=TASKS[:4])
    lost = results["mixture"] == "mnli+qqp"
    broken = results.assign(status="done").mask(lost, results.assign(status="failed"))
    found = report(broken, scores, output=tmp_path / "r.html", presentation=Presentation(exports=False), **QUICK)
    html = found.html.read_text("utf8")
    assert "relabelled mixture is known (all 24)" in html  # the scores have those of the one that was lost
    assert "6 rows of the tables left out" in html
    assert "Of 10 mixtures with a score, 1 have no result." in html


def test_what_results_cannot_answer_is_told_first(make_tables):
    from diversity.reporting.sections import cautions

    runs = pd.DataFrame({"language": ["en", "de"], "value": [60.0, 0.0]})
    assert cautions(runs) == []
    (english,) = cautions(runs.assign(language="en"))
    assert "nothing about transfer to other languages" in english
    (unit,) = cautions(runs.assign(value=[0.6, 0.5]))
    assert "points of 100 are expected" in unit
