"""Show that a change of the code changes no output: run the command line before and after, and compare.

    python tests/unchanged.py record before.json --checkout OLD
    python tests/unchanged.py check before.json --checkout NEW

`record` writes the SHA-256 of every output by name. `check` runs all of it again and prints the names that differ,
are gone or are new; the exit status is then 1. With `--keep DIR` both leave the outputs that are text in a folder, so
that `diff -r DIR1 DIR2` says what differs. `--only score,fit` runs some parts alone, `--jobs` says how many run side
by side. Without `--checkout` it is the checkout that this file stands in. All of it is two to three minutes of
processor time, nearly half of it in `fit`.

Code is run only as `python -m diversity` and through `import diversity`, with the checkout in PYTHONPATH: it may be
laid out in any way, as long as `data/samples`, `analyses/grid` and the writer of a made-up submission
(`submission.py`, somewhere in `tests`) are there. Numbers are compared to the last bit, so both runs have to be made
on one machine in one environment.

Left out because two runs of the same code differ in it (the seconds it took, and hashes of files that have them):
what `train-mix` prints, and `training.json`, `log.jsonl`, `README.md` and `cells/`. Left out because it may be
defined anew on purpose, though it is the same every time: the column `run` of `results.csv`, a key made of settings
and versions.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON", "VECLIB")},
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
REFUSED = 2  # exit status where the command line refuses its input in one line

# Every metric that is computed from the moments of the tasks, in several orders; two take long with 511 mixtures.
MOMENTS = (
    "cosine rao_alpha rao_beta rao_gamma lai logdet effective_rank hill(q=0) hill(q=1) hill(q=2) "
    "vendi(q=0.5) vendi(q=1) vendi(q=2) vendi(q=inf) vendi_alpha(q=0.5) vendi_alpha(q=1) vendi_alpha(q=2) "
    "vendi_beta(q=0.5) vendi_beta(q=1) vendi_beta(q=2) vendi_gamma(q=1) vendi_gamma(q=2) "
    "leinster_cobbold(q=0) leinster_cobbold(q=1) leinster_cobbold(q=2) "
    "leinster_cobbold_alpha(q=1) leinster_cobbold_beta(q=1) leinster_cobbold_gamma(q=1) leinster_cobbold_beta(q=2)"
).split()
SLOW = ("logdet(centred=1)", "effective_rank(centred=0)")
THREE = "ccg,mnli,squad_v1"

FITTED = ("vendi_beta(q=2)", "hill(q=1)", "cosine")
OUTCOMES = ("mean", "xnli", "udpos", "xquad", "tatoeba")

SUBMISSIONS = """
import pathlib, runpy, sys
write = runpy.run_path(sys.argv[1])["write"]
for version in sys.argv[2:]:
    write(pathlib.Path(version), version, version)
"""
PUBLISHED = """
import pathlib, sys, diversity
folder = pathlib.Path("published")
folder.mkdir()
for name in sys.argv[1].split(","):
    diversity.published(name).to_csv(folder / f"{name}.csv", index=False)
