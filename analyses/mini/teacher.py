"""What the student is taught: the teacher's vectors of the English sentences, and a place in its embeddings for each entry.

The place of an entry of the new vocabulary is the mean of the teacher's embeddings of the English entries that it
translates. In English text the two tokenizers meet at the same characters; in the other languages the probability that
English token e translates entry f is estimated on the parallel text (IBM model 1, Brown et al. 1993, in both directions,
whose posteriors are multiplied as in Liang, Taskar and Klein 2006).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Ids = list[NDArray[np.int64]]
LINKS = 6_000_000  # word pairs of a language that the alignment is estimated on


def vectors(corpus: Path, out: Path, *, device: str = "cpu", block: int = 4096) -> NDArray[np.float16]:
    """Unit vectors of all English sentences, in float16, memory-mapped; a run that was cut off goes on."""
    from tqdm import tqdm

    from diversity.embed import load_encoder

    texts = pd.read_parquet(corpus / "english.parquet")["text"].tolist()
    done = out.with_suffix(".done")
    start = int(done.read_text()) if done.exists() else 0
    kept = np.lib.format.open_memmap(out, "r+" if start else "w+", np.float16, (len(texts), 384))
    encoder = load_encoder(precision="bf16", device=device) if start < len(texts) else None
    for first in tqdm(range(start, len(texts), block), desc="teacher", disable=None):
        assert encoder is not None
        kept[first : first + block] = encoder.encode(texts[first : first + block])
        kept.flush()
        done.write_text(str(min(first + block, len(texts))))
    return np.load(out, mmap_mode="r")


def overlaps(left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Pairs of tokens of two segmentations of one text that share characters.

    >>> list(overlaps([(0, 4), (5, 9)], [(0, 2), (2, 4), (5, 9)]))
    [(0, 0), (0, 1), (1, 2)]
    """
    j = 0
    for i, (start, end) in enumerate(left):
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < end:
            yield i, k
            k += 1


def english_counts(texts: Sequence[str], student: object, teacher: object) -> sparse.csr_matrix:
    """How often each student entry (rows) covers characters of each teacher entry (columns), each token counted once."""
    rows, columns, weights = [], [], []
    both = (t.encode_batch(list(texts), add_special_tokens=False) for t in (student, teacher))
    for mine, theirs in zip(*both, strict=True):
        found = list(overlaps(mine.offsets, theirs.offsets))
        share = np.bincount([i for i, _ in found], minlength=len(mine.ids))
        for i, k in found:
            rows.append(mine.ids[i])
            columns.append(theirs.ids[k])
            weights.append(1 / share[i])
    shape = (student.get_vocab_size(), teacher.get_vocab_size())
    return sparse.csr_matrix((weights, (rows, columns)), shape)


def links(foreign: Ids, english: Ids, most: int = LINKS) -> tuple[NDArray[np.int64], ...]:
    """All pairs of tokens of sentence pairs, flat: foreign id, English id, and the number of the token on each side."""
    f, e, nf, ne, total_f, total_e, total = [], [], [], [], 0, 0, 0
    for x, y in zip(foreign, english, strict=True):
        if total + len(x) * len(y) > most:
            continue
        f.append(np.tile(x, len(y)))
        e.append(np.repeat(y, len(x)))
        nf.append(np.tile(np.arange(len(x)), len(y)) + total_f)
        ne.append(np.repeat(np.arange(len(y)), len(x)) + total_e)
        total_f, total_e, total = total_f + len(x), total_e + len(y), total + len(x) * len(y)
    return tuple(np.concatenate(part) for part in (f, e, nf, ne))


def posterior(given: NDArray, made: NDArray, token: NDArray, rounds: int = 5) -> NDArray[np.float64]:
    """Model 1: the probability, for each link, that the token made (`token` numbers them) comes from the one given."""
    width = int(made.max()) + 1
    _, kind = np.unique(given.astype(np.int64) * width + made, return_inverse=True)
    of = np.zeros(int(kind.max()) + 1, np.int64)
    of[kind] = given
    table = np.ones(len(of))
    for _ in range(rounds):
        found = table[kind]
        found /= np.bincount(token, found)[token]
        counts = np.bincount(kind, found)
        table = counts / np.bincount(of, counts)[of]
    return found


def aligned_counts(foreign: Ids, english: Ids, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Expected number of times that each foreign entry (rows) and each English entry (columns) translate each other."""
    f, e, nf, ne = links(foreign, english)
    weight = posterior(f, e, ne) * posterior(e, f, nf)
    kept = weight > 0.01
    return sparse.csr_matrix((weight[kept], (f[kept], e[kept])), shape)


def places(counts: sparse.csr_matrix, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean embedding of what each entry was counted with; NaN for an entry that was counted with nothing."""
    total = np.asarray(counts.sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts @ embeddings / np.where(total > 0, total, np.nan), dtype=np.float32)
