"""Old spellings of options: they go on working, and help does not show them.

An option is declared with the spelling that is shown first and its old ones after it: `typer.Option("--limit", "--sample")`.
"""

from __future__ import annotations

import copy
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class ShellCommand(TyperCommand):
    """A command whose help, errors and completion know an option by its first spelling alone."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.old: dict[str, list[str]] = {}
        for parameter in self.params:
            if isinstance(parameter, TyperOption):
                self.old[parameter.opts[0]] = parameter.opts[1:]
                parameter.opts = parameter.opts[:1]

    def make_parser(self, ctx: Any) -> Any:
        """The parser of the command, which reads the old spellings, too."""
        parser = super().make_parser(ctx)
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and (old := self.old[parameter.opts[0]]):
                unseen = copy.copy(parameter)
                unseen.opts, unseen.secondary_opts = old, []
                unseen.add_to_parser(parser, ctx)
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The same as any command's; where an option is not known, those that are like it are shown ones."""
        try:
            return super().parse_args(ctx, args)
        except typer.exceptions.TyperException as error:
            shown = {
                o for p in self.get_params(ctx) if not getattr(p, "hidden", False) for o in p.opts + p.secondary_opts
            }
            if alike := getattr(error, "possibilities", None):
                error.possibilities = [name for name in alike if name in shown]  # type: ignore[attr-defined]
            raise


def keep_old(app: typer.Typer) -> None:
    """Make every command of an application, and of its groups, one that keeps old spellings."""
    for command in app.registered_commands:
        command.cls = ShellCommand
    for group in app.registered_groups:
        assert group.typer_instance is not None
        keep_old(group.typer_instance)
