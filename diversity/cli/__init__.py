"""The command line: parse, one call, print. The only place that prints or exits."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from diversity.cli._include import add_include
from diversity.types import InputError

# The modules of this folder, in the order in which help lists their commands.
COMMANDS = (
    "lists",
    "data",
    "score",
    "distances",
    "contributions",
    "propose",
    "design",
    "training",
    "transfer",
    "retrieve",
    "xtreme",
    "grid",
    "compare",
    "fit",
    "report",
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Semantic diversity of the tasks an encoder is trained on, and how it bears on zero-shot transfer.",
)
for _module in COMMANDS:
    app.add_typer(importlib.import_module(f"diversity.cli.{_module}").app)
add_include(app)

# Threads that wait should sleep: spinning ones take the processor from those that work when it is shared. Tokenizers warn
# of processes that are forked after they have worked in threads.
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}
INTERRUPTED = 130  # what typer makes of Ctrl-C


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line: one line on stderr and status 2 for bad use or input, no traceback."""
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    if hasattr(signal, "SIGPIPE"):  # a reader that stops early (`| head`) ends this command quietly
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        code = app(args=arguments and list(arguments), prog_name="diversity", standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except typer.exceptions.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if bad := _CHOICE.fullmatch(message):  # in the form of all errors
            option, value, choices = bad.groups()
            message = f"expected {option} to be one of {choices.replace(chr(39), '')}, found {value}"
        _fail(message or "expected a command; see diversity --help")
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; what was finished is kept, and the same command goes on from there")


_CHOICE = re.compile(r"Invalid value for '(.*?)': (?:Value error, )?(.*) is not one of (.*)\.")


def _fail(message: str) -> NoReturn:
    print("diversity: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
