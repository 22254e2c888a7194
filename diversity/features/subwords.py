"""Texts as subwords: one flat pool of tokens, cut and joined by array operations, never token by token.

A text is tokenised once, however many rows share it (the passage of ten questions, the premise of three pairs), without
special tokens; sequences are then put together from slices of the pool and the tokenizer's own template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity.data.fields import encodable
from diversity.types import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

    Ints = NDArray[np.int64]

BATCH = 2048  # texts tokenised at a time: the tokenizer's own objects take some 200 bytes a token until they are read


@dataclass(frozen=True)
class Special:
    """Special tokens that stand between texts: their ids and token types."""

    ids: tuple[int, ...]
    types: tuple[int, ...]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.ids)


@dataclass(frozen=True)
class TokenizerAdapter:
    """A fast tokenizer, and where it puts special tokens around one text (2 places) and around a pair (3 places).

    `text_types` are the token types of the first and the second text, all types 0 for a model that takes none;
    `unknown` is the token for a word that becomes no subword; `digest` is the SHA-256 of all that changes a token.
    """

    backend: Tokenizer
    single: tuple[Special, ...]
    pair: tuple[Special, ...]
    text_types: tuple[int, int]
    unknown: int
    digest: str

    def room(self, *, pair: bool, max_length: int) -> int:
        """Subwords that fit beside the special tokens; raises InputError where it is not one for each text."""
        special = sum(map(len, self.pair if pair else self.single))
        least = special + 1 + pair
        if max_length < least:
            raise InputError(f"expected a maximum length of at least {least} tokens, found {max_length}")
        return max_length - special


def adapter(tokenizer: PreTrainedTokenizerBase | TokenizerAdapter) -> TokenizerAdapter:
    """What `build` needs of a tokenizer of transformers, which is left as it is; a TokenizerAdapter is returned as given.

    A vocabulary of 250,000 takes a second to read; the last ones that were read are kept.

    Raises InputError for one that is not fast, or that does not start every sequence with a special token ([CLS], <s>):
    the classes are read off that token, and it stands for "no answer".
    """
    if isinstance(tokenizer, TokenizerAdapter):
        return tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        given = f"{type(tokenizer).__module__}.{type(tokenizer).__name__}"
        raise InputError(f"expected a fast tokenizer (one with a tokenizer.json), found {given}")
    unknown = next((i for i in (tokenizer.unk_token_id, tokenizer.mask_token_id) if i is not None), None)
    return _adapter(backend.to_str(), "token_type_ids" in tokenizer.model_input_names, unknown)


@lru_cache(maxsize=2)
def _adapter(content: str, types: bool, unknown: int | None) -> TokenizerAdapter:
    """The adapter of a tokenizer of that content; the last ones are kept, for each training and prediction asks anew."""
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(content)
    copy.no_padding()  # files of tokenizers carry such settings, and so do calls of them
    copy.no_truncation()
    single, _ = _template(copy.encode("a"), 1, types)
    pair, text_types = _template(copy.encode("a", "b"), 2, types)
    if not (len(single[0]) and len(pair[0])):
        given = ", ".join(map(repr, copy.encode("a", "b").tokens))
        raise InputError(
            f"expected a tokenizer that starts with a special token such as [CLS], found {given} for a pair"
        )
    unknown = single[0].ids[0] if unknown is None else unknown
    digest = hashlib.sha256(f"{types}:{unknown}:{copy.to_str()}".encode()).hexdigest()
    return TokenizerAdapter(copy, single, pair, (text_types[0], text_types[1]), unknown, digest)


def _template(encoding: Encoding, texts: int, types: bool) -> tuple[tuple[Special, ...], list[int]]:
    """The special tokens before, between and after the texts, and the texts' token types."""
    owner = encoding.sequence_ids
    type_ids = encoding.type_ids if types else [0] * len(owner)
    places = [[i for i, o in enumerate(owner) if o == t] for t in range(texts)]
    edges = [0, *chain.from_iterable((p[0], p[-1] + 1) for p in places if p), len(owner)]
    if not all(places) or edges != sorted(edges):
        raise InputError(f"expected a tokenizer that puts texts one after another, found {encoding.tokens}")
    gaps = zip(edges[::2], edges[1::2], strict=True)
    special = tuple(Special(tuple(encoding.ids[a:b]), tuple(type_ids[a:b])) for a, b in gaps)
    return special, [type_ids[p[0]] for p in places]


@dataclass(frozen=True)
class Slices:
    """Stretches of a pool of tokens: where each begins and how many tokens it has, shape (n,)."""

    begins: Ints
    lengths: Ints

    def __getitem__(self, index: Ints | slice) -> Slices:
        """Some of them."""
        return Slices(self.begins[index], self.lengths[index])

    def first(self, lengths: Ints | int) -> Slices:
        """At most so many tokens of each, from its beginning."""
        return Slices(self.begins, np.minimum(self.lengths, lengths))

    def last(self, lengths: Ints | int) -> Slices:
        """At most so many tokens of each, from its end."""
        kept = np.minimum(self.lengths, lengths)
        return Slices(self.begins + self.lengths - kept, kept)

    @property
    def tokens(self) -> Ints:
        """Places in the pool of all their tokens, one slice after another."""
        return ragged(self.begins, self.lengths)


