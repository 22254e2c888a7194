"""Write the reference from the code: `python docs/reference.py` (or `--check`: say what is out of date, status 1)."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer.main

import diversity
from diversity import catalog
from diversity.cli import app
from diversity.planning.tables import keys_of
from diversity.training.settings import LENGTHS, OLD_NAMES, in_presets, setting_types
from diversity.types import QUESTIONS, Metric

sys.path.insert(0, str(Path(__file__).parent))
from examples import prose  # beside this file

FOLDER = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/reference.py from the code: change the code, then run it. -->\n\n"


def yes(value: bool) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def metrics() -> str:
    """Every metric by the question that it answers: a plain sentence each, then its own page, then what it claims."""
    every = [catalog.get("metrics", name) for name in catalog.names("metrics")]
    groups = {key: [m for m in every if m.question == key] for key in QUESTIONS}
    first = list(dict.fromkeys(catalog.parse_metric(name)[0].name for name in catalog.METRICS))
    lines = ["# Metrics", "", "Which one do you need? Start with these:", ""]
    lines += [f"- [`{m.name}`](#{m.name}): {m.measures}" for m in map(partial(catalog.get, "metrics"), first)]
    lines += ["", "[Which metric, and is 0.98 much?](../explanation/metrics.md) has values to compare yours with."]
    for key, members in groups.items():
        if members:
            lines += ["", f"## {QUESTIONS[key]}", "", "| metric | what it says |", "|---|---|"]
            lines += [f"| [`{m.name}`](#{m.name}) | {cell(m.measures or m.formula)} |" for m in members]
    for m in every:
        lines += ["", f"## {m.name}", "", m.measures, ""]
        lines += [f"- **{name}:** {text}" for name, text in facts(m).items() if text]
        lines += ["", *prose(inspect.cleandoc(m.function.__doc__ or ""))]
    axioms = ("monotonicity", "uniqueness", "continuity")
    lines += ["", "## What each metric claims", ""]
    lines += [
        "The axioms are those of Mironov & Prokhorenkova 2024 (arXiv 2410.14556): larger distances never lower the value; "
        "a new point in the place of a duplicate raises it; it is continuous. The tests check each claim, and keep a "
        "counterexample for each that fails.",
        "",
    ]
    head = ["metric", "exact for mixtures", "grows with n", *axioms]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for m in every:
        held = [yes(m.axioms[a]) if a in m.axioms else "" for a in axioms]
        exact = "on kept rows" if m.sampled else yes(m.mixtures is not None)
        lines.append("| " + " | ".join([f"`{m.name}`", exact, yes(m.size_dependent), *held]) + " |")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text in a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def facts(m: Metric) -> dict[str, str]:
    """What stands on the page of a metric, by name; empty where there is nothing to say."""
    return {
        "When to use it": m.use,
        "What is large": m.large,
        "A larger value is": m.larger,
        "Beware": m.caveats,
        "Range": f"{m.range}",
        "Written": f"`{m.printed()}`",
        "Computed from": m.takes,
        "Of a set of any size": "with `--all-rows`, by rows drawn that are each compared with all"
        if m.from_drawn
        else "",
        "Invariant to": ", ".join(sorted(m.invariant_to)),
        "Cost": m.cost,
        "Formula": f"`{m.formula}`",
        "Source": f"{m.reference}",
    }


def tasks() -> str:
    """A table to compare tasks and targets, then each one."""
    every = [catalog.task(name) for name in catalog.names("tasks")]
    lines = ["# Tasks and targets", ""]
    for role, title in (("intermediate", "Intermediate tasks"), ("target", "Targets (XTREME)")):
        head = ["task", "what", "kind", "score", "languages", "English training rows"]
        lines += [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for t in every:
            if t.role == role:
                rows = t.expected("train", "en")
                own = f"{rows:,}" if rows else f"those of {t.train_on}" if t.train_on else ""
                row = [f"[`{t.name}`](#{t.name})", cell(t.title), t.kind.replace("_", " "), t.metric]
                lines.append("| " + " | ".join([*row, str(len(t.languages)), own]) + " |")
        lines.append("")
    for t in every:
        hubs = sorted({p.hub.source for parts in t.splits.values() for p in parts if p.hub})
        patterns = list(dict.fromkeys(x.pattern for parts in t.splits.values() for p in parts for x in p.layouts))
        rows = t.expected("train", "en")
        lines += [f"## {t.name}", "", f"{t.title}. {t.role.capitalize()} task, {t.kind}, scored by {t.metric}.", ""]
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


PLAN = """# The plan of a grid

