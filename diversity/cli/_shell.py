"""What the shell shows of a command: options in panels with plain types, examples, and no old spelling.

An option is declared with the spelling that is shown first and its old ones after it, which go on working:
`typer.Option("--limit", "--sample")`. Paragraphs of a docstring that start with `diversity ` are examples.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from diversity.cli._headings import HEADINGS, heading

PLACEHOLDERS: dict[object, str] = {Path: "PATH", str: "TEXT", int: "N", float: "NUMBER"}
FEW = 4  # choices that fit beside an option


class ShellCommand(TyperCommand):
    """A command whose help, errors and completion know an option by its first spelling alone."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        paragraphs = (self.help or "").split("\n\n")
        self.examples = [line for p in paragraphs if p.startswith("diversity ") for line in p.splitlines()]
        self.help = "\n\n".join(p for p in paragraphs if not p.startswith("diversity "))
        self.old: dict[str, list[str]] = {}
        for option in self.options:
            self.old[option.opts[0]] = option.opts[1:]
            option.opts = option.opts[:1]
            option.rich_help_panel = option.rich_help_panel or heading(option.name or "")
            option.metavar = option.metavar or _placeholder(option)
            if len(choices := get_args(option.type_descriptor.annotation)) > FEW and option.metavar == "NAME":
                option.help = f"{option.help} One of {', '.join(choices)}."
        for argument in (p for p in self.params if isinstance(p, TyperArgument)):
            argument.display_type_rich = lambda ctx: ""  # type: ignore[method-assign]
        self.params.sort(key=_place)

    @property
    def options(self) -> list[TyperOption]:
        """Its options, without its arguments."""
        return [parameter for parameter in self.params if isinstance(parameter, TyperOption)]

    def make_parser(self, ctx: Any) -> Any:
        """The parser of the command, which reads the old spellings, too."""
        parser = super().make_parser(ctx)
        for option in self.options:
            if old := self.old[option.opts[0]]:
                unseen = copy.copy(option)
                unseen.opts, unseen.secondary_opts = old, []
                unseen.add_to_parser(parser, ctx)
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The same as any command's; where an option is not known, those that are like it are shown ones."""
        try:
            return super().parse_args(ctx, args)
        except typer.exceptions.TyperException as error:
            shown = {o for option in self.options if not option.hidden for o in option.opts + option.secondary_opts}
            if alike := getattr(error, "possibilities", None):
                error.possibilities = [name for name in alike if name in shown]  # type: ignore[attr-defined]
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, under the last heading."""
        if option := super().get_help_option(ctx):
            option.rich_help_panel, option.metavar = HEADINGS[-1], ""
        return option

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help of any command, then its examples as one types them."""
        with _one_name(self.options):
            super().format_help(ctx, formatter)
        if self.examples:
            typer.echo("\n".join([" Examples:", *(f"   {line}" for line in self.examples), ""]))


@contextmanager
def _one_name(options: Iterable[TyperOption]) -> Iterator[None]:
    """Flags that can be turned off are shown as `--[no-]name`: both names side by side are wider than a terminal."""
    known = [(option, option.opts, option.secondary_opts, option.show_default) for option in options]
    for option, opts, off, _ in known:
        if off == [f"--no-{opts[0][2:]}"]:
            option.opts, option.secondary_opts = [f"--[no-]{opts[0][2:]}"], []
            if isinstance(option.default, bool):
                option.show_default = "yes" if option.default else "no"
    try:
        yield
    finally:
        for option, opts, off, default in known:
            option.opts, option.secondary_opts, option.show_default = opts, off, default


def _place(parameter: object) -> int:
    """Arguments first, then options by their heading."""
    return HEADINGS.index(parameter.rich_help_panel or "") if isinstance(parameter, TyperOption) else -1


def _placeholder(option: TyperOption) -> str | None:
    """What stands for an option's value; None where it is one of a few choices, which are shown."""
    kind: Any = option.type_descriptor.annotation
    if option.is_flag:
        return ""
    if get_origin(kind) is Literal and len(get_args(kind)) > FEW:
        return "NAME"
    return PLACEHOLDERS.get(get_args(kind)[0] if get_origin(kind) is list else kind)


def shape(app: typer.Typer) -> None:
    """Make every command of an application, and of its groups, one that is shown so."""
    for command in app.registered_commands:
        command.cls = ShellCommand
    for group in app.registered_groups:
        assert group.typer_instance is not None
        shape(group.typer_instance)