@dataclass(frozen=True)
class Pool:
    """The subwords of distinct texts in one flat array, and the slice of each text that was given.

    `offsets` (tokens, 2) are the characters that a token covers in its text, in code points; None where not asked for.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int32] | None
    texts: Slices


def ragged(begins: Ints, lengths: Ints) -> Ints:
    """`begin, begin + 1, ...` for each length, one after another.

    >>> ragged(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    places: Ints = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - (ends - lengths), lengths)
    return places


def pool(source: TokenizerAdapter, texts: Sequence[str], *, offsets: bool = False) -> Pool:
    """Tokenise texts, without special tokens, each distinct one once."""
    distinct = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    ids, spans, counts = list[Any](), list[Any](), list[int]()
    encode = source.backend.encode_batch if offsets else source.backend.encode_batch_fast
    ordered = list(distinct)
    for start in range(0, len(ordered), BATCH):
        encodings = encode(encodable(ordered[start : start + BATCH]), add_special_tokens=False)
        counts += map(len, encodings)
        ids.append(np.fromiter(chain.from_iterable(e.ids for e in encodings), np.int32))
        if offsets:
            flat = chain.from_iterable(chain.from_iterable(e.offsets for e in encodings))
            spans.append(np.fromiter(flat, np.int32).reshape(-1, 2))
    lengths = np.array(counts, dtype=np.int64)
    slices = Slices(np.cumsum(lengths) - lengths, lengths)[np.array([distinct[t] for t in texts], dtype=np.int64)]
    empty = np.empty(0, dtype=np.int32)
    joined = np.concatenate(spans or [empty.reshape(0, 2)]) if offsets else None
    return Pool(np.concatenate(ids or [empty]), joined, slices)


@dataclass(frozen=True)
class Sequences:
    """Token ids and types of sequences, flat; sequence i is `starts[i]` to `starts[i + 1]`.

    `first` and `second` are the places where the texts begin, shape (n,).
    """

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    starts: Ints
    first: Ints
    second: Ints


def assemble(
    source: TokenizerAdapter, ids: NDArray[np.int32], first: Slices, second: Slices | None = None
) -> Sequences:
    """Sequences of one text, or of a pair, with special tokens; a second text of length -1 is none at all."""
    n = len(first.begins)
    second = second or Slices(np.zeros(n, np.int64), np.full(n, -1, np.int64))
    paired = second.lengths >= 0
    columns: list[tuple[Special, NDArray[np.bool_]] | tuple[Slices, int]] = [
        (source.single[0], ~paired),
        (source.pair[0], paired),
        (first, source.text_types[0]),
        (source.single[1], ~paired),
        (source.pair[1], paired),
        (Slices(second.begins, np.maximum(second.lengths, 0)), source.text_types[1]),
        (source.pair[2], paired),
    ]
    lengths = np.stack([p.lengths if isinstance(p, Slices) else len(p) * where for p, where in columns], axis=1)
    ends = np.cumsum(lengths.ravel()).reshape(lengths.shape)
    begins = ends - lengths
    size = int(ends[-1, -1]) if n else 0
    out, types = np.empty(size, np.int32), np.zeros(size, np.uint8)
    for column, (part, where) in enumerate(columns):
        if isinstance(part, Slices):
            at = ragged(begins[:, column], part.lengths)
            out[at], types[at] = ids[part.tokens], where
        else:
            for j, (token, kind) in enumerate(zip(part.ids, part.types, strict=True)):
                at = begins[where, column] + j
                out[at], types[at] = token, kind
    starts = np.concatenate([[0], ends[:, -1]]).astype(np.int64)
    return Sequences(out, types, starts, begins[:, 2], begins[:, 5])


def longest_first(first: Ints, second: Ints, room: int) -> tuple[Ints, Ints]:
    """Lengths of two texts cut to fit together: tokens are taken from the longer one (of equal ones, the first).

    >>> [x.tolist() for x in longest_first(np.array([9, 2, 5]), np.array([3, 9, 4]), 8)]
    [[5, 2, 4], [3, 6, 4]]
    """
    half = room // 2
    fair = np.minimum(np.where(first > second, room - half, half), first)
    over = first + second > room
    second_kept = np.where(over, np.minimum(second, room - fair), second)
    return np.where(over, np.minimum(first, room - second_kept), first), second_kept


def windows(lengths: Ints, room: Ints | int, step: Ints | int) -> tuple[Ints, Ints, Ints]:
    """Overlapping windows of at most `room` tokens, `step` apart, that cover texts of these lengths.

    Returns of each window the text, where it begins in it, and its length; an empty text has one empty window.

    >>> [x.tolist() for x in windows(np.array([3, 9]), 4, 3)]
    [[0, 1, 1, 1], [0, 0, 3, 6], [3, 4, 4, 3]]
    """
    room, step = np.broadcast_to(room, lengths.shape), np.broadcast_to(step, lengths.shape)
    counts = 1 + -(-np.maximum(lengths - room, 0) // step)
    text = np.repeat(np.arange(len(lengths)), counts)
    begin = ragged(np.zeros_like(counts), counts) * step[text]
    return text, begin, np.minimum(room[text], lengths[text] - begin)
