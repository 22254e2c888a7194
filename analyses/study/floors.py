"""What the targets give where nothing was learned beforehand: `python -m analyses.study.floors DATA OUTPUT`.

The embedded encoder with random weights is trained and evaluated as the study's baseline is, seed 1. `floors.csv` has both
beside each other, once the study's results are there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from analyses.study.analyse import HERE, PLAN, by_target, save
from analyses.study.merge import score
from diversity import store
from diversity.encoders.pretrained import load_model
from diversity.planning.plans import read_plan

SEED = 1


def random_weights(output: Path) -> Path:
    """The plan's encoder, its weights drawn anew."""
    if not (output / "model.safetensors").is_file():
        import torch
        from transformers import AutoModel

        pretrained = load_model(read_plan(PLAN).model)
        torch.manual_seed(SEED)
        with store.new_folder(output) as new:
            AutoModel.from_config(pretrained.encoder.config).save_pretrained(new)
            pretrained.tokenizer.save_pretrained(str(new))
    return output


def run(data: Path, output: Path) -> None:
    """Score random weights, and compare them with the baseline."""
    model = random_weights(output / "model")
    score(model, read_plan(PLAN).targets, SEED, data, output / "grid")
    random = by_target(pd.read_csv(output / "grid" / "results.csv", keep_default_na=False))
    runs = by_target(pd.read_parquet(HERE / "results.parquet"))
    trained = runs[(runs["mixture"] == "baseline") & (runs["seed"] == str(SEED))]
    table = random[["target", "value"]].merge(trained[["target", "value"]], on="target", suffixes=(", random", ""))
    table.columns = ["target", "random weights", "baseline"]
    save(table, "floors")
    print(table.round(1).to_string(index=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the sampled data")
    parser.add_argument("output", type=Path)
    run(**vars(parser.parse_args()))
