"""Rows that a mixture is trained on: read, divided into training and dev rows, each content once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diversity import catalog, store, types
from diversity.data import sources
from diversity.features.build import label_set
from diversity.training.sampling import generator
from diversity.types import BadRow, Example, InputError, Kind, Rows

MLM = "mlm"  # the name of masked language modelling among the tasks
SHARE = 0.1  # of the rows at most are held out where a task has no dev split


@dataclass(frozen=True)
class TaskRows:
    """Training and dev rows of one task; `labels` are its classes, `provenance` what they come from."""

    name: str
    kind: Kind
    train: Sequence[Example]
    dev: Sequence[Example]
    labels: tuple[str, ...]
    provenance: Mapping[str, Any]


def read(
    name: str,
    data: Path | str,
    *,
    split: str = "train,dev",
    language: str = "en",
    limit: int | None = None,
    dev_examples: int = 500,
    seed: int = 0,
    bad: list[BadRow] | None = None,
) -> TaskRows:
    """The labelled rows of a task: training rows of the first of the splits that is there, and at most so many dev rows.

    Dev rows are a sample of the dev split where there is one that is not trained on; else whole groups of training rows
    that share a context, drawn with the seed, at most a tenth. `limit` training rows are drawn, if given. Raises InputError
    for no labelled row, labels that look like placeholders, and a kind that cannot be trained.
    """
    task = catalog.task(name)
    if task.kind == "retrieval":
        raise InputError(f"{name}: expected a task that a head can be trained on, found one of retrieval")
    files = sources.located(task, Rows.of(data, split=split), language)
    train, provenance = _labelled(files, data, bad)
    if files.split != "dev" and (dev_files := sources.find(task, data, "dev", language)):
        dev, of_dev = _labelled(dev_files, data, bad)
        dev, where = sources.sample(dev, dev_examples, seed), of_dev
    else:
        number = min(dev_examples, max(1, int(SHARE * len(train))))
        train, dev = held_out(train, number, seed, name)
        where = {"split": files.split, "held_out": len(dev), "seed": seed}
    train = sources.sample(train, limit, seed)
    labels = task.labels or (label_set(train) if task.kind in ("tagging", "classification") else ())
    if task.kind in ("classification", "tagging") and len(labels) < 2:
        raise InputError(f"{name}: expected at least 2 classes among its labels, found {len(labels)}")
    about = {**provenance, "trained_on": len(train), "limit": limit, "seed": seed, "dev": {**where, "rows": len(dev)}}
    return TaskRows(name, task.kind, train, dev, labels, about)


def _labelled(
    files: sources.SplitFiles, data: Path | str, bad: list[BadRow] | None
) -> tuple[list[Example], dict[str, Any]]:
    """The rows of a split that have labels, and where they come from."""
    from tqdm import tqdm

    task, split = files.task, files.split
    rows = sources.read(files, bad=bad)
    everything = list(tqdm(rows, desc=f"{task.name} ({split})", unit="row", delay=2, disable=None, leave=False))
    kept = [e for e in everything if sources.labels_of(e) is not None]
    counts = _counts(kept)
    if not kept:
        raise InputError(f"{task.name} ({split}) in {data}: expected rows with labels, found {len(everything)} without")
    if sources.placeholder(task, counts, len(kept)):
        only = next(iter(counts))
        raise InputError(f"{task.name} ({split}) in {data}: expected labels, found {len(kept)} rows all of {only!r}")
    about = {
        "split": split,
        "language": files.language,
        "source": files.sources,
        "files": store.hashes(files.files, sources.data_folder(data)),
        "rows": len(kept),
        "without_label": len(everything) - len(kept),
        "licence": task.licence,
        "note": "; ".join(files.notes),
    }
    return kept, about


def _counts(examples: Iterable[Example]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for example in examples:
        for label in sources.labels_of(example) or ():
            counts[label] = counts.get(label, 0) + 1
    return counts


def read_texts(paths: Sequence[Path | str], *, limit: int | None = None, seed: int = 0) -> TaskRows:
    """Texts for masked language modelling, one a line, from files and folders of `.txt` or `.txt.gz` files.

    The name of the folder that a file lies in is its language. Raises InputError where there is no text.
    """
    files = [f for p in map(Path, paths) for f in ([p] if p.is_file() else sorted(p.rglob("*.txt*")))]
    texts = sources.sample(_lines(files), limit, seed)
    if not texts:
        raise InputError(f"{', '.join(map(str, paths)) or '--mlm'}: expected text files (.txt), found no text")
    about = {
        "files": {f"{f.parent.name}/{f.name}": store.sha256_file(f) for f in files},
        "languages": sorted({f.parent.name for f in files}),
        "rows": len(texts),
        "trained_on": len(texts),
        "limit": limit,
        "seed": seed,
    }
    return TaskRows(MLM, "mlm", texts, (), (), about)


def _lines(files: Sequence[Path]) -> Iterator[Example]:
    for path in files:
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rt", encoding="utf-8") as stream:
                for number, line in enumerate(stream, 1):
                    if text := line.strip():
                        yield types.Text(f"{path.name}:{number}", path.parent.name, text)
        except (OSError, UnicodeDecodeError, EOFError) as error:
            raise InputError(f"{path}: expected text in UTF-8, found {error}") from error


# --- Held out, and each content once -----------------------------------------------------------------


def inputs(example: Example) -> tuple[str, ...]:
    """What a model reads of a row: its texts without the label, runs of space as one.

    >>> inputs(types.Classification("1", "en", "A man  sleeps.", None, "neutral"))
    ('A man sleeps.',)
    """
    names = ("text", "text_pair", "context", "question", "choices", "tokens")
    found: list[str] = []
    for name in names:
        value: Any = getattr(example, name, None)
        found += [value] if isinstance(value, str) else value or ()
    return tuple(" ".join(text.split()) for text in found)


def content(example: Example) -> bytes:
    """A digest of what a model reads of a row, the same for the same row in two data sets."""
    return hashlib.blake2b("\x1f".join(inputs(example)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def held_out(examples: Sequence[Example], number: int, seed: int, name: str) -> tuple[list[Example], list[Example]]:
    """Training rows and about `number` dev rows, never fewer than one group: rows of one context stay together."""
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        context = getattr(example, "context", None) or getattr(example, "text", None) or str(i)
        groups.setdefault(context, []).append(i)
    members, chosen = list(groups.values()), set[int]()
    if len(members) < 2:
        raise InputError(f"{name}: expected rows of several contexts to hold some out as dev, found {len(members)}")
    for group in generator(seed, "dev", name).permutation(len(members))[:-1]:
        if chosen and len(chosen) + len(members[group]) > number:
            break
        chosen.update(members[group])
    dev = [e for i, e in enumerate(examples) if i in chosen]
    return [e for i, e in enumerate(examples) if i not in chosen], dev


def each_once(tasks: Sequence[TaskRows]) -> list[TaskRows]:
    """The same tasks with each content once among their training rows, and none that is in a dev set.

    A content that several tasks have counts for the smallest of them: MNLI keeps its rows and ANLI+, which contains them,
    the others. Repetitions within one task are its own and stay. Raises InputError where a task has no row left.
    """
    in_dev = {content(e) for t in tasks for e in t.dev}
    taken: set[bytes] = set(in_dev)
    out: dict[str, TaskRows] = {}
    for task in sorted(tasks, key=lambda t: (len(t.train), t.name)):
        digests = [content(e) for e in task.train]
        kept = [e for e, d in zip(task.train, digests, strict=True) if d not in taken]
        if not kept:
            raise InputError(f"{task.name}: expected rows that no other task of the mixture has, found none left")
        removed = {"in_dev": sum(d in in_dev for d in digests)}
        removed["in_other_tasks"] = len(digests) - len(kept) - removed["in_dev"]
        taken.update(digests)
        about = {**task.provenance, "trained_on": len(kept), "removed": removed}
        out[task.name] = replace(task, train=kept, provenance=about)
    return [out[t.name] for t in tasks]