runs = diversity.published("pruksachatkun2020_runs")
runs = runs.rename(columns={"intermediate": "mixture", "run": "seed", "macro_avg": "value"})
runs = runs.assign(language="en", metric="macro_avg", value=100 * runs["value"])
runs = runs[runs["mixture"].isin(sys.argv[2].split(","))]
runs[["mixture", "target", "language", "seed", "metric", "value"]].to_csv(folder / "results.csv", index=False)
"""
TABLES = "languages phang2020_stated pruksachatkun2020_runs task_sizes xtreme_baselines xtreme_per_language".split()
SINGLE = "ccg commonsenseqa cosmosqa hellaswag mnli qqp".split()  # tasks of the runs whose moments ship


@dataclass
class Outputs:
    """The hashes of outputs by name, and the code and the folder that they come from."""

    checkout: Path
    work: Path
    keep: Path | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)  # commands with another exit status than expected

    def add(self, name: str, content: bytes) -> None:
        """The hash of a text, and the text itself where it is to be kept."""
        self.hashes[name] = hashlib.sha256(content).hexdigest()
        if self.keep is not None:
            path = self.keep / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def add_file(self, name: str, path: str) -> None:
        """A text file of the work folder. Where a command failed there is none: `check` finds its name gone."""
        if (self.work / path).is_file():
            self.add(name, (self.work / path).read_bytes())

    def add_folder(self, name: str, folder: str) -> None:
        """Every text file below a folder."""
        for path in sorted(p for p in (self.work / folder).rglob("*") if p.is_file()):
            self.add(f"{name}/{path.relative_to(self.work / folder).as_posix()}", path.read_bytes())

    def add_list(self, name: str, folder: str) -> None:
        """Many small files as one text: the hash of each."""
        paths = sorted(p for p in (self.work / folder).rglob("*") if p.is_file())
        self.add(name, "".join(f"{_hash(p)}  {p.relative_to(self.work).as_posix()}\n" for p in paths).encode())

    def add_weights(self, name: str, folder: str) -> None:
        """The hash alone of each file of weights below a folder."""
        for path in sorted((self.work / folder).rglob("*.safetensors")):
            self.hashes[f"{name}/{path.relative_to(self.work / folder).as_posix()}"] = _hash(path)

    def python(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Python on arguments, with the package of the checkout, one thread and no network."""
        environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(self.checkout)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.work, env=environment, capture_output=True, encoding="utf-8"
        )
        if done.returncode != status:
            self.failed.append(" ".join(arguments))
            print(f"{self.failed[-1]}\n{done.stderr}exit status {done.returncode}", file=sys.stderr)
        return done

    def run(self, name: str, *arguments: str, status: int = 0, screen: bool = True) -> None:
        """A command of `diversity`: what it prints, and its notes, or with which words it refuses."""
        done = self.python("-m", "diversity", *arguments, status=status)
        if screen:
            self.add(f"{name}/screen.txt", done.stdout.encode())
        said = [line for line in done.stderr.splitlines() if line.startswith(("note: ", "missing: ", "diversity: "))]
        self.add(f"{name}/notes.txt", "".join(f"{line}\n" for line in said).encode())


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def score(outputs: Outputs) -> None:
    """All mixtures of the nine tasks without intervals; of three with them, with either estimator; and with weights."""
    nine = ("score", "--metrics", ",".join(MOMENTS), "--format", "csv")
    outputs.run("score/nine", *nine, "--all-subsets", "--no-intervals")
    few = ("score", "--metrics", ",".join((*MOMENTS, *SLOW)), "--format", "csv")
    outputs.run("score/three", *few, "--all-subsets", "--tasks", THREE)
    outputs.run("score/three_V", *few, "--all-subsets", "--tasks", THREE, "--estimator", "V")
    outputs.run("score/weighted", *few, "--mixture", "a=ccg:3,mnli", "--mixture", "b=mnli:2,squad_v1,qqp")
    outputs.run("score/table", "score", "--tasks", THREE)


def evaluate(outputs: Outputs) -> None:
    """The official scores of the made-up submissions to both versions of the benchmark."""
    versions = ("xtreme", "xtreme-r")
    writer = next((outputs.checkout / "tests").rglob("submission.py"))
    outputs.python("-c", SUBMISSIONS, str(writer), *versions)
    for version in versions:
        name = f"evaluate/{version}"
        outputs.add_list(f"{name}/submission.txt", version)
        files = ("--predictions", f"{version}/predictions", "--labels", f"{version}/labels", "--version", version)
        outputs.run(name, "evaluate", *files, "--json", f"{version}.json")
        outputs.add_file(f"{name}/scores.json", f"{version}.json")
        outputs.run(f"{name}/intervals", "evaluate", *files, "--format", "csv", "--bootstrap", "100")


def fit(outputs: Outputs) -> None:
    """Fits and comparisons on the shipped grid: each metric, each outcome."""
    (outputs.work / "grid").symlink_to(outputs.checkout / "analyses" / "grid")
    files = ("--results", "grid/results.csv", "--scores", "grid/scores.csv")
    undeclared = ("--results", _undeclared(outputs), "--scores", "grid/scores.csv")
    for outcome in OUTCOMES:
        for metric in FITTED:
            _fit(outputs, f"fit/{metric}/{outcome}", *files, "--metric", metric, "--outcome", outcome)
        for metric in ("vendi_beta(q=2)", "cosine"):
            _compare(outputs, f"fit/{metric}/{outcome}", *undeclared, "--metric", metric, "--outcome", outcome)
    mean = (*files, "--outcome", "mean", "--metric")
    _compare(outputs, "fit/roles/mean", *mean, "vendi_beta(q=2)", "--group-column", "role")
    by_metric = (*undeclared, "--outcome", "mean", "--metric")
    _compare(outputs, "fit/hill(q=1)/mean", *by_metric, "hill(q=1)", status=REFUSED)  # one value for all of one size


