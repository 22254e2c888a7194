"""The documentation in a real browser, opened as files: nothing scrolls sideways on a phone, and the search works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(p.relative_to(ROOT / "docs").with_suffix(".html") for p in (ROOT / "docs").rglob("*.md"))

PAGES += [Path("notebooks", f"{p.stem}.html") for p in sorted((ROOT / "analyses").glob("*.ipynb"))]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_without_a_warning_and_asks_no_other_site(site):
    """`--strict` ends the build at a warning."""
    pages = "".join(p.read_text("utf8") for p in site.rglob("*.html"))
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?://", pages)


@pytest.fixture(scope="module")
def phone(site, browse):
    """One window, as wide as a phone, for all pages."""
    with browse(site / "index.html", width=390) as (shown, seen):
        yield shown, seen


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_page_scrolls_sideways_on_a_phone(site, phone, page):
    shown, seen = phone
    seen.complaints.clear()
    seen.requests.clear()
    shown.goto((site / page).as_uri())
    shown.wait_for_load_state("load")
    assert (site / page).as_uri() in seen.requests
    assert seen.complaints == []
    assert [u for u in seen.requests if not u.startswith((site.as_uri(), "about:", "data:"))] == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    wide = """[...document.querySelectorAll("article img, article pre, article table, article p")]
        .filter(e => e.getBoundingClientRect().right > 391 && !e.closest(".md-typeset__scrollwrap, pre"))
        .map(e => e.outerHTML.slice(0, 80))"""
    assert shown.evaluate(wide) == []


def test_the_search_works_without_a_server(site, browse):
    with browse(site / "index.html") as (shown, seen):
        shown.click("input.md-search__input")
        shown.keyboard.type("permutation", delay=10)
        shown.wait_for_selector(".md-search-result__item", timeout=20_000)
        assert seen.complaints == []


def test_links_that_leave_the_site_are_meant_to(site):
    """Sources, licences and homes of data; the site links to nothing else outside, and to no page that it has not."""
    links = {
        link
        for page in site.rglob("*.html")
        for link in re.findall(r"<a [^>]*href=\"([^\"#]+)", page.read_text("utf8"))
    }
    inside = {link for link in links if link.startswith("..") and not link.endswith((".html", ".ipynb", ".png"))}
    assert inside <= {"..", "../.."}
    generated = "".join((ROOT / "docs" / "reference" / name).read_text("utf8") for name in ("tasks.md", "metrics.md"))
    outside = {link for link in links if link.startswith("http") and link.rstrip("/") not in generated}
    known = "https://(arxiv.org|github.com|aclanthology.org|doi.org|squidfunk.github.io|www.mkdocs.org)/"
    assert {link for link in outside if not re.match(known, link)} == set()
