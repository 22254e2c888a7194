"""The folder of a grid: what lies where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diversity.grid.job import FILES


@dataclass(frozen=True)
class GridFolder:
    """Paths in the folder of a grid: `stages/KEY/{record.json,files,log.txt}`, `work/KEY` while a stage runs."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the driver, who writes his name into it."""
        return self.root / "grid.lock"

    @property
    def stages(self) -> Path:
        """Finished and failed stages."""
        return self.root / "stages"

    @property
    def working(self) -> Path:
        """Stages that run, and what is left of those that were stopped."""
        return self.root / "work"

    def stage(self, key: str) -> Path:
        """The folder of a stage."""
        return self.stages / key

    def files(self, key: str) -> Path:
        """What a finished stage left."""
        return self.stage(key) / FILES

    def work(self, key: str) -> Path:
        """Where a stage works before it is finished."""
        return self.working / key