def _undeclared(outputs: Outputs) -> str:
    """The results of the grid without the groups that they declare: a file that compare divides by the metric."""
    with (outputs.work / "grid" / "results.csv").open(encoding="utf8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    name = "undeclared.csv"
    with (outputs.work / name).open("w", encoding="utf8", newline="") as stream:
        writer = csv.DictWriter(stream, [c for c in rows[0] if c not in ("role", "pair")], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return name


def published(outputs: Outputs) -> None:
    """The shipped published tables, and fits and comparisons on the runs among them."""
    outputs.python("-c", PUBLISHED, ",".join(TABLES), ",".join(SINGLE))
    outputs.add_folder("published/tables", "published")
    mixtures = [part for task in SINGLE for part in ("--mixture", task)]
    outputs.run("published/scores", "score", *mixtures, "--format", "csv", "--out", "published/scores.csv")
    outputs.add_file("published/scores.csv", "published/scores.csv")
    files = ("--results", "published/results.csv", "--scores", "published/scores.csv", "--outcome", "mean")
    for metric in ("cosine", "vendi(q=2)"):
        _fit(outputs, f"published/{metric}", *files, "--metric", metric)
        _compare(outputs, f"published/{metric}", *files, "--metric", metric)


def _fit(outputs: Outputs, name: str, *options: str) -> None:
    """`fit` with its numbers and all its tables."""
    folder = f"{name}/fit"
    (outputs.work / folder).mkdir(parents=True)
    outputs.run(folder, "fit", *options, "--json", f"{folder}/fit.json", "--tables", f"{folder}/tables")
    outputs.add_folder(folder, folder)


def _compare(outputs: Outputs, name: str, *options: str, status: int = 0) -> None:
    """`compare` with its numbers."""
    folder = f"{name}/compare"
    (outputs.work / folder).mkdir(parents=True)
    outputs.run(folder, "compare", *options, "--json", f"{folder}/compare.json", status=status)
    outputs.add_folder(folder, folder)


def train(outputs: Outputs) -> None:
    """A few steps on a mixture, with dropout, and from there zero-shot transfer: weights, predictions, results."""
    (outputs.work / "samples").symlink_to(outputs.checkout / "data" / "samples")
    short = ("--data", "samples", "--cache", "cache", "--batch", "8", "--max-length", "64", "--dev-examples", "8")
    mix = (
        "--tasks",
        THREE,
        "--model",
        "mini",
        "--output",
        "mix",
        "--steps",
        "6",
        "--sampling",
        "uniform",
        "--stride",
        "16",
        "--heads",
        "keep",
    )
    outputs.run("train/mix", "train-mix", *mix, *short, screen=False)
    run = ("--model", "mix", "--targets", "xnli,udpos,tatoeba", "--output", "run", "--steps", "3")
    outputs.run("train/run", "transfer", *run, *short, "--languages", "de,ar,hi,zh")
    outputs.add_weights("train/mix", "mix")
    outputs.add_weights("train/run", "run")
    outputs.add_folder("train/run/predictions", "run/predictions")
    results = outputs.work / "run" / "results.csv"
    if results.is_file():
        outputs.add("train/run/results.csv", _without(results, "run"))


def _without(path: Path, column: str) -> bytes:
    """A CSV without one of its columns."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    text = io.StringIO()
    writer = csv.DictWriter(text, [c for c in rows[0] if c != column], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


PARTS: dict[str, Callable[[Outputs], None]] = {  # the longest first
    "fit": fit,
    "score": score,
    "train": train,
    "published": published,
    "evaluate": evaluate,
}


def run_all(checkout: Path, keep: Path | None, parts: Iterable[str], jobs: int) -> Outputs:
    """Every output of some parts, so many parts side by side."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(checkout.resolve(), Path(folder), keep)
        origin = outputs.python("-c", "import diversity; print(diversity.__file__)").stdout.strip()
        if not Path(origin).is_relative_to(outputs.checkout):
            raise SystemExit(f"expected the package of {outputs.checkout}, found {origin}")
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda part: PARTS[part](outputs), parts))
    return outputs


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A line for each name that is not the same in both.

    >>> differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    ['gone: a', 'differs: b', 'new: c']
    """
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"{'new' if n not in before else 'differs' if n in after else 'gone'}: {n}" for n in changed]


def main() -> None:
    """Record, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("record", "check"))
    parser.add_argument("file", type=Path, help="the recorded hashes, JSON")
    parser.add_argument("--checkout", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--keep", type=Path, help="folder for the outputs that are text")
    parser.add_argument("--jobs", type=int, default=2, help="parts that run side by side (default: %(default)s)")
    parser.add_argument("--only", default=",".join(PARTS), help="some parts alone (default: %(default)s)")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"unknown part {min(unknown)}: there are {', '.join(PARTS)}")
    if options.keep is not None and options.keep.is_dir() and any(options.keep.iterdir()):
        parser.error(f"{options.keep}: expected a new or an empty folder")
    outputs = run_all(options.checkout, options.keep, parts, options.jobs)
    found = dict(sorted(outputs.hashes.items()))
    if options.mode == "record":
        if outputs.failed:
            raise SystemExit(f"{len(outputs.failed)} commands failed: nothing is recorded")
        options.file.write_text(json.dumps(found, indent=0) + "\n", "utf8")
        print(f"{len(found)} outputs recorded")
        return
    recorded = json.loads(options.file.read_text("utf8"))
    before = {name: value for name, value in recorded.items() if name.split("/")[0] in parts}
    lines = differences(before, found)
    print("\n".join([*lines, f"{len(lines)} of {len(before | found)} outputs are not the same"]))
    raise SystemExit(1 if lines or outputs.failed else 0)


if __name__ == "__main__":
    main()
