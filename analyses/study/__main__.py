"""The whole study from its data: `python -m analyses.study DATA OUTPUT [--workers 2]`.

Samples the data, runs the grid of plan.toml, collects its tables, scores random weights, analyses all of it, then scores
merged checkpoints: pairs, and every set of tasks. It takes about a day of one processor. Interrupted in any way, the same
command goes on from there, and says how far the grid is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import diversity
from analyses.study import analyse, floors, lattice, merge
from analyses.study.sample import sample
from diversity import store


def main() -> None:
    """Do what is not done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the data of the eighteen tasks")
    parser.add_argument("output", type=Path, help="folder of the sample, the grid and merged checkpoints")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (default: %(default)s)")
    given = parser.parse_args()
    sampled, grid = given.output / "data", given.output / "grid"
    if not sampled.is_dir():
        given.output.mkdir(parents=True, exist_ok=True)
        with store.new_folder(sampled) as new:
            new.rmdir()  # the sample makes it
            sample(given.data, new)
    status = diversity.run_grid(analyse.PLAN, grid, data=sampled, workers=given.workers, notify=print)
    if not status.done:
        sys.exit("\n".join(f"failed: {f['title']}: {f['message']} ({f['error']})" for f in status.failures))
    analyse.collect(grid, sampled)
    floors.run(sampled, given.output / "floors")
    analyse.analyse()
    merge.run(sampled, given.output / "merged", seed=2)
    lattice.run(sampled, given.output / "lattice", workers=given.workers)


if __name__ == "__main__":
    main()
