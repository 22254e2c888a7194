"""A real browser, headless, that notes what a page asks for and complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Seen:
    """What happened while the page was open."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def executable() -> str:
    """The browser of this machine; skips the test where there is none."""
    named = os.environ.get("DIVERSITY_BROWSER")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip("no Chromium here (DIVERSITY_BROWSER names one)")
    return found


@contextmanager
def opened(path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[tuple[object, Seen]]:
    """The page in a window of this size, and what it asked for."""
    from playwright.sync_api import sync_playwright

    browser_path, seen = executable(), Seen()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
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
        browser.close()


@pytest.fixture
def browse():
    """A context manager: `browse(path, width=…, dark=…)` gives the open page and what it asked for."""
    return opened
