"""Vectors of a hidden layer against the whole model's hidden states, and against sentence-transformers."""

import os

import numpy as np
import pytest

from diversity import InputError
from diversity.encoders import sentence
from diversity.encoders.cache import cache_key, embed
from diversity.encoders.hidden_states import hidden_states, layer_encoder, layer_index, padded
from diversity.types import Encoder

TEXTS = ["w9 w8 w7 w6 w5", "w5", "w20 w21 w22 w23 w24 w25 w26 w27 w28 w29 w30 w31"]
LAYERS = {
    "distilbert": {"n_layers": 3},
    "modernbert": {"num_hidden_layers": 3, "layer_types": ["full_attention", "sliding_attention", "full_attention"]},
}


def whole(loaded, texts):
    """Hidden states of the whole model, and the attention mask."""
    import torch

    inputs = dict(loaded.tokenizer(list(texts), padding=True, return_tensors="pt", return_token_type_ids=False))
    with torch.inference_mode():
        return loaded.encoder.eval()(**inputs, output_hidden_states=True).hidden_states, inputs["attention_mask"]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert", "distilbert", "electra", "roberta"])
def test_each_layer_is_the_whole_models_without_the_layers_above(loaded, architecture):
    import torch
    from torch import nn

    model = loaded(architecture, **LAYERS.get(architecture, {"num_hidden_layers": 3}))
    states, mask = whole(model, TEXTS)
    assert len(states) == 4
    stack = next(m for m in model.encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == 3)
    run = []
    for number, block in enumerate(stack):
        block.register_forward_hook(lambda *_, number=number: run.append(number))
    for layer in range(4):
        encoder = layer_encoder(model, layer=layer)
        run.clear()
        found = encoder.encode(TEXTS)
        assert set(run) == set(range(layer))
        assert np.allclose(found, mean(states[layer], mask), rtol=0, atol=1e-6)
        first = layer_encoder(model, layer=layer, pooling="cls").encode(TEXTS)
        assert np.allclose(first, states[layer][:, 0], rtol=0, atol=1e-6)
    assert torch.isfinite(states[0]).all()


def mean(states, mask):
    return np.stack([s[: int(m.sum())].mean(dim=0).numpy() for s, m in zip(states, mask, strict=True)])


def test_layers_that_are_shared_are_run_whole(small, tmp_path):
    import torch
    import transformers

    torch.manual_seed(0)
    common = {**small.SMALL, "vocab_size": small.VOCABULARY, "max_position_embeddings": 64, "embedding_size": 16}
    model = transformers.AlbertModel(
        transformers.AlbertConfig(**common, num_hidden_groups=1, initializer_range=0.3)
    ).eval()
    rows = padded([[2, 9, 8, 3], [2, 5, 3]], 0)
    with torch.inference_mode():
        expected = model(**rows, output_hidden_states=True).hidden_states
        for layer in range(3):
            assert torch.equal(hidden_states(model, layer)(rows), expected[layer])


def test_a_stack_that_is_not_the_layers_is_not_believed():
    import torch
    import transformers

    torch.manual_seed(0)  # XLM keeps attentions, norms and feed-forward layers in lists of their own
    model = transformers.XLMModel(transformers.XLMConfig(vocab_size=50, emb_dim=16, n_layers=2, n_heads=2)).eval()
    rows = padded([[3, 9, 8, 4], [3, 5, 4]], 2)
    with torch.inference_mode():
        expected = model(**rows, output_hidden_states=True).hidden_states
        for layer in range(3):
            assert torch.allclose(hidden_states(model, layer)(rows), expected[layer], atol=1e-6)


def test_the_depth_of_published_settings():
    assert layer_index(0.58, 24) == 14  # XLM-R Large in jiant and in XTREME's Tatoeba script
    assert layer_index(0.58, 12) == 7
    assert [layer_index(f, 6) for f in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0, 2, 3, 5, 6]  # halves up
    assert [layer_index(i, 6) for i in (0, 6, -1, -7)] == [0, 6, 6, 0]
    for wrong in (7, -8, 1.5, -0.1):
        with pytest.raises(InputError, match="expected a layer"):
            layer_index(wrong, 6)


def test_long_texts_are_cut_and_counted(loaded):
    encoder = layer_encoder(loaded("bert"), layer=1, max_length=6)
    long = "w5 w6 w7 w8 w9 w10 w11"
    assert np.array_equal(encoder.encode([long]), encoder.encode(["w5 w6 w7 w8"]))  # with [CLS] and [SEP]: 6
    assert encoder.too_long([long, "w5", "w5 w6 w7 w8"]) == 1
    with pytest.raises(InputError, match="at most 64 tokens"):
        layer_encoder(loaded("bert"), max_length=65)
    with pytest.raises(InputError, match="at least 3 tokens"):
        layer_encoder(loaded("bert"), max_length=2)


def test_order_and_batches_do_not_matter(loaded, monkeypatch):
    encoder = layer_encoder(loaded("xlm-roberta"))
    assert isinstance(encoder, Encoder)
    together = encoder.encode(TEXTS)
    assert np.allclose(encoder.encode(TEXTS[::-1])[::-1], together, atol=1e-6)
    monkeypatch.setitem(sentence.TOKENS, "cpu", 1)
    assert np.allclose(encoder.encode(TEXTS), together, atol=1e-6)


def test_half_precision_is_near(loaded):
    model = loaded("bert")
    full, half = (layer_encoder(model, layer=2, precision=p).encode(TEXTS) for p in ("fp32", "bf16"))
    cosine = (full * half).sum(axis=1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert 1e-9 < (1 - cosine).max() < 1e-3


def test_a_model_in_training_stays_so_and_is_not_cached(loaded):
    model = loaded("bert")
    model.encoder.train()
    encoder = layer_encoder(model, layer=1)
    assert np.array_equal(encoder.encode(TEXTS), encoder.encode(TEXTS))  # no dropout
    assert model.encoder.training
    assert encoder.settings is None


def test_vectors_of_a_folder_are_cached_under_all_that_changes_them(small, tmp_path):
    folder = str(small.folder(tmp_path / "model", "bert"))
    settings = [
        layer_encoder(folder, **s).settings
        for s in ({}, {"layer": 2}, {"pooling": "cls"}, {"precision": "bf16"}, {"max_length": 9})
    ]
    assert len({cache_key(TEXTS, s) for s in settings}) == 5
    first, second = (embed(TEXTS, layer_encoder(folder), cache=tmp_path) for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert np.array_equal(first.vectors, second.vectors)


def test_unknown_settings_are_refused(loaded):
    with pytest.raises(InputError, match="pooling to be one of mean, cls, found 'max'"):
        layer_encoder(loaded("bert"), pooling="max")
    with pytest.raises(InputError, match="precision to be one of fp32, bf16, found 'int8'"):
        layer_encoder(loaded("bert"), precision="int8")


def test_the_last_layer_of_the_default_encoder_is_its_sentence_vector():
    from diversity.encoders.sentence import load_encoder

    texts = ["A man sleeps.", "Two dogs run through a field of tall grass.", "你好"]
    found = layer_encoder(layer=-1).encode(texts)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert np.allclose(found, load_encoder().encode(texts), atol=1e-6)
    assert layer_encoder().layer == 3  # 0.58 of 6


def test_loading_an_encoder_leaves_the_environment_as_it_is(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "TOKENIZERS_PARALLELISM"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    layer_encoder("mini")
    sentence.load_encoder("mini")
    assert dict(os.environ) == before
