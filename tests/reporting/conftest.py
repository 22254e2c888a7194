"""A real browser, headless, that notes what a page asks for and complains about."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

TASKS = ["mnli", "qqp", "squad_v1", "hellaswag", "<script>alert(1)</script>"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Seen:
    """What happened while the page was open."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def executable() -> str:
    """The browser of this machine, or playwright's own; skips the test where there is none."""
    named = os.environ.get("DIVERSITY_BROWSER")
    if found := named or next((path for name in NAMES if (path := shutil.which(name))), None):
        return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        own = play.chromium.executable_path
    if not Path(own).exists():
        pytest.skip("no Chromium here: `make browser` fetches one, DIVERSITY_BROWSER names one")
    return own


@pytest.fixture(scope="module")  # not of the session: while it runs, nothing else can have an event loop
def browser():
    """One browser for the tests of a file."""
    from playwright.sync_api import sync_playwright

    path = executable()
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def browse(browser):
    """A context manager: `browse(path, width=…, dark=…)` gives the page in a window of that size, and what it asked for."""

    @contextmanager
    def opened(
        path: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> Iterator[tuple[object, Seen]]:
        seen = Seen()
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.goto(path.resolve().as_uri())
        page.wait_for_load_state("load")
        yield page, seen
        context.close()

    return opened


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


@pytest.fixture(scope="session")
def make_tables():
    """The function that makes results and scores."""
    return tables


@pytest.fixture(scope="session")
def made_tables():
    """Results and scores of the mixtures of one and two of five tasks."""
    return tables()
