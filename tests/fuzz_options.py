"""What people write on the command line, with something wrong in it: understood as it stands, or refused in one line."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import fuzz
import numpy as np

from diversity import catalog
from diversity.cli._common import metrics_in, names_in, pairs
from diversity.encoders.hidden_states import SentenceVectors
from diversity.scoring.mixtures import parse_mixture

PIECES = (
    "", " ", ",", ",,", ":", "::", "=", "+", "(", ")", "()", ";", "|", "/", "nan", "inf", "-1", "0", "1e999", "1e-400",
    "1_000", "0x10", "١", "½", "１", "\u200b", "\ufeff", "a\u0301", "é", "'", '"', "None", "True", "x", "q", "mnli",
    "-0.0", ".5", "5.", str(2**63), str(2**64), "9" * 5000, "\t", "\n",
)  # fmt: skip
METRICS = (
    "cosine", "vendi(q=2)", "vendi_beta(q=1)", "hill(q=1)", "rao_beta", "knn(k=5)", "dcscore(temperature=1)", "logdet", "mst",
    "vendi(q=inf)", "effective_rank", "self_bleu", "distinct_n(n=2)",
)  # fmt: skip
TASKS = ("mnli", "qqp", "squad_v1", "ccg", "hellaswag")


def damaged(rng: random.Random, text: str) -> str:
    """A text with a piece put in, in a part's place, or cut; or as it is."""
    at, piece = rng.randrange(len(text) + 1), rng.choice(PIECES)
    end = rng.randint(at, len(text))
    return rng.choice(
        [text, text[:at] + piece + text[at:], text[:at] + piece + text[end:], text[:end], text.upper(), text + piece]
    )


def metric(rng: random.Random, folder: Path) -> str:
    """The name that a metric is printed under parses back to the same; its options are those that were written."""
    text = damaged(rng, rng.choice(METRICS))
    parsed = fuzz.answer(lambda: catalog.parse_metric(text))
    if not isinstance(parsed, str):
        known, values = parsed
        printed = known.printed(**values)
        assert catalog.parse_metric(printed) == (known, values), (text, printed)
        plain = re.sub(r"\s", "", text)
        assert plain.startswith(known.name), (text, printed)
        for name, written in re.findall(r"(\w+)=([^,()]+)", plain):
            assert float(written) == values[name] or abs(float(written)) > 1e300, (text, printed)
        assert plain.count("=") == len(set(re.findall(r"(\w+)=", plain))), (text, printed)
    return "metric"


def mixture(rng: random.Random, folder: Path) -> str:
    """The tasks and shares of a mixture are those that were written."""
    weights = {task: rng.choice([1, 2, 0.5, 3]) for task in rng.sample(TASKS, rng.randint(1, 4))}
    written = ",".join(
        f"{task}:{weight}" if rng.random() < 0.7 or weight != 1 else task for task, weight in weights.items()
    )
    text = damaged(rng, f"name={written}" if rng.random() < 0.5 else written)
    parsed = fuzz.answer(lambda: parse_mixture(text))
    if not isinstance(parsed, str):
        tasks = text.partition("=")[2] if "=" in text else text
        cells = [[part.strip() for part in cell.partition(":")] for cell in tasks.split(",")]
        numbers = {name: float(number) if colon else 1.0 for name, colon, number in cells}
        assert len(numbers) == len(cells), text
        total = sum(numbers.values())
        shares = parsed.shares()
        assert set(shares) == set(numbers), text
        assert np.allclose([shares[name] for name in numbers], [value / total for value in numbers.values()]), text
        assert all(numbers), text
    return "mixture"


def where(rng: random.Random, folder: Path) -> str:
    """The columns and values of --where are those that were written, each column once."""
    texts = [damaged(rng, rng.choice(["seed=1", "model=mini", "metric=f1", "a=b=c"])) for _ in range(rng.randint(1, 2))]
    parsed = fuzz.answer(lambda: pairs(texts, "--where COLUMN=VALUE"))
    if not isinstance(parsed, str):
        written = [(text[: text.index("=")].strip(), text[text.index("=") + 1 :].strip()) for text in texts]
        assert list(parsed.items()) == written, texts
    return "where"


