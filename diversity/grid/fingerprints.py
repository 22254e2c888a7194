"""What a stage reads from outside, as hashes of contents; files are read once, and again when they change."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from diversity import catalog, store
from diversity.data import sources
from diversity.encoders import registry
from diversity.types import Rows


class Fingerprints:
    """SHA-256 of files, models and tasks; those of files are kept in `file` beside their size, times and inode."""

    def __init__(self, file: Path | None = None) -> None:
        self.path, self.known, self.changed = file, dict[str, list[object]](), False
        self.parts, self.models = dict[tuple[str, str, str, str], list[tuple[str, ...]]](), dict[str, str]()
        if file is not None and file.is_file():
            try:
                self.known = json.loads(file.read_text("utf8"))
            except ValueError:  # cut short: everything is read again
                self.known = {}

    def file(self, path: Path) -> str:
        """SHA-256 of a file's content."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        name = os.path.abspath(path)
        if self.known.get(name, [])[:-1] != stamp:
            self.known[name] = [*stamp, store.sha256_file(path)]
            self.changed = True
        return str(self.known[name][-1])

    def task(self, name: str, data: Path, split: str, languages: Sequence[str]) -> str:
        """Hash of the files of a task's split in these languages, in the order in which they are read."""
        files = {lang: [list(hashes) for hashes in self.files(name, data, split, lang)] for lang in languages}
        return store.digest({"files": files, "recipe": catalog.task(name).recipe})

    def files(self, name: str, data: Path, split: str, language: str) -> list[tuple[str, ...]]:
        """Hashes of the files of each part of a task's split in one language."""
        asked = name, str(data), split, language
        if asked not in self.parts:
            files = sources.located(catalog.task(name), Rows.of(data, split=split), language)
            self.parts[asked] = [tuple(self.file(f) for f in part.all_files) for part in files.parts]
        return self.parts[asked]

    def model(self, name: str) -> str:
        """What pins a model: the commit of the hub, or a hash of its folder's files."""
        if name not in self.models:
            self.models[name] = registry.locate(name, self.file)[1]
        return self.models[name]

    def save(self) -> None:
        """Keep what was read, for the next time."""
        if self.path is not None and self.changed and self.path.parent.is_dir():
            store.write(self.path, json.dumps(self.known, sort_keys=True))
            self.changed = False
