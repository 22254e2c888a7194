"""Texts of the Hugging Face hub: `owner/name@revision/config:split:FIELD`, at a commit that is remembered and recorded."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diversity.data import commits, sources
from diversity.data.names import FORMS, PACKED, form
from diversity.types import InputError

SPELLINGS = {
    "train": ("train", "training"),
    "dev": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval"),
}
SPLITS = [spelling for spellings in SPELLINGS.values() for spelling in spellings]
# Files beside the texts, which say something of them.
ABOUT = re.compile(
    r"(^|/)(\.[^/]*|(readme|licen[cs]e|requirements|citation)[^/]*|(dataset_infos?|dataset_dict|state)\.json)$", re.I
)
CONVERTED = "refs/convert/parquet"  # the branch where the hub keeps every data set as Parquet


@dataclass(frozen=True)
class HubTexts:
    """A split of a data set of the hub; an empty revision is the one that is remembered, an empty config the only one."""

    repository: str
    revision: str = ""
    config: str = ""
    split: str = "train"

    @staticmethod
    def parse(path: str) -> HubTexts | None:
        """What `owner/name@revision/config:split` names; None for what cannot be a name of the hub.

        >>> HubTexts.parse("owner/news@main/en:test")
        HubTexts(repository='owner/news', revision='main', config='en', split='test')
        >>> HubTexts.parse("folder/news.csv") is None
        True
        """
        path = path.removeprefix("https://huggingface.co/datasets/")
        match = re.fullmatch(r"([^@:]+)(?:@([^/:]+)(?:/([^:]+))?)?(?::([\w.-]+))?", path)
        if match is None or not commits.REPOSITORY.fullmatch(match[1]) or path.lower().endswith((*FORMS, *PACKED)):
            return None
        return HubTexts(match[1], match[2] or "", match[3] or "", match[4] or "train")

    def fetch(self) -> tuple[tuple[Path, ...], str]:
        """The files, downloaded to the hub's cache, and where they come from: `owner/name@commit (config, split)`.

        Raises InputError where the hub cannot be reached, and where it has no such configuration or split.
        """
        import huggingface_hub

        commit = commits.commit_of(self.repository, self.revision, "dataset")
        try:
            published, card = self._published(commit)
            names = self.choose(published, card)
            if not names and not self.revision:
                commit, names = self._converted(commit)
            if not names:
                some = ", ".join(published[:3]) or "none"
                raise InputError(
                    f"{self.repository}@{commit[:12]}: expected files of the split {self.split}, found {some}"
                )
            folder = huggingface_hub.snapshot_download(
                self.repository, repo_type="dataset", revision=commit, allow_patterns=names
            )
        except InputError:
            raise
        except Exception as error:  # the hub client raises httpx, requests, OS and its own errors
            raise commits.unreachable(self.repository, "dataset", error) from error
        what = " ".join(filter(None, (self.config, self.split)))
        return tuple(Path(folder) / name for name in names), f"{self.repository}@{commit} ({what})"

    def _converted(self, commit: str) -> tuple[str, list[str]]:
        """The commit and files of the hub's own conversion, for files of another form; none where it has none."""
        try:
            converted = commits.commit_of(self.repository, CONVERTED, "dataset")
            published, _ = self._published(converted)
        except InputError:
            return commit, []
        return converted, self.choose(published, {})

    def _published(self, commit: str) -> tuple[list[str], Mapping[str, Any]]:
        """The files of a commit with their card, from the hub; where that is not reached, those downloaded before."""
        import huggingface_hub

        try:
            info = huggingface_hub.HfApi().dataset_info(self.repository, revision=commit)
        except Exception:
            stored = f"datasets--{self.repository.replace('/', '--')}/snapshots/{commit}"
            folder = Path(huggingface_hub.constants.HF_HUB_CACHE) / stored
            if not folder.is_dir():
                raise
            return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()), {}
        card = info.card_data
        return sorted(s.rfilename for s in info.siblings or []), vars(card) if card else {}

    def choose(self, published: Sequence[str], card: Mapping[str, Any]) -> list[str]:
        """The files that hold the split: as the card says, else by their names; raises InputError for an unknown config.

        >>> HubTexts("a/b").choose(["README.md", "data/test-0.parquet", "data/train-0.parquet"], {})
        ['data/train-0.parquet']
        """
        texts = [name for name in published if not ABOUT.search(name) and _form(name)]
        described = [c for c in card.get("configs") or () if isinstance(c, Mapping) and c.get("data_files")]
        configs = {str(c.get("config_name", "default")): c["data_files"] for c in described}
        if configs:
            config = self.config or ("default" if "default" in configs or len(configs) > 1 else next(iter(configs)))
            if config not in configs:
                raise self._unknown(list(configs))
            patterns = _patterns(configs[config], self.spellings)
            return _one_form(n for n in texts if any(fnmatch.fnmatchcase(n, p) for p in patterns))
        return _one_form(self._by_name(texts))

    @property
    def spellings(self) -> Sequence[str]:
        """How files may spell the split."""
        return SPELLINGS.get(self.split, (self.split,))

    def _by_name(self, texts: Sequence[str]) -> list[str]:
        """The files whose path has the split as a word, in the folder of the config; all, where none names a split."""
        folders = sorted({n.split("/")[0] for n in texts if "/" in n} - {"data", *SPLITS})
        if self.config and self.config not in folders:
            raise self._unknown(folders)
        inside = [n for n in texts if not self.config or n.startswith(f"{self.config}/")]
        names = _with_word(inside, self.spellings)
        if not names and self.split == "train" and not _with_word(inside, SPLITS):
            names = inside
        if not self.config and "default" in folders:
            return [n for n in names if n.startswith("default/")]
        if not self.config and len({n.split("/")[0] for n in names if n.split("/")[0] in folders}) > 1:
            raise self._unknown(folders)
        return names

    def _unknown(self, configs: Sequence[str]) -> InputError:
        example = f"{self.repository}@{self.revision or 'main'}/{next(iter(configs), 'CONFIG')}"
        named = f"{self.config!r}" if self.config else "none named"
        return InputError(
            f"{self.repository}: expected a configuration among {', '.join(configs) or '(it has none)'}, found {named}: "
            f"write {example}"
        )


def _with_word(names: Sequence[str], words: Sequence[str]) -> list[str]:
    pattern = re.compile(rf"(?<![a-z])({'|'.join(map(re.escape, words))})(?![a-z])", re.IGNORECASE)
    return [name for name in names if pattern.search(name)]


def _form(name: str) -> str:
    try:
        return form(name)
    except InputError:
        return ""


def _one_form(names: Iterable[str]) -> list[str]:
    """The files of the form that most have: data sets are published in several forms beside each other."""
    names = list(names)
    forms = Counter(map(_form, names))
    best = max(forms, key=lambda f: (f == ".parquet", forms[f]), default="")
    chosen = [name for name in names if _form(name) == best]
    sources.check_whole(chosen)
    return chosen


def _patterns(files: object, spellings: Sequence[str]) -> list[str]:
    """The patterns of a card's `data_files` for a split: text, a list of texts, or a list of {split, path}."""
    if isinstance(files, str):
        return [files]
    if isinstance(files, Mapping):
        return [p for split, path in files.items() if split in spellings for p in _patterns(path, spellings)]
    patterns: list[str] = []
    for entry in files if isinstance(files, Sequence) else ():
        if isinstance(entry, Mapping):
            patterns += _patterns(entry.get("path"), spellings) if entry.get("split", "train") in spellings else []
        else:
            patterns.append(str(entry))
    return patterns
