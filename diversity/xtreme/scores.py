"""The scores of one task in one language: what each item counts, summed, and the ratios of the sums.

An item is a line, a sentence of tags, a question or, in mining, a foreign sentence. Every metric is a ratio of sums over
items, so that a bootstrap draws rows of an array. All values are on a scale from 0 to 100.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity import catalog
from diversity.types import InputError, OutputType, Predicted
from diversity.xtreme import normalise
from diversity.xtreme.benchmark import output_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diversity.types import Array

    Ints = NDArray[np.int64]

Labels = Sequence[str]
Tags = Sequence[Sequence[str]]
Pairs = Iterable[tuple[str, str]]
Question = tuple[str, tuple[str, ...]]  # its id and its gold answers
Gold = Any  # Labels, Tags, Sequence[Question] or Pairs, by the form of the task


def scores_of(task: str, language: str, gold: Gold, predicted: Predicted) -> dict[str, float]:
    """The metrics of a task in one language, official ones first, from 0 to 100.

    `gold` and `predicted` by the form of the task: labels (n,); sentences of tags; gold (question id, answers) pairs and
    a mapping from question id to answer; (foreign id, English id) pairs. Raises InputError where they do not fit.
    Source: `evaluate.py` of google-research/xtreme 838c13b, with seqeval 1.2.2.

    >>> scores_of("xnli", "sw", ["neutral", "entailment"], ["neutral", "neutral"])
    {'accuracy': 50.0}
    >>> scores = scores_of("udpos", "en", [["DET", "NOUN", "NOUN", "VERB"]], [["DET", "NOUN", "VERB", "VERB"]])
    >>> round(scores["f1"], 1), scores["token_accuracy"]  # of three spans each, NOUN and VERB have other bounds
    (33.3, 75.0)
    """
    sums = counts(task, language, gold, predicted).sum(axis=0)
    return {name: float(value) for name, value in values(output_type(task), sums).items()}


def counts(task: str, language: str, gold: Gold, predicted: Predicted) -> Array:
    """What each item adds to the sums that the metrics are ratios of, shape (items, k); see `values`."""
    form = output_type(task)
    try:
        if form == "labels":
            return label_counts(gold, predicted)
        if form == "tags":
            return tag_counts(gold, predicted)
        if form == "pairs":
            return pair_counts(gold, predicted)
        mlqa = catalog.task(task).answers == "mlqa"
        rules = partial(normalise.mlqa, language=language) if mlqa else normalise.squad
        return answer_counts(gold, predicted, rules)
    except InputError as error:
        raise InputError(f"{task} ({language}): {error}") from None


def values(form: OutputType, sums: Array) -> dict[str, Array]:
    """The metrics of sums of counts, shape (..., k): a value of each metric for each row; 0 where nothing is counted."""
    return {
        name: 100 * np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
        for name, (part, whole) in ratios(form, sums).items()
    }


def ratios(form: OutputType, sums: Array) -> dict[str, tuple[Array, Array]]:
    """What each metric is the ratio of, for counts of shape (..., k): the part that is right, and the whole."""
    column = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    if form == "labels":
        return {"accuracy": (column[0], column[1])}
    if form == "answers":
        return {"exact_match": (column[0], column[2]), "f1": (column[1], column[2])}
    right, predicted, gold = column[:3]
    both = {"f1": (2 * right, predicted + gold), "precision": (right, predicted), "recall": (right, gold)}
    if form == "pairs":
        return both
    older, predicted, gold = column[5:8]
    return {**both, "token_accuracy": (column[3], column[4]), "f1_seqeval_0": (2 * older, predicted + gold)}


def label_counts(gold: Labels, predicted: Labels) -> Array:
    """Right or not, and 1, for each line; raises InputError for another number of lines.

    >>> label_counts(["1", "0"], ["1", "1"]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    if len(gold) != len(predicted):
        raise InputError(f"expected {len(gold)} lines, one for each gold label, found {len(predicted)}")
    if not len(gold):
        raise InputError("expected gold labels, found none")
    right = [str(p) == str(g) for g, p in zip(gold, predicted, strict=True)]
    return np.column_stack([right, np.ones(len(right))])


def pair_counts(gold: Pairs, predicted: Pairs) -> Array:
    """For each foreign sentence in a pair: pairs that are mined and gold, mined, and gold. A repeated pair counts once.

    >>> pair_counts([("de-1", "en-1"), ("de-2", "en-7")], [("de-1", "en-1"), ("de-1", "en-1"), ("de-3", "en-2")]).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    true, mined = set(gold), set(predicted)
    if not true:
        raise InputError("expected gold pairs, found none")
    place = {id: i for i, id in enumerate(sorted({foreign for foreign, _ in true | mined}))}
    table = np.zeros((len(place), 3))
    for column, pairs in enumerate((true & mined, mined, true)):
        for foreign, _ in pairs:
            table[place[foreign], column] += 1
    return table


def pair_counts_of(sentences: Sequence[str], gold: Pairs, predicted: Pairs) -> Array:
    """The same for these foreign sentences, in their order, so that several systems have the same items.

    >>> pair_counts_of(["de-1", "de-2"], [("de-1", "en-1")], []).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    known = sorted({foreign for foreign, _ in {*gold, *predicted}})
    rows = dict(zip(known, pair_counts(gold, predicted), strict=True))
    return np.array([rows.get(foreign, np.zeros(3)) for foreign in sentences])


def answer_counts(gold: Sequence[Question], predicted: Mapping[str, str], rules: Callable[[str], str]) -> Array:
    """Exact match, F1 and 1 for each question: the best over its gold answers, both 0 where it is not answered.

    `rules` normalise a text. Raises InputError for an answer to no question, a question without a gold answer, and an id
    that several questions have (as in XTREME's TyDi QA training files).

    >>> answer_counts([("q", ("the cat sat", "cat")), ("r", ("x",))], {"q": "A cat."}, normalise.squad).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    """
    if not gold:
        raise InputError("expected questions with gold answers, found none")
    id, times = Counter(id for id, _ in gold).most_common(1)[0]
    if times > 1:
        raise InputError(f"expected each question id once in the gold, found {id!r} {times} times")
    if unknown := sorted(predicted.keys() - {id for id, _ in gold}):
        others = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise InputError(f"expected answers to the questions of the gold, found the unknown id {unknown[0]!r}{others}")
    table = np.zeros((len(gold), 3))
    table[:, 2] = 1
    for row, (id, answers) in zip(table, gold, strict=True):
        if not answers:
            raise InputError(f"expected a gold answer to the question {id!r}, found none")
        if id in predicted:
            answer = rules(predicted[id])
            exact, f1 = zip(*(_compare(rules(text), answer) for text in answers), strict=True)
            row[:2] = max(exact), max(f1)
    return table


def _compare(gold: str, answer: str) -> tuple[float, float]:
    """Exact match and F1 over words; F1 is 0 where no word is shared, even of two empty texts."""
    mine, other = answer.split(), gold.split()
    shared = (Counter(mine) & Counter(other)).total()
    return float(gold == answer), 2 * shared / (len(mine) + len(other)) if shared else 0.0


# --- Tags ---------------------------------------------------------------------------------------------


def tag_counts(gold: Tags, predicted: Tags) -> Array:
    """For each sentence, shape (sentences, 8): spans that are right, predicted and gold; tokens that are right, and all;
    and the spans again as seqeval 0.0.12 finds them, which differ where tags have no B- or I- (see `_parts`).

    A span counts for the sentence in which it ends. Raises InputError for another number of sentences, or of tags in one.

    >>> tag_counts([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])[0, :5].tolist()
    [0.0, 1.0, 1.0, 2.0, 3.0]
    """
    lengths = _lengths(gold, predicted)
    tags = tuple(dict.fromkeys(("O", *chain.from_iterable(gold), *chain.from_iterable(predicted))))
    number = {tag: i for i, tag in enumerate(tags)}
    sides = [np.array([number[t] for t in chain.from_iterable(side)], dtype=np.int64) for side in (gold, predicted)]
    if "" in number:
        raise InputError("expected a tag for each token, found an empty one")
    sentence, last = np.repeat(np.arange(len(lengths)), lengths), np.cumsum(lengths)

    def per_sentence(there: NDArray[np.bool_]) -> Array:
        return np.bincount(sentence[there], minlength=len(lengths)).astype(np.float64)

    # Sentences are joined with an O after each, as seqeval joins them.
    joined = [np.insert(side, last, number["O"]) for side in sides]
    within = np.delete(np.arange(len(joined[0])), last + np.arange(len(last)))

    def spans(old: bool) -> list[Array]:
        letters, kinds = _parts(tags, old)
        true, mine = (_spans(side, letters, kinds)[within] for side in joined)
        right = (true >= 0).all(axis=1) & (true == mine).all(axis=1)
        return [per_sentence(there) for there in (right, mine[:, 0] >= 0, true[:, 0] >= 0)]

    return np.column_stack([*spans(False), per_sentence(sides[0] == sides[1]), lengths, *spans(True)])


def _lengths(gold: Tags, predicted: Tags) -> Ints:
    """Words of each sentence; raises InputError where the two do not agree."""
    if not len(gold):
        raise InputError("expected sentences of gold tags, found none")
    if len(gold) != len(predicted):
        raise InputError(f"expected {len(gold)} sentences, as in the gold, found {len(predicted)}")
    for number, (true, mine) in enumerate(zip(gold, predicted, strict=True), 1):
        if len(true) != len(mine):
            raise InputError(f"expected {len(true)} tags in sentence {number}, as in the gold, found {len(mine)}")
    return np.array([len(s) for s in gold], dtype=np.int64)


def _parts(tags: Sequence[str], old: bool) -> tuple[Ints, Ints]:
    """The letter and the type of each tag, as seqeval takes them apart: `B-PER` is a B of type PER.

    From version 1 on tags without a hyphen are taken apart in the same way: `NOUN` is an N of type OUN, `CCONJ` and
    `SCONJ` are a C and an S of one type CONJ, and `X` has the type of O. In version 0.0.12 the whole tag is the type.
    """
    kinds = [tag.split("-")[-1] if old else tag[1:].split("-", 1)[-1] or "_" for tag in tags]
    numbers = {kind: i for i, kind in enumerate(dict.fromkeys(kinds))}
    return np.array([ord(tag[0]) for tag in tags]), np.array([numbers[k] for k in kinds])


def _spans(tags: Ints, letters: Ints, kinds: Ints) -> Ints:
    """For each position: first position and type of the span that ends there, -1 where none does, shape (n, 2).

    The rules of conlleval, as seqeval applies them to letters of any alphabet: neighbours of one type are one span
    unless a B, E or S stands between them. `tags` are numbers of tags with these letters and types; the last is an O.
    """

    def among(alphabet: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        now = np.isin(letters, [ord(letter) for letter in alphabet])[tags]
        return np.append("O" in alphabet, now[:-1]), now  # before the first one there is an O of no type

    changed = np.append(True, kinds[tags][1:] != kinds[tags][:-1])
    single, begun, outside = among("ES"), among("BI"), among("O.")
    starts = among("BS")[1] | (among("ESO")[0] & among("EI")[1]) | (~outside[1] & changed)
    ends = single[0] | (begun[0] & among("BSO")[1]) | (~outside[0] & changed)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(tags)), 0))
    spans = np.full((len(tags), 2), -1, dtype=np.int64)
    at = np.flatnonzero(ends) - 1
    spans[at] = np.column_stack([first[at], kinds[tags[at]]])
    return spans
