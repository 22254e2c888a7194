"""The command line: parse, one call, print. The only place that prints or exits."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, NoReturn

# Ctrl-C while modules are imported ends the process without a traceback; from `main` on it is answered.
_handler = signal.getsignal(signal.SIGINT)
with suppress(ValueError):  # signals are for the main thread alone
    if _handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer  # noqa: E402

from diversity.cli import _headings, _shell  # noqa: E402
from diversity.cli._include import add_include  # noqa: E402
from diversity.types import InputError  # noqa: E402
from diversity.version import __version__  # noqa: E402

# The modules of this folder by the heading under which help lists their commands.
COMMANDS = {
    "Score": ("score", "distances", "contributions", "propose", "measure"),
    "Design": ("design",),
    "Train": ("training", "transfer", "retrieve", "xtreme", "grid"),
    "Analyse": ("fit", "compare", "report"),
    "Data": ("lists", "data"),
}

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _heading, _modules in COMMANDS.items():
    for _module in _modules:
        _part = importlib.import_module(f"diversity.cli.{_module}").app
        _headings.head(_part, _heading)
        app.add_typer(_part)
add_include(app)
_shell.shape(app)
with suppress(ValueError):
    signal.signal(signal.SIGINT, _handler)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diversity {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Semantic diversity of the tasks an encoder is trained on, and how it bears on zero-shot transfer."""


# Threads that wait should sleep: spinning ones take the processor from those that work when it is shared. Tokenizers warn
# of processes that are forked after they have worked in threads.
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it; typer gives it for Ctrl-C


@cache
def _command() -> Callable[..., object]:
    """The commands with their options, which take a while to be made of the functions: once, where `main` is called often."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line: one line on stderr and status 2 for bad use or input, 130 after Ctrl-C, no traceback."""
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    if hasattr(signal, "SIGPIPE"):  # a reader that stops early (`| head`) ends this command quietly
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _command()(args=given or ["--help"], prog_name="diversity", standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except typer.exceptions.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if bad := _CHOICE.fullmatch(message):  # in the form of all errors
            option, value, choices = bad.groups()
            message = f"expected {option} to be one of {choices.replace(chr(39), '')}, found {value}"
        if not message:  # a group without a command has shown its help
            sys.exit(2)
        _fail(message)
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; what was finished is kept, and the same command goes on from there", INTERRUPTED)


_CHOICE = re.compile(r"Invalid value for '(.*?)': (?:Value error, )?(.*) is not one of (.*)\.")


def _fail(message: str, status: int = 2) -> NoReturn:
    print("diversity: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(status)
