"""How good a checkpoint is: Tatoeba accuracy in 36 languages, and the export as an ordinary model folder."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity.tasks.tatoeba import CODES

if TYPE_CHECKING:
    from transformers import ElectraModel


def nearest_accuracy(queries: NDArray[Any], documents: NDArray[Any]) -> float:
    """Per cent of rows of the queries whose most similar document (unit vectors) is the row of the same number.

    >>> nearest_accuracy(np.eye(3), np.eye(3)[[0, 2, 1]])
    33.33333333333333
    """
    return float(np.mean((queries @ documents.T).argmax(axis=1) == np.arange(len(queries))) * 100)


def tatoeba(encoder: Any, data: Path) -> dict[str, float]:
    """Accuracy by language, English queries, cosine; exact, each pair of files in one matrix."""
    out = {}
    for language, code in sorted(CODES.items()):
        sides = [
            (data / "tatoeba" / "v1" / f"tatoeba.{code}-eng.{s}").read_text("utf-8").splitlines() for s in ("eng", code)
        ]
        out[language] = nearest_accuracy(*(encoder.encode(side) for side in sides))
    return out


def words_and_tags(path: Path, most: int) -> tuple[list[list[str]], list[list[str]]]:
    """The first sentences of a file with a word and its tag a line, a blank line after each sentence."""
    blocks = [b for b in path.read_text("utf-8").split("\n\n") if b.strip()][:most]
    rows = [[line.split("\t") for line in b.splitlines() if line.strip()] for b in blocks]
    return [[r[0] for r in block] for block in rows], [[r[-1] for r in block] for block in rows]


def word_states(folder: Path, sentences: list[list[str]]) -> list[NDArray[np.float32]]:
    """The last layer's state of the first token of each word, sentence by sentence; words cut off are left out."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    out = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for words in sentences:
            encoded = tokenizer.encode(words, is_pretokenized=True)
            ids = torch.tensor([encoded.ids[:128]])
            first: dict[int, int] = {}
            for at, word in enumerate(encoded.word_ids[:128]):
                if word is not None:
                    first.setdefault(word, at)
            states = model(input_ids=ids).last_hidden_state[0].float().numpy()
            out.append(
                np.stack(
                    [states[first[w]] if w in first else np.full(states.shape[1], np.nan) for w in range(len(words))]
                )
            )
    return out


def tagging_probe(folder: Path, data: Path, most: int = 150) -> dict[str, float]:
    """Accuracy of tags predicted by ridge regression on frozen states, learnt on English alone: a quick look at whether
    words, and not only sentences, are represented alike in all languages. It is no XTREME score."""
    words, tags = words_and_tags(data / "udpos" / "train-en.tsv", 2000)
    names = sorted({t for sentence in tags for t in sentence})
    x = np.concatenate(word_states(folder, words))
    y = np.eye(len(names))[[names.index(t) for sentence in tags for t in sentence]]
    kept = np.isfinite(x[:, 0])
    x, y = np.c_[x[kept], np.ones(kept.sum())], y[kept]
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(x.shape[1]), x.T @ y)
    out = {}
    for path in sorted((data / "udpos").glob("dev-*.tsv")):
        words, tags = words_and_tags(path, most)
        x = np.nan_to_num(np.concatenate(word_states(folder, words)))
        found = (np.c_[x, np.ones(len(x))] @ weights).argmax(axis=1)
        out[path.stem[4:]] = float(np.mean([names[f] == t for f, t in zip(found, chain(*tags), strict=True)]) * 100)
    return out


def model_of(run: Path) -> tuple[ElectraModel, dict[str, Any]]:
    """The encoder of a run's checkpoint (running mean of the weights) and the progress of the run."""
    from safetensors import safe_open
    from transformers import ElectraConfig, ElectraModel

    model = ElectraModel(ElectraConfig.from_pretrained(run))
    with safe_open(run / "checkpoint.safetensors", "pt") as stored:
        progress = json.loads(stored.metadata()["progress"])
        model.load_state_dict({name: stored.get_tensor(f"mean/electra.{name}") for name in model.state_dict()})
    return model, progress


def export(run: Path, tokenizer: Path, out: Path, *, longest: int = 512) -> Path:
    """Write the checkpoint as a Hugging Face and sentence-transformers folder: float16 weights, tokenizer, mean pooling."""
    import torch
    from transformers import AutoTokenizer

    model, _ = model_of(run)
    model.to(torch.float16).save_pretrained(out)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(out)
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    pooling = {"word_embedding_dimension": model.config.hidden_size, "pooling_mode_mean_tokens": True}
    for name, content in (
        ("modules.json", modules),
        ("sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False}),
        ("1_Pooling/config.json", pooling),
    ):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(json.dumps(content, indent=1))
    return out


def report(run: Path, tokenizer: Path, data: Path, *, probe: bool = False) -> dict[str, Any]:
    """Print and keep (evaluations.jsonl in the run's folder) the accuracies of the run as it stands."""
    from diversity.encoders.sentence import load_encoder

    _, progress = model_of(run)
    folder = export(run, tokenizer, run / "snapshot")
    scores = {"tatoeba": tatoeba(load_encoder(str(folder), precision="bf16"), data)}
    if probe:
        scores["tags"] = tagging_probe(folder, data)
    row = {k: progress[k] for k in ("step", "sentences", "tokens", "cpu")} | {"losses": progress["losses"]} | scores
    with (run / "evaluations.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    print(f"step {row['step']:,}, {row['sentences']:,} sentences, {row['cpu'] / 60:.0f} processor minutes")
    for name, by_language in scores.items():
        print(f"{name}: mean {np.mean(list(by_language.values())):.1f}:", end=" ")
        print(" ".join(f"{x} {score:.0f}" for x, score in sorted(by_language.items(), key=lambda item: -item[1])))
    return row