`diversity grid run PLAN` takes a TOML file. `diversity design` and `diversity propose` write one; this page has what may
stand in it. Only `model`, `targets`, `seeds` and mixtures are needed:

```toml
model = "mini"
targets = ["xnli", "tatoeba"]
seeds = [1, 2]

[hypothesis]  # declared before anything is trained
primary_metric = "vendi_beta(q=2)"
outcome = "mean"

[train]  # the same for every mixture
examples = 2000

[target]  # of all targets
learning_rate = 1e-4

[target.xnli]  # of one
examples = 4000

[[mixtures]]
tasks = []

[[mixtures]]
tasks = ["mnli", "qqp"]

[[mixtures]]
tasks = {mnli = 3, ccg = 1}
```

A name or value that cannot be is an error before anything is run, with the nearest names. A change makes those stages new
that it bears on; what is finished otherwise stays. Paths are relative to the plan. Below, what stands in brackets holds
where nothing is given."""
TITLES = {
    "plan": "The study", "mixture": "`[[mixtures]]`", "hypothesis": "`[hypothesis]`", "train": "`[train]`",
    "target": "`[target]`, `[target.NAME]`", "predict": "`[predict]`, `[predict.NAME]`", "diversity": "`[diversity]`",
}  # fmt: skip


def plans() -> str:
    """What may stand in a plan, table by table; the settings of training, which two tables share, last."""
    shared = ("preset", *(name for name in setting_types() if name != "seed"))
    lines = [PLAN]
    for table, title in TITLES.items():
        trains = table in ("train", "target")
        own = {name: key for name, key in keys_of(table).items() if not (trains and name in shared)}
        lines += ["", f"## {title}", "", "| name | what it is | value |", "|---|---|---|"]
        lines += [f"| `{name}` | {cell(key.meaning)} | {key.expected} |" for name, key in own.items()]
        if trains:
            lines += ["", "And [settings of training](#settings-of-training)."]
    lines += ["", "## Settings of training", "", "| name | what it is | preset |", "|---|---|---|"]
    keys, older = keys_of("train"), {new: old for old, new in OLD_NAMES.items()}
    for name in (n for n in shared if n not in OLD_NAMES):
        spelled = f"`{name}`" + (f" (or `{older[name]}`)" if name in older else "")
        had = "phang2020" if name == "preset" else in_presets(name)
        lines.append(f"| {spelled} | {cell(keys[name].meaning)} | {had} |")
    lengths = ", ".join(f"`{name}`" for name in LENGTHS)
    lines += ["", f"A run has one length: {lengths}. Without one, it is the epochs of the preset."]
    return "\n".join(lines) + "\n"


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


@dataclass(frozen=True)
class Topic:
    """A page of the Python reference: names of the public API, and what they take and return besides."""

    title: str
    question: str
    names: str
    objects: str = ""


TOPICS = {
    "scoring": Topic(
        "Score texts, tasks and mixtures",
        "How diverse is it?",
        "score distances contributions propose measure metric from_arrays load_moments save_moments save_vectors "
        "load_encoder EmbeddedTasks Space Mixture Sampling Draws Constraints SentenceVectors",
        "scoring.propose.Proposal types.Metric types.Option types.Encoder types.Moments",
    ),
    "studies": Topic(
        "Plan studies",
        "Which mixtures should I train, and what can they show?",
        "design read_plan read_commitment Hypothesis Training Assumptions",
        "planning.design.Design planning.plans.Plan planning.plans.PlannedMixture",
    ),
    "training": Topic(
        "Train, transfer, retrieve",
        "How do I train a mixture and test it in every language?",
        "train_mix plan_mix transfer plan_transfer retrieve run_grid grid_status Settings TransferSettings Mining Lineage",
        "training.intermediate.Trained training.intermediate.TrainingPlan training.settings.Optimisation "
        "training.settings.Selection training.settings.Computation zeroshot.transfer.Transferred "
        "zeroshot.transfer.TransferPlan retrieval.retrieve.Retrieved grid.run.GridStatus results.Run",
    ),
    "xtreme": Topic(
        "Official scores",
        "What is the XTREME score of these predictions?",
        "evaluate evaluate_against",
        "xtreme.evaluate.Evaluation xtreme.against.SystemContrasts",
    ),
    "analysis": Topic(
        "Analyse results",
        "Do more diverse mixtures score higher?",
        "fit compare report plot Analysis Presentation scorers read_wide scores_of_weights mixed_membership published",
        "stats.fit.Fit stats.compare.Comparison reporting.report.Report types.Scorer",
    ),
    "data": Topic(
        "Data and tasks",
        "How are files read, and how do I describe my own?",
        "task include check fetch Rows InputError",
        "types.Task types.Part types.Layout types.Hub types.Classification types.MultipleChoice types.Span types.Answer "
        "types.Tagging types.Retrieval types.Text types.BadRow",
    ),
}


def python(topic: Topic) -> str:
    """A page of the Python reference: mkdocstrings writes signatures and docstrings when the site is built."""
    names = topic.names.split()
    lines = [f"# {topic.title}", "", f"{topic.question} Everything in the first part is `diversity.NAME`."]
    for name in names:
        lines += ["", f"::: {diversity.place(name)}"]
    if topic.objects:
        lines += [
            "",
            "## What they take and return",
            "",
            "These come from the functions above, or from `diversity.types`.",
        ]
    for place in topic.objects.split():
        lines += ["", f"::: diversity.{place}"]
    return "\n".join(lines) + "\n"


def api() -> str:
    """What `import diversity` offers, by topic, a line each."""
    if left := sorted({*diversity.__all__[1:]} - {n for t in TOPICS.values() for n in t.names.split()}):
        raise SystemExit(f"docs/reference.py: these names are on no page of the reference, add them to TOPICS: {left}")
    lines = ["# Python", "", "`import diversity` offers the following. Nothing heavy is loaded by the import."]
    for name, topic in TOPICS.items():
        lines += ["", f"## {topic.title}", "", topic.question, "", "| name | what it does |", "|---|---|"]
        for n in topic.names.split():
            first = (inspect.getdoc(getattr(diversity, n)) or "").partition("\n\n")[0].replace("\n", " ")
            lines.append(f"| [`{n}`](python/{name}.md#{diversity.place(n)}) | {cell(first)} |")
    return "\n".join(lines) + "\n"


def analysis(folder: str, title: str) -> str:
    """The README of an analysis as a page; links to files that the site has no page of become their names."""
    text = (FOLDER.parent.parent / "analyses" / folder / "README.md").read_text("utf8")
    text = re.sub(r"\[([^]]*)\]\((?!http)[^)]*\)", r"\1", text)
    return re.sub(r"^# .*", f"# {title}", text, count=1)


PAGES = {
    "api.md": api,
    **{f"python/{name}.md": partial(python, topic) for name, topic in TOPICS.items()},
    "metrics.md": metrics,
    "tasks.md": tasks,
    "commands.md": commands,
    "plan.md": plans,
    "simulations.md": lambda: analysis("simulation", "Simulations: do the tests keep their level?"),
    "grid.md": lambda: analysis("grid", "A small grid, for examples"),
    "study.md": lambda: analysis("study", "The study: plan, tables, questions"),
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
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf8")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run python docs/reference.py", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
