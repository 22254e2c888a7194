"""The lock file of a data folder: which revisions of the hub its files are of, and their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from diversity import store
from diversity.types import InputError

LOCK = "diversity.lock.json"


@dataclass(frozen=True)
class Lock:
    """Commits by repository, and SHA-256 by path below the folder."""

    revisions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def read(data: Path) -> Lock:
        """The lock file of a folder, empty where there is none; raises InputError for another file of that name."""
        path = data / LOCK
        if not path.exists():
            return Lock()
        try:
            content = json.loads(path.read_text("utf-8-sig"))
            lock = Lock(dict(content["revisions"]), dict(content["files"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: expected a lock file written by diversity data, found {error!r}") from error
        if wrong := [v for v in (*lock.revisions.values(), *lock.files.values()) if not isinstance(v, str)]:
            raise InputError(f"{path}: expected a lock file written by diversity data, found {wrong[0]!r}")
        return lock

    def added(self, revisions: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> Lock:
        """The lock with these entries beside, or in place of, its own."""
        return Lock({**self.revisions, **(revisions or {})}, {**self.files, **(files or {})})

    def write(self, data: Path) -> None:
        """Write it to a folder, atomically."""
        content = {"revisions": dict(self.revisions), "files": dict(self.files)}
        store.write(data / LOCK, json.dumps(content, indent=1, sort_keys=True) + "\n")
