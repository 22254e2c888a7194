"""Pages in a real browser: nothing asked for, nothing complained of, everything drawn, text stays text."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from diversity.reporting import page, plots, style
from diversity.reporting.page import Figure, Paragraph, Section, Table

HOSTILE = "<script>alert(1)</script> & \"quotes\" 'too' <img src=https://example.org/x.png>"


def estimates(count=5):
    rng = np.random.default_rng(0)
    values = rng.normal(size=count)
    labels = [f"target {i}" for i in range(count - 1)] + ["pooled"]
    return pd.DataFrame({"label": labels, "estimate": values, "low": values - 1, "high": values + 1})


def sections():
    table = pd.DataFrame({"mixture": [HOSTILE, "mnli"], "value": [0.5, np.nan], "n": [1, 2]})
    forest = Figure(
        lambda: plots.forest(estimates(), xlabel="points", pooled=["pooled"]),
        f"Forest {HOSTILE}",
        "A forest.",
        "forest",
    )
    return [
        Section("verdict", HOSTILE, (Paragraph(HOSTILE, "lead"), Paragraph("Not there.", "missing"))),
        Section("table", "A table", (Table(table, HOSTILE, "mixtures"), forest)),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page.render(HOSTILE, sections()), "utf8")
    return path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_page_in_a_browser(written, browse, width, dark):
    with browse(written, width=width, dark=dark) as (shown, seen):
        assert seen.complaints == []
        assert [u for u in seen.requests if not u.startswith(("data:", written.as_uri()))] == []
        assert shown.locator("script").count() == 0
        assert shown.locator("h1").inner_text() == HOSTILE
        sizes = shown.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
        assert len(sizes) == 1
        assert all(complete and across > 100 for complete, across in sizes)
        assert all(shown.evaluate("[...document.images].map(i => i.alt.length)"))
        # the page itself never scrolls sideways: wide tables scroll within their own frame
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert len(shown.screenshot(full_page=True)) > 10_000


def test_the_keyboard_reaches_tables_and_the_skip_link(written, browse):
    with browse(written) as (shown, _):
        reached = []
        for _ in range(6):
            shown.keyboard.press("Tab")
            reached.append(shown.evaluate("document.activeElement.className || document.activeElement.tagName"))
        assert reached[0] == "skip"
        assert "scroll" in reached


def test_each_table_has_headers_and_a_caption(written, browse):
    with browse(written) as (shown, _):
        assert shown.locator("table caption").count() == shown.locator("table").count() == 1
        assert shown.locator("tbody th[scope=row]").count() == 2
        assert shown.locator("thead th[scope=col]").count() == 3


def test_the_same_page_has_the_same_bytes():
    assert page.render("a", sections()) == page.render("a", sections())


def test_the_dark_figure_is_the_one_that_would_be_drawn():
    drawn = [b for s in sections() for b in s.blocks if isinstance(b, Figure)]
    pairs = pd.DataFrame({"homogeneous": [1.0, 2.0], "diverse": [2.0, 1.0]})
    drawn.append(Figure(lambda: plots.pairs(pairs, ylabel="y"), "", "", "pairs"))
    for figure in drawn:
        light, dark = (re.sub(r"\b[a-z][0-9a-f]{10}\b", "id", page.svg(figure, dark=d)) for d in (False, True))
        assert style.darkened(light) == dark
        assert page.svg(figure) != page.svg(figure, dark=True)


def test_exports(tmp_path):
    files = {p.name: p for p in page.export(sections(), tmp_path)}
    assert set(files) == {"mixtures.csv", "mixtures.tex", "forest.png", "forest.svg", "forest.pdf"}
    assert files["forest.png"].read_bytes().startswith(b"\x89PNG")
    assert files["forest.pdf"].read_bytes().startswith(b"%PDF")
    assert ElementTree.parse(files["forest.svg"]).getroot().tag.endswith("svg")
    assert pd.read_csv(files["mixtures.csv"])["mixture"][0] == HOSTILE
    latex = files["mixtures.tex"].read_text("utf8")
    assert r"\begin{tabular}" in latex
    assert r"\&" in latex
    assert list(tmp_path.rglob(".*")) == []


def test_numbers_of_a_column_have_the_same_decimals():
    frame = pd.DataFrame({"slope": [0.5, -12.25, 3.0], "p": [1e-9, 0.5, np.nan], "df": [4.0, np.inf, 8.0]})
    html = page.render("a", [Section("a", "A", (Table(frame, "b", "c"),))])
    cells = re.findall(r'<t(?:d|h scope="row")[^>]*>([^<]*)<', html)
    assert cells == ["0.5", "&lt; .001", "4", "-12.2", ".50", "∞", "3.0", "–", "8"]
    loose = page.render("a", [Section("a", "A", (Table(frame, "b", "c", alike=False),))])
    assert ">3<" in loose


def test_latex_has_the_numbers_of_the_page(tmp_path):
    frame = pd.DataFrame({"a_b": ["x & y"], "df": [np.inf], "yes": [True], "value": [12.0]})
    (_, latex) = page.export([Section("a", "A", (Table(frame, "50 %", "c"),))], tmp_path)
    text = latex.read_text("utf8")
    assert text.startswith("% needs \\usepackage{booktabs,siunitx}\n")
    assert r"\begin{tabular}{lrlS[table-format=2]}" in text
    assert r"{a\_b} & {degrees of freedom} & {yes} & {value} \\" in text
    assert r"x \& y & $\infty$ & yes & 12 \\" in text
    assert r"\caption[C]{50 \%}" in text


def test_every_plot_draws_on_little_and_on_much():
    rng = np.random.default_rng(0)
    few = pd.DataFrame({"label": ["a"], "value": [1.0], "low": [np.nan], "high": [np.nan]})
    many = pd.DataFrame({"label": [f"m{i}" for i in range(90)], "value": rng.normal(size=90)})
    many = many.assign(low=many["value"] - 1, high=many["value"] + 1)
    curve = pd.DataFrame(
        {"estimate": [0.1, -0.2], "low": [0, -1], "high": [1, 0], "p": [0.01, 0.5], "metric": ["a", "b"]}
    )
    points = pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 2.0], "label": ["a", "b"]})
    drawn = [
        plots.intervals(few, xlabel="x"),
        plots.intervals(many, xlabel="x"),
        plots.forest(estimates(2), xlabel="x"),
        plots.heat_map(pd.DataFrame([[1.0, np.nan]], columns=["en", "de"], index=["xnli"]), label="accuracy"),
        plots.scatter(points, xlabel="x", ylabel="y"),
        plots.pairs(pd.DataFrame({"homogeneous": [1.0, 2.0], "diverse": [2.0, 1.0]}), ylabel="y"),
        plots.specification_curve(curve, ["metric"], ylabel="slope"),
    ]
    for figure in drawn:
        figure.canvas.draw()
        assert figure.axes
    assert len(drawn[1].axes[0].get_yticklabels()) == 24 + 1  # the gap
