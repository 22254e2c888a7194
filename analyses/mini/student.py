"""The student: the teacher's layers under embeddings of lower rank, which start where the entries' translations are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from analyses.mini import teacher as taught

if TYPE_CHECKING:
    from transformers import BertModel, ElectraForMaskedLM

Matrix = NDArray[np.float32]


def configured(teacher: BertModel, entries: int, rank: int) -> ElectraForMaskedLM:
    """An ELECTRA of the teacher's shape with embeddings of `rank` dimensions, its weights random."""
    from transformers import ElectraConfig, ElectraForMaskedLM

    same = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act")
    config = ElectraConfig(
        **{name: getattr(teacher.config, name) for name in same},
        vocab_size=entries,
        embedding_size=rank,
        max_position_embeddings=teacher.config.max_position_embeddings,
        layer_norm_eps=teacher.config.layer_norm_eps,
        pad_token_id=0,
    )
    return ElectraForMaskedLM(config)


def basis(vectors: Matrix, weights: NDArray[np.float64], rank: int) -> Matrix:
    """The `rank` orthonormal directions (d, rank) that keep most of the weighted sum of squares of the vectors (n, d)."""
    second = (vectors * weights[:, None]).T @ vectors
    return np.asarray(np.linalg.eigh(second)[1][:, ::-1][:, :rank], dtype=np.float32)


def zero_sum(rank: int) -> Matrix:
    """Orthonormal directions (rank, rank - 1) whose coordinates sum to zero: layer normalisation only scales them."""
    full = np.linalg.qr(np.c_[np.ones(rank), np.eye(rank)[:, 1:]])[0]
    return np.asarray(full[:, 1:], dtype=np.float32)


def start(teacher: BertModel, places: Matrix, weights: NDArray[np.float64], rank: int) -> ElectraForMaskedLM:
    """The student whose hidden states are the teacher's, as far as embeddings of that rank can tell them.

    `places` (entries, d) in the teacher's embedding space, `weights` how often each entry occurs. The teacher adds the
    embeddings of entry, position and type, takes the mean over the dimensions away, scales and shifts. The student
    adds coordinates in a basis of rank - 1 directions, laid where layer normalisation finds no mean; its projection
    brings them back with the teacher's scale and shift. Both agree where the basis keeps the whole of a vector.
    """
    import torch

    student = configured(teacher, len(places), rank)
    theirs = {name: w.detach().numpy() for name, w in teacher.embeddings.named_parameters()}
    tables = [places, theirs["position_embeddings.weight"], theirs["token_type_embeddings.weight"]]
    tables = [t - t.mean(axis=1, keepdims=True) for t in tables]
    rows = np.sqrt(weights / weights.sum())
    each = [rows / rows.sum(), np.full(len(tables[1]), 1 / len(tables[1])), np.full(2, 0.5)]
    directions = basis(np.concatenate(tables), np.concatenate(each), rank - 1)
    lift = zero_sum(rank)
    mine = student.electra
    with torch.no_grad():
        kinds = (
            mine.embeddings.word_embeddings,
            mine.embeddings.position_embeddings,
            mine.embeddings.token_type_embeddings,
        )
        for module, table in zip(kinds, tables, strict=True):
            module.weight.copy_(torch.from_numpy(table @ directions @ lift.T))
        mine.embeddings.LayerNorm.weight.fill_(float(np.sqrt(places.shape[1] / rank)))
        mine.embeddings.LayerNorm.bias.zero_()
        scale = theirs["LayerNorm.weight"][:, None] * directions @ lift.T
        mine.embeddings_project.weight.copy_(torch.from_numpy(scale))
        mine.embeddings_project.bias.copy_(torch.from_numpy(theirs["LayerNorm.bias"]))
        student.generator_lm_head.bias.copy_(torch.from_numpy(np.log(weights / weights.sum() + 1e-7)).float())
    mine.encoder.load_state_dict(teacher.encoder.state_dict())
    return student


def filled(places: Matrix, entries: list[str], rng: np.random.Generator) -> Matrix:
    """Places without a gap: an entry that was never counted stands near the mean of the entries that share its letters."""
    known = ~np.isnan(places[:, 0])
    first = np.array([ord(e.lstrip("▁")[0]) // 128 if e.lstrip("▁") else 0 for e in entries])
    out = places.copy()
    typical = np.linalg.norm(places[known], axis=1).mean()
    for block in np.unique(first[~known]):
        peers = known & (first == block)
        centre = places[peers if peers.any() else known].mean(axis=0)
        missing = np.flatnonzero(~known & (first == block))
        noise = rng.normal(size=(len(missing), places.shape[1])).astype(np.float32)
        out[missing] = centre + 0.5 * typical * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return out


def lengthened(places: Matrix, counts: sparse.csr_matrix, embeddings: Matrix) -> Matrix:
    """Means made as long as the embeddings that they are means of: averaging shortens, and length says how much an
    entry weighs beside its position."""
    typical = taught.places(counts, np.linalg.norm(embeddings, axis=1, keepdims=True))
    return np.asarray(places / np.linalg.norm(places, axis=1, keepdims=True) * typical, dtype=np.float32)


def begin(work: Path, out: Path, rank: int) -> None:
    """Write the student as it is before the first step."""
    from tokenizers import Tokenizer

    teacher, theirs = taught.model_and_tokenizer()
    mine = Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))
    embeddings = teacher.embeddings.word_embeddings.weight.detach().numpy()
    counts = sparse.load_npz(work / "counts.npz")
    places = lengthened(taught.places(counts, embeddings), counts, embeddings)
    entries = [mine.id_to_token(i) for i in range(mine.get_vocab_size())]
    print(f"{np.isfinite(places[:, 0]).sum():,} of {len(entries):,} entries have a place", flush=True)
    for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"):
        places[mine.token_to_id(name)] = embeddings[theirs.token_to_id(name)]
    places = filled(places, entries, np.random.default_rng(0))
    weights = np.asarray(counts.sum(axis=1)).ravel()
    weights[mine.token_to_id("[CLS]")] = weights[mine.token_to_id("[SEP]")] = weights.sum() / 20
    start(teacher, places, weights, rank).save_pretrained(out)