def layer(rng: random.Random, folder: Path) -> str:
    """A layer is the index or the fraction that was written."""
    text = damaged(rng, rng.choice(["14", "-1", "0.58", "1.0", "0"]))
    parsed = fuzz.answer(lambda: SentenceVectors.at(text))
    if not isinstance(parsed, str):
        value = parsed.depth if parsed.layer is None else parsed.layer
        assert float(value) == float(text), text
        assert ("." in text or "e" in text.lower()) == (parsed.layer is None), text
    return "layer"


def names(rng: random.Random, folder: Path) -> str:
    """Names at commas, and metrics at commas outside parentheses: nothing is lost but blanks."""
    text = damaged(rng, rng.choice(["en,de,sw", "cosine,vendi(q=2)", "mnli", "a,b(c=1,d=2),e"]))
    for parts in (names_in(text), metrics_in(text)):
        assert "".join(re.sub(r"[,\s]", "", part) for part in parts) == re.sub(r"[,\s]", "", text), text
    return "names"


NUMBERS = (
    "-1",
    "0",
    "1",
    "2",
    "0.5",
    "nan",
    "inf",
    "1e400",
    "x",
    "",
    str(2**63),
    str(2**64),
    "1_000",
    "١",
    "-0",
    "1.0",
    " 1",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--no-intervals", "--rows"),
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--no-intervals", "--seed"),
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--no-intervals", "--rarefy"),
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--bootstrap"),
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--no-intervals", "--limit"),
    ("score", "--tasks", "mnli,qqp", "--metrics", "cosine", "--no-intervals", "--reference"),
    ("score", "--metrics", "cosine", "--no-intervals", "--tasks"),
    ("score", "--metrics", "cosine", "--no-intervals", "--mixture"),
    ("score", "--tasks", "mnli,qqp", "--no-intervals", "--metrics"),
    ("distances", "--tasks", "mnli,qqp,ccg", "--distance"),
    ("contributions", "--tasks", "mnli,qqp", "--metric"),
    ("design", "--tasks", "mnli,qqp,ccg", "--targets", "xnli", "--size"),
    ("design", "--tasks", "mnli,qqp,ccg", "--targets", "xnli", "--mixtures"),
    ("evaluate", "--predictions", "nowhere", "--labels", "nowhere", "--bootstrap"),
    ("evaluate", "--predictions", "nowhere", "--data", "nowhere", "--languages"),
    ("retrieve", "--data", "nowhere", "--dry-run", "--layer"),
    ("retrieve", "--data", "nowhere", "--dry-run", "--neighbours"),
    ("transfer", "--model", "mini", "--targets", "xnli", "--data", "nowhere", "--output", "out", "--dry-run", "--batch"),
    ("train-mix", "--tasks", "mnli", "--data", "nowhere", "--dry-run", "--learning-rate"),
    ("train-mix", "--tasks", "mnli,qqp", "--data", "nowhere", "--dry-run", "--weights"),
    ("train-mix", "--tasks", "mnli,qqp", "--data", "nowhere", "--dry-run", "--temperature"),
    ("data", "check", "--data", "nowhere"),
    ("grid", "status", "--output", "nowhere"),
    ("tasks",), ("metrics",), ("fit", "--results"),
)  # fmt: skip


def command(rng: random.Random, folder: Path) -> str:
    """A command ends with 0, or with 2 and one line."""
    base = rng.choice(COMMANDS)
    value = rng.choice([*NUMBERS, damaged(rng, rng.choice([*METRICS, "mnli,qqp", "a=mnli:2,qqp", "en,de", "2,3"]))])
    arguments = [*base, value]
    code, out, err = fuzz.command(arguments)
    lines = [line for line in err.splitlines() if not line.startswith("note:")]
    assert code in (0, 2), (arguments, code, err)
    if code == 2:
        assert len(lines) == 1, (arguments, lines)
        assert lines[0].startswith("diversity: "), (arguments, lines)
    elif value not in ("", " ") and not value.strip().startswith("-"):
        assert out, arguments
        assert "nan" not in value or "nan" in out or base[0] in ("data",), (arguments, out[:300])
    return f"command {base[0]}"


KINDS: tuple[Callable[[random.Random, Path], str], ...] = (metric, mixture, where, layer, names)


def case(rng: random.Random, folder: Path) -> str:
    """One option, perhaps with something wrong in it. Raises AssertionError where it is understood as something else."""
    return (command if rng.random() < 0.03 else rng.choice(KINDS))(rng, folder)
