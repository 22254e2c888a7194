"""Make the encoder, from text to a folder that loads: `python -m analyses.mini all --text DIR --data DIR --work DIR`.

Each step leaves its result in the work folder and is not repeated where it is there.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path

# Threads that wait should sleep, before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

from analyses.mini import card, corpus, evaluate, student, teacher, tokenizer, train

RANK = 144
STEPS = ["corpus", "tokenizer", "teacher", "align", "start", "train", "evaluate", "export"]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m analyses.mini", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--text", type=Path, help="folder of multilingual_text")
    parser.add_argument("--data", type=Path, default=os.environ.get("DIVERSITY_DATA"), help="folder of real data")
    parser.add_argument("--work", type=Path, required=True, help="folder for all that is made")
    parser.add_argument("--run", default="run", help="name of the training run in it")
    parser.add_argument("--route", choices=["distil", "mask", "both"], default="both")
    parser.add_argument("--minutes", type=float, help="processor minutes of the run, all calls together")
    parser.add_argument("--steps", type=int, help="steps of the run, all calls together")
    parser.add_argument("--decay", type=int, help="take the learning rate to zero over so many steps, then end")
    parser.add_argument("--probe", action="store_true", help="evaluate: tags from frozen states too (UD)")
    parser.add_argument("--vocabulary", type=int, default=65_536)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other settings of train.Settings")
    return parser.parse_args()


def settings(given: argparse.Namespace) -> train.Settings:
    """The settings of the run: the route and what --set says."""
    kinds = {f.name: type(f.default) for f in fields(train.Settings)}
    chosen = dict(pair.split("=", 1) for pair in given.set)
    values = {n: v == "True" if kinds[n] is bool else kinds[n](v) for n, v in chosen.items()}
    return train.Settings(**{"route": given.route} | values)


def device(given: argparse.Namespace) -> str:
    """The device asked for, or an accelerator where there is one."""
    import torch

    return given.device if given.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    """One step, or all of them."""
    given = arguments()
    import torch

    torch.set_num_threads(given.threads)
    work, run = given.work, given.work / given.run
    steps = STEPS if given.step == "all" else [given.step]
    for step in steps:
        if step == "corpus" and not (work / "corpus" / "counts.json").exists():
            print(corpus.prepare(given.text, given.data, work / "corpus"), flush=True)
        elif step == "tokenizer" and not (work / "tokenizer" / "tokenizer.json").exists():
            tokenizer.save(tokenizer.train(work / "corpus", work, size=given.vocabulary), work / "tokenizer")
        elif step == "teacher":
            teacher.vectors(work / "corpus", work / "teacher.npy", device=device(given))
            teacher.states(work / "corpus", work / "states.npy", device=device(given))
        elif step == "align" and not (work / "counts.npz").exists():
            teacher.align(work)
        elif step == "start" and not (work / "start" / "model.safetensors").exists():
            student.begin(work, work / "start", RANK)
        elif step == "train":
            limits = {"minutes": given.minutes, "steps": given.steps, "decay": given.decay}
            train.go(work, run, settings(given), device(given), **limits)
        elif step == "evaluate":
            evaluate.report(run, work / "tokenizer", given.data, probe=given.probe)
        elif step == "export":
            card.write(work, run, given.text, evaluate.export(run, work / "tokenizer", work / "export"))


if __name__ == "__main__":
    main()
