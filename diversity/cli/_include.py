"""`--include`, which every command has: declared once, and put to work before the command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Include = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder with tasks and metrics of your own: tasks/NAME.toml, tasks/NAME.py, metrics/NAME.py. Repeatable "
        "(also DIVERSITY_INCLUDE).",
        show_default=False,
    ),
]


def add_include(app: typer.Typer) -> None:
    """Give `--include` to every command of an application and of its groups."""
    for command in app.registered_commands:
        assert command.callback is not None
        command.callback = _with_include(command.callback)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        add_include(group.typer_instance)


def _with_include(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def command(*, include: list[Path] | None = None, **options: Any) -> Any:
        from diversity import catalog

        if include:
            catalog.include(*include)
        return function(**options)

    signature = inspect.signature(function, eval_str=True)
    option = inspect.Parameter("include", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Include)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    command.__annotations__ = {**function.__annotations__, "include": Include}
    return command
