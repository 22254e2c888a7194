"""The words of a report: everything that a reader can see on its page, of a real study and of ones that lack something."""

import html
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from diversity import Analysis, Presentation, report

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import test_words as words  # noqa: E402  (tests/test_words.py)

QUICK = {"analysis": Analysis("mean", permutations=200, bootstrap=100), "metric": "vendi(q=2)"}
BLOCK = re.compile(r"</?(?:p|h1|h2|h3|figcaption|caption|summary|li|td|th|dd|dt|tr|table|div|section|span)\b[^>]*>")


def seen(page: Path) -> list[str]:
    """The texts of a page, one for each paragraph, cell, caption or description of a picture."""
    body = page.read_text("utf8").split("<body>")[1]
    described = re.findall(r'alt="([^"]*)"', body)
    parts = [
        re.sub(r"<[^>]+>", " ", part) for part in BLOCK.split(re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL))
    ]
    return [text for part in (*parts, *described) if (text := " ".join(html.unescape(part).split()))]


def a_study(make_tables, name):
    """The tables of a study and how it is asked."""
    if name == "the grid":
        folder = ROOT / "analyses" / "grid"
        tables = pd.read_csv(folder / "results.csv"), pd.read_csv(folder / "scores.csv")
        return (*tables, {**QUICK, "metric": "vendi_beta(q=2)"})
    if name == "no answer":
        return (*make_tables(sizes=(1,), tasks=["mnli", "qqp", "ccg"]), QUICK)
    if name == "little":
        results, scores = make_tables(targets=("xnli",), seeds=(0,), tasks=["mnli", "qqp", "ccg", "squad_v1"])
        results = results[results["language"] == "en"].assign(value=results["value"] / 100)
        return results, scores.drop(columns=["low", "high"]), QUICK
    results, scores = make_tables()
    sides = ["diverse", "homogeneous"]
    role = {m: sides[i % 2] for i, m in enumerate(results["mixture"].unique()) if "+" in m}
    results = results.assign(role=results["mixture"].map(role).fillna("single"), lower_is_better=True)
    results = results.assign(status=results["mixture"].map(lambda m: "failed" if m == "mnli+qqp" else "finished"))
    return results, scores, QUICK


@pytest.mark.parametrize("name", ["the grid", "no answer", "little", "lower is better, and a run failed"])
def test_every_sentence_of_a_report_is_plain(name, make_tables, tmp_path):
    results, scores, asked = a_study(make_tables, name)
    presentation = Presentation(note="A study of three mixtures.", exports=False)
    texts = seen(report(results, scores, output=tmp_path / "r.html", presentation=presentation, **asked).html)
    assert len(texts) > 50
    sentences = [s for text in texts for s in re.split(r"(?<=[.:;?!])[*\"')]*\s+", text)]
    assert [s for s in sentences if len(s.split()) > words.MOST] == []
    assert [around for text in texts for around in words.retired(text)] == []
    broken = re.compile(r"\b(nan|NaN|NaT|inf|None)\b|\(\s*\)|\[\s*\]|\{|\.\.|; \.|\s[.,;](?=\s|$)|\d\.\d{7}")
    commits = re.compile(r"^[0-9a-f]{40,64}$")
    assert [text for text in texts if broken.search(text) and not commits.match(text)] == []
