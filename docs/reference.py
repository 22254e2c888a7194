"""Write the reference from the code: `python docs/reference.py` (or `--check`: say what is out of date, status 1)."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import typer.main

import diversity
from diversity import catalog
from diversity.cli import app

sys.path.insert(0, str(Path(__file__).parent))
from examples import prose  # beside this file

FOLDER = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/reference.py from the code: change the code, then run it. -->\n\n"


def yes(value: bool) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def metrics() -> str:
    """Every metric: a table of what they claim, then each one's own words."""
    found = [catalog.get("metrics", name) for name in catalog.names("metrics")]
    axioms = ("monotonicity", "uniqueness", "continuity")
    head = ["metric", "takes", "range", "cost", "exact for mixtures", "grows with n", "invariant to", *axioms]
    lines = ["# Metrics", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for m in found:
        held = [yes(m.axioms[a]) if a in m.axioms else "" for a in axioms]
        cells = [
            f"[`{m.printed()}`](#{m.name})",
            m.takes,
            m.range,
            m.cost,
            "on kept rows" if m.sampled else yes(m.mixtures is not None),
        ]
        cells += [yes(m.size_dependent), ", ".join(sorted(m.invariant_to)), *held]
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    lines += [
        "",
        "The axioms are those of Mironov & Prokhorenkova 2024 (arXiv 2410.14556): larger distances never lower the value; "
        "a new point in the place of a duplicate raises it; it is continuous. The tests check each claim and keep a "
        "counterexample for each that fails.",
    ]
    for m in found:
        lines += ["", f"## {m.name}", "", f"`{m.formula}`", "", *prose(inspect.cleandoc(m.function.__doc__ or ""))]
        lines += ["", f"Source: {m.reference}."]
        if m.caveats:
            lines += ["", m.caveats]
    return "\n".join(lines) + "\n"


def tasks() -> str:
    """Every task and target."""
    lines = ["# Tasks", ""]
    for name in catalog.names("tasks"):
        t = catalog.task(name)
        hubs = sorted({p.hub.source for parts in t.splits.values() for p in parts if p.hub})
        patterns = list(dict.fromkeys(x.pattern for parts in t.splits.values() for p in parts for x in p.layouts))
        rows = t.expected("train", "en")
        lines += [f"## {name}", "", f"{t.title}. {t.role.capitalize()} task, {t.kind}, scored by {t.metric}.", ""]
        lines += [f"- languages: {' '.join(t.languages)}", f"- splits: {', '.join(t.splits)}"]
        lines += [f"- English training rows: {rows:,}"] if rows else []
        lines += [f"- text that is embedded: {' + '.join(t.fields)}"]
        lines += [f"- labels: {', '.join(t.labels)}"] if t.labels else []
        lines += [f"- files: {', '.join(f'`{p}`' for p in patterns)}"]
        lines += [f"- hub: {', '.join(f'`{h}`' for h in hubs)}"] if hubs else []
        lines += [f"- licence: {t.licence}", f"- {t.citation}", f"- <{t.url}>"]
        lines += ["", t.note] if t.note else []
        lines += [""]
    return "\n".join(lines)


def commands() -> str:
    """Every command with its help."""
    lines = ["# Commands"]

    def walk(command: typer.models.CommandInfo, path: list[str]) -> None:
        inner = getattr(command, "commands", None)
        if inner:
            for name, sub in inner.items():
                walk(sub, [*path, name])
            return
        lines.extend(["", f"## {' '.join(path)}", "", inspect.cleandoc(command.help or ""), ""])
        lines.extend(["```sh", *command.examples, "```", ""])
        for parameter in (p for p in command.params if not getattr(p, "hidden", False)):
            names = ", ".join(f"`{o}`" for o in [*parameter.opts, *parameter.secondary_opts])
            lines.append(f"- {names}: {getattr(parameter, 'help', '') or ''}")

    walk(typer.main.get_command(app), ["diversity"])
    return "\n".join(lines) + "\n"


def api() -> str:
    """What `import diversity` offers: mkdocstrings writes the signatures and docstrings when the site is built."""
    lines = ["# Python", "", "Everything below is `diversity.NAME`; nothing heavy is loaded by the import."]
    for name in diversity.__all__[1:]:
        lines += ["", f"::: {diversity.place(name)}"]
    return "\n".join(lines) + "\n"


def analysis(folder: str, title: str) -> str:
    """The README of an analysis as a page; links to files that the site has no page of become their names."""
    text = (FOLDER.parent.parent / "analyses" / folder / "README.md").read_text("utf8")
    text = re.sub(r"\[([^]]*)\]\((?!http)[^)]*\)", r"\1", text)
    return re.sub(r"^# .*", f"# {title}", text, count=1)


PAGES = {
    "api.md": api,
    "metrics.md": metrics,
    "tasks.md": tasks,
    "commands.md": commands,
    "simulations.md": lambda: analysis("simulation", "Simulations: do the tests keep their level?"),
    "grid.md": lambda: analysis("grid", "Results of a small real grid"),
}


def main(check: bool) -> int:
    """Write the pages, or name those that differ from the code."""
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = FOLDER / name, GENERATED + page()
        if not path.exists() or path.read_text("utf8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, "utf8")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run python docs/reference.py", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
