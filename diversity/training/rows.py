"""Rows that a mixture is trained on: read, divided into training and dev rows, each content once."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diversity import catalog, store, types
from diversity.data import sources
from diversity.features.build import label_set
from diversity.training.sampling import generator
from diversity.training.shared import shared, stamps
from diversity.types import Example, InputError, Kind, Rows, Task
from diversity.types.task import is_english

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


def tested_on(task: Task, data: Rows) -> list[sources.SplitFiles]:
    """Files of the rows that a model trained on a task is tested on, in the language that it is trained in.

    They are those of the targets that are trained on this task, or on one that it contains: XQuAD's English questions are
    SQuAD's dev rows. Of a target the test split, else the dev split where it is not its own training set's. Sentences of
    retrieval are rows of a task of tagging: CCG's of the Parallel Meaning Bank are Tatoeba's.
    """
    language, files = data.languages[0], list[sources.SplitFiles | None]()
    for target in map(catalog.task, catalog.targets()):
        if target.kind == "retrieval":
            sides = target.languages if is_english(language) else (language,)
            if task.kind == "tagging":
                files += [sources.find(target, data, "test", side) for side in sides if side in target.languages]
            continue
        if target.code(language) not in target.languages:
            continue
        if target.name == task.name:
            files.append(sources.find(target, data, "test", language))
        elif target.train_on in (task.name, *task.contains):
            files.append(sources.find(target, data, "test", language) or sources.find(target, data, "dev", language))
    return [f for f in files if f is not None]


def check_trainable(task: Task) -> None:
    """Raise InputError for a task that no head can be trained on."""
    if task.kind == "retrieval":
        raise InputError(f"{task.name}: expected a task that a head can be trained on, found one of retrieval")


def read(task: Task, data: Rows | Path | str, *, dev_examples: int = 500, seed: int = 0) -> TaskRows:
    """The labelled rows of a task: training rows of the first of the splits that is there, and at most so many dev rows.

    Dev rows are a sample of the dev split where there is one that is not trained on; else whole groups of training rows
    that share a context, drawn with the seed, at most a tenth. The limit of `data` is that of training rows, drawn with
    `seed`. Rows that are tested on (`tested_on`), or whose passage is, are left out and counted. Raises InputError for no
    labelled row, labels that look like placeholders, and a kind that cannot be trained.
    """
    check_trainable(task)
    asked = Rows.of(data)
    files = sources.located(task, asked)
    others = [other for other in tested_on(task, asked) if (other.task.name, other.split) != (task.name, files.split)]
    train, provenance = _labelled(files, asked, others)
    if files.split != "dev" and (dev_files := sources.find(task, asked, "dev", files.language)):
        dev, of_dev = _labelled(dev_files, asked, others)
        dev, where = sources.sample(dev, dev_examples, seed), of_dev
    else:
        number = min(dev_examples, max(1, int(SHARE * len(train))))
        train, dev = held_out(train, number, seed, task.name)
        where = {"split": files.split, "held_out": len(dev), "seed": seed}
    train = sources.sample(train, asked.limit, seed)
    labels = task.labels or (label_set(train) if task.kind in ("tagging", "classification") else ())
    if task.kind in ("classification", "tagging") and len(labels) < 2:
        raise InputError(f"{task.name}: expected at least 2 classes among its labels, found {len(labels)}")
    of_train = {**provenance, "trained_on": len(train), "limit": asked.limit, "seed": seed}
    return TaskRows(task.name, task.kind, train, dev, labels, {**of_train, "dev": {**where, "rows": len(dev)}})


def _labelled(
    files: sources.SplitFiles, asked: Rows, others: Sequence[sources.SplitFiles]
) -> tuple[list[Example], dict[str, Any]]:
    """The rows of a split that have labels and are not in the files that are tested on, and where they come from.

    Runs of one process share them, and are not to change them.
    """
    if asked.bad is not None:  # what is bad is to be counted by each
        return _read_labelled(files, asked, _tested(others, files.language))
    about = (files.task.name, files.task.recipe, files.split, files.language, asked.folder)
    key = (*about, _stamps([files]), tuple(other.task.name for other in others), _stamps(others))

    def read() -> tuple[list[Example], dict[str, Any]]:
        return _read_labelled(files, asked, _tested(others, files.language))

    return shared(("rows", *key), read, lambda made: len(made[0]))


def _stamps(splits: Sequence[sources.SplitFiles]) -> Any:
    return stamps(path for split in splits for part in split.parts for path in part.all_files)


def _tested(others: Sequence[sources.SplitFiles], language: str) -> Set[bytes]:
    """The keys of rows that are tested on."""

    def read() -> set[bytes]:
        rows = (row for other in others for row in sources.read(other, bad=[]))
        return {key for row in rows if _in_language(row, language) for key in _keys(row)}

    key = (tuple((other.task.name, other.split, other.language) for other in others), language, _stamps(others))
    return shared(("tested", *key), read, len)


def _read_labelled(files: sources.SplitFiles, asked: Rows, tested: Set[bytes]) -> tuple[list[Example], dict[str, Any]]:
    from tqdm import tqdm

    task, split = files.task, files.split
    stream = sources.read(files, bad=asked.bad)
    everything = list(tqdm(stream, desc=f"{task.name} ({split})", unit="row", delay=2, disable=None, leave=False))
    kept = [e for e in everything if sources.labels_of(e) is not None]
    where = f"{task.name} ({split}) in {asked.folder}"
    counts = Counter(label for e in kept for label in sources.labels_of(e) or ())
    if not kept:
        raise InputError(f"{where}: expected rows with labels, found {len(everything)} without")
    if sources.placeholder(task, counts, len(kept)):
        raise InputError(f"{where}: expected labels, found {len(kept)} rows all of {next(iter(counts))!r}")
    unseen = [
        e for e in kept if tested.isdisjoint((*_keys(e), *([_letters(e)] if isinstance(e, types.Tagging) else [])))
    ]
    if not unseen:
        raise InputError(f"{where}: expected rows that no target is tested on, found none")
    about = {
        "split": split,
        "language": files.language,
        "source": files.sources,
        "files": store.hashes(files.files, sources.data_folder(asked)),
        "rows": len(kept),
        "without_label": len(everything) - len(kept),
        "tested_on": len(kept) - len(unseen),
        "licence": task.licence,
        "note": "; ".join(files.notes),
    }
    return unseen, about


def text_files(paths: Sequence[Path | str]) -> tuple[Path, ...]:
    """Files of text: those that are named, and the `.txt` and `.txt.gz` files of folders; InputError where none is there."""
    files = [f for p in map(Path, paths) for f in ([p] if p.is_file() else sorted(p.rglob("*.txt*")))]
    if not files:
        raise InputError(f"{', '.join(map(str, paths)) or '--mlm'}: expected text files (.txt), found none")
    return tuple(files)


def read_texts(files: Sequence[Path], *, limit: int | None = None, seed: int = 0) -> TaskRows:
    """Texts for masked language modelling, one a line, from files of text, plain or compressed (`.gz`).

    The name of the folder that a file lies in is its language. Raises InputError where there is no text.
    """
    texts = sources.sample(_lines(files), limit, seed)
    if not texts:
        raise InputError(f"{', '.join(map(str, files))}: expected text for masked language modelling, found none")
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
    texts: list[str] = []
    for name in names:
        value: Any = getattr(example, name, None)
        texts += [value] if isinstance(value, str) else value or ()
    return tuple(" ".join(text.split()) for text in texts)


def content(example: Example) -> bytes:
    """A digest of what a model reads of a row, the same for the same row in two data sets."""
    return hashlib.blake2b("\x1f".join(inputs(example)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _keys(example: Example) -> tuple[bytes, ...]:
    """What two rows may have in common that makes one of them no unseen one: the content, or the passage of a question."""
    if isinstance(example, types.Span):
        return content(example), content(types.Text("", "", example.context))
    return (_letters(example),) if isinstance(example, types.Retrieval) else (content(example),)


def _letters(example: Example) -> bytes:
    """The content of a sentence without blanks, case and punctuation: the same in tokens and as it is written."""
    letters = "".join(c for c in "".join(inputs(example)).casefold() if c.isalnum())
    return content(types.Text("", "", f"letters {letters}"))


def _in_language(example: Example, language: str) -> bool:
    """Whether a row is of a language; of retrieval, both sides are read, each in its own."""
    own = example.language
    return not isinstance(example, types.Retrieval) or own == language or (is_english(own) and is_english(language))


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
        removed = {"tested_on": task.provenance.get("tested_on", 0), "in_dev": sum(d in in_dev for d in digests)}
        removed["in_other_tasks"] = len(digests) - len(kept) - removed["in_dev"]
        taken.update(digests)
        about = {**task.provenance, "trained_on": len(kept), "removed": removed}
        out[task.name] = replace(task, train=kept, provenance=about)
    return [out[t.name] for t in tasks]
