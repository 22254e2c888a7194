"""`diversity train-mix`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import (
    ENCODER,
    MINI,
    MODELS,
    names_in,
    note,
    pinned,
    text_table,
)
from diversity.cli._options import Heads
from diversity.cli._output import Printer, with_printer
from diversity.cli._training import (
    UNITS,
    AttentionOption,
    BatchOption,
    BudgetOption,
    CacheOption,
    ClipOption,
    DevEveryOption,
    DevExamplesOption,
    DropoutOption,
    EpochsOption,
    FrozenOption,
    LearningRateOption,
    MaxLengthOption,
    PackingOption,
    PatienceOption,
    PrecisionOption,
    PresetOption,
    SamplingRule,
    SaveEveryOption,
    StepsOption,
    StrideOption,
    TokensOption,
    TrackersOption,
    TrainSeedOption,
    UnitOption,
    VocabularyOption,
    WarmupOption,
    WeightDecayOption,
)
from diversity.types import BadRow, InputError, Mixture, Rows, Sampling
from diversity.types import number as parsed_number

if TYPE_CHECKING:
    from diversity.training.intermediate import Trained, TrainingPlan

app = typer.Typer()


@app.command()
@with_printer
def train_mix(
    writer: Printer,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the checkpoint; required, but with --dry-run. The same call resumes."),
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="Intermediate tasks, separated by commas; required, unless --weights names them.")
    ] = "",
    model: Annotated[
        str,
        typer.Option(help=f"Encoder to train: {MODELS}."),
    ] = MINI,
    data: Annotated[Path | None, typer.Option(help="Folder of the tasks' data; required.")] = None,
    languages: Annotated[
        str, typer.Option("--languages", "--language", help="Languages of the rows, separated by commas.")
    ] = "en",
    split: Annotated[str, typer.Option(help="Split to train on, or several in order of preference.")] = "train,dev",
    limit: Annotated[
        int | None,
        typer.Option("--limit", "--sample", min=2, help="Rows of each task, drawn at random (default: all)."),
    ] = None,
    mlm: Annotated[
        list[Path] | None,
        typer.Option(help="Text for masked language modelling: a file, or a folder of .txt files. Repeatable."),
    ] = None,
    sampling: Annotated[
        SamplingRule, typer.Option(help="In what proportions tasks are sampled.")
    ] = "examples-proportional",
    cap: Annotated[
        int | None,
        typer.Option(
            help="Most rows of a task that count (default: 2^17 for examples-proportional, else none).",
            rich_help_panel="Training",
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="T of temperature: rates are n^(1/T).")] = 2.0,
    weights: Annotated[
        str, typer.Option(rich_help_panel="Training", help="Weights, a:2,b; sets --sampling weights (default: none).")
    ] = "",
    mixed: Annotated[bool, typer.Option("--mixed", help="Batches of several tasks, not of one.")] = False,
    budget: BudgetOption = None,
    budget_unit: UnitOption = "examples",
    steps: StepsOption = None,
    epochs: EpochsOption = None,
    preset: PresetOption = "phang2020",
    learning_rate: LearningRateOption = None,
    batch: BatchOption = None,
    max_length: MaxLengthOption = None,
    stride: StrideOption = None,
    warmup: WarmupOption = None,
    clip: ClipOption = None,
    weight_decay: WeightDecayOption = None,
    dropout: DropoutOption = None,
    dev_every: DevEveryOption = None,
    dev_examples: DevExamplesOption = None,
    patience: PatienceOption = None,
    precision: PrecisionOption = None,
    packing: PackingOption = None,
    attention: AttentionOption = None,
    vocabulary: VocabularyOption = None,
    frozen_layers: FrozenOption = None,
    batch_tokens: TokensOption = None,
    save_every: SaveEveryOption = None,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="Use deterministic GPU kernels, so that a rerun gives identical weights."),
    ] = False,
    seed: TrainSeedOption = 0,
    heads: Annotated[Heads, typer.Option(help="Heads of the tasks: drop, or keep (heads.safetensors).")] = "drop",
    trackers: TrackersOption = "",
    cache: CacheOption = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Count and report broken rows.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, and show the plan.")] = False,
) -> None:
    """Train an encoder on a mixture of tasks.

    The checkpoint that it saves is one that transformers loads.

    diversity train-mix --tasks mnli,squad_v1 --data data --output mix --budget 100000

    diversity train-mix --weights mnli:2,qqp --data data --output mix --epochs 1 --model xlm-roberta-base

    diversity train-mix --tasks mnli,squad_v1 --data data --dry-run
    """
    from diversity.training import intermediate
    from diversity.training.settings import changed
    from diversity.training.settings import preset as preset_of

    names, shares = _tasks_and_weights(names_in(tasks), weights)
    settings = changed(
        preset_of(preset), steps=steps, epochs=epochs, vocabulary=vocabulary, frozen_layers=frozen_layers,
        **{UNITS[budget_unit]: budget}, learning_rate=learning_rate, batch=batch,
        max_length=max_length, stride=stride, warmup=warmup, clip=clip, weight_decay=weight_decay, dev_every=dev_every,
        dev_examples=dev_examples, patience=patience, precision=precision, packing=packing,
        attention=attention, tokens=batch_tokens, dropout=dropout,
        save_every=save_every, deterministic=deterministic or None, seed=seed,
    )  # fmt: skip
    rule = "weights" if shares else sampling
    mixture = Mixture.of(shares or names, sampling=Sampling(rule, cap, temperature, mixed=mixed))
    bad: list[BadRow] | None = [] if skip_bad_rows else None
    model = pinned(model)
    rows = Rows.of(data, split=split, languages=names_in(languages), limit=limit, bad=bad)
    if dry_run:
        if output is not None:
            intermediate.check_output(output)
        plan = intermediate.plan_mix(mixture, model=model, data=rows, settings=settings, mlm=mlm or (), cache=cache)
        _show_plan(plan, writer)
    else:
        if output is None:
            raise InputError("expected --output DIR, or --dry-run, found neither")
        trained = intermediate.train_mix(
            mixture, model=model, data=rows, output=output, settings=settings, mlm=mlm or (), heads=heads,
            trackers=names_in(trackers), describe=_diversity, cache=cache,
        )  # fmt: skip
        _show_trained(trained, writer)
    if bad:
        note(f"note: {len(bad)} bad rows were passed over, the first: {bad[0]}")


def _tasks_and_weights(names: list[str], weights: str) -> tuple[list[str], dict[str, float]]:
    """Tasks, and their weights where some are given: those that are not named have 1."""
    if not weights:
        return names, {}
    shares: dict[str, float] = {}
    for item in names_in(weights):
        name, colon, number = (s.strip() for s in item.partition(":"))
        weight = parsed_number(number) if colon else 1.0
        if weight is None:
            raise InputError(f"expected a number as the weight of {name}, found {number!r}")
        if name in shares:
            raise InputError(f"expected one weight of {name}, found two in {weights!r}")
        shares[name] = weight
    if unnamed := [name for name in shares if names and name not in (*names, "mlm")]:
        raise InputError(f"expected weights of the tasks in --tasks, found one of {unnamed[0]}")
    named = names or [n for n in shares if n != "mlm"]
    return named, {**dict.fromkeys(named, 1.0), **shares}


def _diversity(mixture: Mixture) -> str:
    """The diversity of a mixture for its model card, from the shipped moments where they have all its tasks."""
    from diversity import store
    from diversity.scoring import embedded, score

    available = {p.stem for p in (store.shipped() / "moments" / ENCODER).glob("*.npz")}
    if not set(mixture.tasks) <= available:
        return ""
    table = score.score(embedded.load_moments(mixture.tasks), mixtures=[mixture])
    rows = [
        f"| {metric} | {value:.4f} | {estimator} |"
        for metric, value, estimator in table[["metric", "value", "estimator"]].to_numpy()
    ]
    lines = ["| metric | value | estimator |", "| --- | --- | --- |", *rows]
    return f"With the shares of examples as weights, from texts encoded with {ENCODER}.\n\n" + "\n".join(lines)


def _show_plan(plan: TrainingPlan, writer: Printer) -> None:
    from diversity.retrieval.retrieve import duration

    records = [{**asdict(t), "epochs": t.epochs} for t in plan.tasks]
    rows = [
        [t.task, t.kind, f"{t.rows:,}", f"{t.dev:,}", f"{t.instances:,}", f"{t.tokens:.1f}", f"{t.share:.4f}",
         f"{t.sampled:,}", f"{t.epochs:.2f}"]
        for t in plan.tasks
    ]  # fmt: skip
    header = ["task", "kind", "rows", "dev", "instances", "tokens", "share", "sampled", "epochs"]
    form = "packed" if plan.packed else "padded by length"
    cost = [f"{plan.steps:,} steps, {plan.examples:,} examples, {plan.tokens:,} tokens, {form}"]
    if plan.seconds is not None and plan.memory is not None:
        cost += [f"about {duration(plan.seconds)} and {plan.memory / 2**30:.1f} GiB, measured on the first steps here"]
    text = f"{plan.mixture} on {plan.model} ({plan.parameters:,} parameters with heads)\n\n"
    writer.show(records, text + text_table(header, rows, right=range(2, 9)) + "\n" + "\n".join(cost) + "\n")
    for line in plan.notes:
        note(f"note: {line}")


def _show_trained(trained: Trained, writer: Printer) -> None:
    import os

    from diversity.retrieval.retrieve import duration

    if os.environ.get("RANK", "0") != "0":  # of several processes, one speaks
        return
    records = [{"folder": str(trained.folder), "mixture": trained.mixture, **asdict(d)} for d in trained.dev]
    rows = [
        [d.task, d.metric, f"{d.score:.2f}", f"{d.low:.2f} to {d.high:.2f}", f"{d.baseline:.2f}", f"{d.n:,}"]
        for d in trained.dev
    ]
    header = ["task", "metric", "dev score", "95 % interval", "majority", "n"]
    done = f"{trained.mixture}: {trained.steps:,} steps, {trained.examples:,} examples, {trained.tokens:,} tokens, "
    title = f"{done}{duration(trained.seconds)}; loss {trained.loss:.4f}\n\n"
    table = text_table(header, rows, right=(2, 3, 4, 5)) if rows else "no dev rows\n"
    writer.show(records, f"{title}{table}\n{trained.folder}\n")
    for line in trained.notes:
        note(f"note: {line}")
