"""What a stage reads from outside, as hashes of contents; files are read once, and again when they change."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from diversity import catalog, store
from diversity.data import sources
from diversity.encoders import sentence
from diversity.types import InputError, Rows

WEIGHTS = (".safetensors", ".json", ".txt", ".model", ".tiktoken")  # what a model's folder is read for


class Fingerprints:
    """SHA-256 of files, models and tasks; those of files are kept in `file` beside their size, times and inode."""

    def __init__(self, file: Path | None = None) -> None:
        self.path, self.known, self.changed = file, dict[str, list[object]](), False
        self.tasks, self.models = dict[tuple[str, str, str, tuple[str, ...]], str](), dict[str, str]()
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
        asked = name, str(data), split, tuple(languages)
        if asked not in self.tasks:
            self.tasks[asked] = self._task(*asked)
        return self.tasks[asked]

    def _task(self, name: str, data: str, split: str, languages: tuple[str, ...]) -> str:
        task = catalog.task(name)
        found = {}
        for language in languages:
            files = sources.located(task, Rows.of(data, split=split), language)
            found[language] = [[self.file(f) for f in part.all_files] for part in files.parts]
        return store.digest({"files": found, "recipe": task.recipe})

    def model(self, name: str) -> str:
        """What pins a model: the commit of the hub, or a hash of its folder's files."""
        if name not in self.models:
            self.models[name] = self._model(name)
        return self.models[name]

    def _model(self, name: str) -> str:
        if name in sentence.EMBEDDED:
            return sentence.EMBEDDED[name]
        source, revision = sentence.locate(name)
        if not Path(source).is_dir():
            return revision
        files = sorted(p for p in Path(source).rglob("*") if p.is_file() and p.suffix in WEIGHTS)
        if not files:
            raise InputError(f"{source}: expected a model's files, found none")
        return store.digest({f.relative_to(source).as_posix(): self.file(f) for f in files})

    def save(self) -> None:
        """Keep what was read, for the next time."""
        if self.path is not None and self.changed and self.path.parent.is_dir():
            store.write(self.path, json.dumps(self.known, sort_keys=True))
            self.changed = False
