"""Valid inputs of every door with something wrong in them: `python tests/fuzz.py DOOR COUNT [SEED]`, or `all` doors in turn.

A door is a module `fuzz_DOOR.py` beside this one with a function `case(rng, folder)`: it makes a valid input, does one
thing to it, and lets the toolkit read it. It raises where the answer is neither right nor one line that says what is
wrong: a traceback, or something changed, dropped or counted twice in silence. Each case has its own seed, which is printed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from diversity.cli import main as diversity_main
from diversity.types import InputError

T = TypeVar("T")
DOORS = ("readers", "texts", "tables", "submissions", "plans", "options")


def answer(call: Callable[[], T]) -> T | str:
    """What a call returns, or the one line that refuses it; raises AssertionError for a refusal of several lines."""
    try:
        return call()
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"several lines: {error!s}") from error
        return str(error)


def command(arguments: Sequence[str]) -> tuple[Any, str, str]:
    """The exit status, output and errors of a command line in this process; the status is None where it does not exit."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            diversity_main(list(arguments))
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue(), err.getvalue()


def run(door: str, count: int, seed: int = 0) -> list[str]:
    """Run so many cases of a door, say how many of each kind there were, and return what was wrong."""
    module = importlib.import_module(f"fuzz_{door}")
    start, kinds, wrong = time.monotonic(), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            try:
                kinds[module.case(random.Random(f"{seed}:{number}"), Path(folder))] += 1
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(last.filename).name}:{last.lineno}"
                wrong.append(f"{door} {seed}:{number}: {type(error).__name__} at {place}: {error}")
    seconds = time.monotonic() - start
    print(f"{door}, seed {seed}: {count} inputs in {seconds:.0f} s, {len(wrong)} wrong: {dict(kinds)}", flush=True)
    return wrong


def main(door: str, count: int, seed: int = 0) -> None:
    """Run a door, or all; exit status 1 where something is wrong."""
    wrong = [line for name in (DOORS if door == "all" else (door,)) for line in run(name, count, seed)]
    print("\n\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
