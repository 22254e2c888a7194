"""What the runs of one process share: rows that were read already, while they are few enough to keep."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
ROWS = 400_000  # of all that is kept, about as many hundred bytes

kept: dict[Hashable, tuple[int, Any]] = {}


def shared(key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
    """What `make` gives, made once for a key; of all that is kept the oldest goes where it is more than ROWS rows."""
    if key not in kept:
        value = make()
        kept[key] = (size(value), value)
    rows, value = kept.pop(key)
    kept[key] = (rows, value)  # the last one used
    while sum(rows for rows, _ in kept.values()) > ROWS:
        del kept[next(iter(kept))]
    return value


def stamps(paths: Iterable[Path]) -> tuple[tuple[str, int, int, int], ...]:
    """What tells files, as they are now, from others and from what they were."""
    known = ((str(path.absolute()), path.stat()) for path in paths)
    return tuple((name, status.st_size, status.st_mtime_ns, status.st_ino) for name, status in known)
