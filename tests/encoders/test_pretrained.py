"""Encoders are loaded from safetensors, whole, in float32; what does not fit is one line."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diversity.encoders.pretrained import check_length, load_model
from diversity.encoders.sentence import load_encoder
from diversity.types import InputError


def test_the_default_encoder_is_an_ordinary_bert() -> None:
    loaded = load_model("all-MiniLM-L6-v2")
    assert loaded.encoder.config.model_type == "bert"
    assert loaded.packs
    assert loaded.positions == 512
    assert loaded.revision.startswith("sha256:53aa5117")
    assert not hasattr(loaded.encoder, "pooler") or loaded.encoder.pooler is None
    with pytest.raises(InputError, match="at most 512 tokens for all-MiniLM-L6-v2, found 513"):
        check_length(loaded, 513)


def test_positions_of_the_roberta_family_begin_after_the_padding(loaded) -> None:
    assert loaded("xlm-roberta").positions == 62
    assert loaded("bert").positions == 64


def test_weights_are_float32_whatever_is_stored(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    path = folder / "model.safetensors"
    save_file({k: v.to(torch.bfloat16) for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    assert {p.dtype for p in load_model(str(folder)).encoder.parameters()} == {torch.float32}


def test_only_safetensors_are_read(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="expected a folder with safetensors, found none"):
        load_model(str(folder))


def test_weights_that_are_not_there_are_told(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    path = folder / "model.safetensors"
    kept = {k: v for k, v in load_file(path).items() if "layer.1.output.dense.weight" not in k}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"expected all weights of the encoder, found none that fit .*dense.weight"):
        load_model(str(folder))


def test_a_tokenizer_that_does_not_fit_is_told(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    tokenizer = small.tokenizer()
    tokenizer.add_tokens([f"new{i}" for i in range(5)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match="found a tokenizer of 125 entries and 120 embeddings"):
        load_model(str(folder))


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_a_folder_without_tokenizer_files_is_refused(small, tmp_path, kind) -> None:
    folder = small.folder(tmp_path / "m", kind)
    for path in folder.glob("*token*"):
        path.unlink()
    for load in (load_model, load_encoder):
        with pytest.raises(InputError, match=r"expected tokenizer files \(such as tokenizer.json\) in .*, found none"):
            load(str(folder))


def test_a_tokenizer_of_special_tokens_alone_is_refused(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"] = {k: v for k, v in content["model"]["vocab"].items() if v < 5}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="found a tokenizer of 5 entries and 120 embeddings"):
        load_model(str(folder))


def test_a_model_that_is_no_encoder_is_told(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(InputError, match=r"expected an encoder .* found 'gpt2'"):
        load_model(str(folder))
    (folder / "config.json").write_text(json.dumps({**config, "is_decoder": True}))
    with pytest.raises(InputError, match="expected an encoder"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xlm-roberta-large", r"expected .*a local folder, or owner/name of the hub \(owner/name@commit pins it\)"),
        (
            "owner/name",
            "owner/name@main: expected a model of the hub .nothing of that name is on this disk.* found Offline",
        ),
        ("owner/name@v1", "owner/name@v1: expected a model of the hub"),
    ],
)
def test_an_unknown_model_is_told(name, message) -> None:
    with pytest.raises(InputError, match=message):
        load_model(name)


def test_code_of_a_model_is_not_run(small, tmp_path) -> None:
    folder = small.folder(tmp_path / "m", "bert")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": own}))
    (folder / "own.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(InputError, match="expected an encoder of transformers"):
        load_model(str(folder))
    shutil.rmtree(folder)


def test_an_architecture_without_packing_still_trains(small, loaded) -> None:
    from diversity.training import loop
    from diversity.training.heads import Output, network
    from diversity.training.sampling import BatchSchedule
    from diversity.training.settings import Settings

    made = loaded("mpnet")
    data = {"x": small.features("classification", 20, np.random.default_rng(0))}
    net = network(made, {"x": Output("classification", 3)}, 0)
    settings = Settings.of(steps=2, batch=4)
    job = loop.TrainingRun(net, data, BatchSchedule(("x",), (20,), (1.0,), 4, 8), settings, made.packs, 0)
    assert loop.train(job, None).step == 2
