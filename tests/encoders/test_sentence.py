"""Encoders and the cache of their vectors: right vectors, never another's, and nothing lost in a crash."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from diversity.encoders import cache, registry, sentence
from diversity.types import Encoder, InputError

TEXTS = [
    "A man is playing a guitar.",
    "¿Dónde está la biblioteca?",
    "图书馆在哪里？",
    "where " * 600,
    "",
    "Two dogs run across a field of tall grass while a child watches them from a bench.",
]


class Counting:
    """An encoder without a model: a text's vector is drawn from its own hash, and every text encoded is counted."""

    def __init__(self, **settings):
        self.settings = {"model": "counting", "revision": "1", "max_tokens": 8, **settings}
        self.seen = []

    name = "counting"

    def encode(self, texts):
        self.seen += texts
        seeds = [hashlib.sha256((json.dumps(self.settings, sort_keys=True) + t).encode()).digest() for t in texts]
        return np.stack([np.random.default_rng(list(s)).normal(size=4) for s in seeds]).astype(np.float32)


@pytest.fixture(scope="module")
def minilm():
    return sentence.load_encoder()


# --- The encoder -----------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_stored_in_half_precision_are_computed_with_in_single(tmp_path, minilm, precision) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(registry.locate(registry.DEFAULT)[0], model_kwargs={"dtype": "float16"}).save(
        str(tmp_path / "half")
    )
    encoder = sentence.load_encoder(str(tmp_path / "half"), precision=precision)
    assert {str(w.dtype) for w in encoder.model.parameters()} == {"torch.float32"}
    texts = ["A boat crossed the bay.", "Nobody knew why."]
    assert (encoder.encode(texts) * minilm.encode(texts)).sum(axis=1).min() > (
        0.9999 if precision == "bf16" else 0.99999
    )


def test_the_default_encoder_gives_sentence_transformers_vectors(minilm):
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(registry.locate(registry.DEFAULT)[0]).encode(TEXTS, normalize_embeddings=True)
    found = minilm.encode(TEXTS)
    assert found.dtype == np.float32
    assert (1 - (found * reference).sum(axis=1)).max() < 1e-6
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert isinstance(minilm, Encoder)


def test_its_weights_are_checked(monkeypatch):
    monkeypatch.setitem(registry.EMBEDDED, registry.DEFAULT, "0" * 64)
    with pytest.raises(InputError, match="expected weights of SHA-256 000000000000…, found 53aa51172d14…"):
        sentence.load_encoder()


def test_long_texts_are_counted(minilm):
    assert minilm.lengths(TEXTS[:1]).tolist() == [len(minilm.model.tokenizer(TEXTS[0])["input_ids"])]
    assert minilm.too_long(TEXTS) == 1


def test_a_chunked_text_is_the_weighted_mean_of_its_pieces(minilm):
    chunked = sentence.load_encoder(long="chunk")
    text = " ".join(f"sentence number {i} speaks of rivers." for i in range(90))
    pieces = chunked._pieces(text)
    lengths = chunked.lengths(pieces)
    assert len(pieces) > 1
    assert lengths.max() <= 256
    assert "".join("".join(p.split()) for p in pieces) == "".join(text.split()), "no character is lost"
    mean = (minilm.encode(pieces) * lengths[:, None]).sum(axis=0)
    vector = chunked.encode([text, TEXTS[0]])
    np.testing.assert_allclose(vector[0], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(vector[1], minilm.encode(TEXTS[:1])[0], atol=1e-6)
    assert abs(float(vector[0] @ minilm.encode([text])[0]) - 1) > 1e-3, "truncation gives another vector"


def test_a_lower_limit_and_a_prompt_change_the_vectors(minilm):
    long_text = [TEXTS[-1]]
    assert abs(float(sentence.load_encoder(max_length=8).encode(long_text)[0] @ minilm.encode(long_text)[0]) - 1) > 1e-2
    prompted = sentence.load_encoder(prompt="query: ")
    np.testing.assert_allclose(prompted.encode(["dogs"]), minilm.encode(["query: dogs"]), atol=1e-6)
    assert prompted.lengths(["dogs"])[0] == minilm.lengths(["query: dogs"])[0]


def test_bf16_is_close_and_another_setting(minilm):
    half = sentence.load_encoder(precision="bf16")
    assert (1 - (half.encode(TEXTS) * minilm.encode(TEXTS)).sum(axis=1)).max() < 2e-3
    assert cache.cache_key(TEXTS, half.settings) != cache.cache_key(TEXTS, minilm.settings)


def test_a_local_folder_is_pinned_by_its_weights(minilm):
    folder = registry.locate(registry.DEFAULT)[0]
    local = sentence.load_encoder(folder)
    assert local.settings["revision"].startswith("sha256:")
    np.testing.assert_array_equal(local.encode(TEXTS[:2]), minilm.encode(TEXTS[:2]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody/nothing", "nobody/nothing@main: expected a model of the hub"),
        ("nobody/nothing@main", "nobody/nothing@main: expected a model of the hub"),
        ("all-MiniLM-L6", "unknown encoder"),
    ],
)
def test_a_hub_model_that_cannot_be_had_is_one_line(name, message):
    with pytest.raises(InputError, match=message):
        sentence.load_encoder(name)


def test_a_folder_without_safetensors_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    with pytest.raises(InputError, match="safetensors, found none"):
        sentence.load_encoder(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_one_line(run, samples):
    """As everywhere here, HF_HUB_OFFLINE is set."""
    code, _, err = run("score", "--tasks", "qqp", "--data", samples, "--encoder", "nobody/nothing@" + "a" * 40)
    lines = [line for line in err.splitlines() if line.startswith("diversity: ")]
    assert code == 2
    assert len(lines) == 1
    assert "nobody/nothing" in lines[0]
    assert "Traceback" not in err


@pytest.mark.parametrize("budget", [1, 64, 1000, 10**9])
def test_batches_hold_every_text_once_within_the_budget(budget, rng):
    lengths = rng.integers(1, 200, 300)
    batches = list(sentence.token_batches(lengths, budget))
    assert sorted(np.concatenate(batches).tolist()) == list(range(300))
    for batch in batches:
        assert len(batch) == 1 or lengths[batch].max() * len(batch) <= budget


# --- The cache -------------------------------------------------------------------------------------


def test_a_second_run_encodes_nothing_and_maps_the_file(tmp_path):
    encoder = Counting()
    first = cache.embed(TEXTS, encoder, cache=tmp_path)
    second = cache.embed(TEXTS, encoder, cache=tmp_path)
    assert len(encoder.seen) == len(TEXTS)
    assert (first.cached, second.cached) == (False, True)
    assert isinstance(second.vectors, np.memmap)
    np.testing.assert_array_equal(second.vectors, Counting().encode(TEXTS))
    assert not list(tmp_path.rglob("partial*"))
    assert not list(tmp_path.rglob("blocks*"))


def test_each_part_of_the_key_in_turn_gives_its_own_vectors(tmp_path, minilm):
    base = dict(minilm.settings)
    kept = {}
    for part in [None, *base]:
        settings = base if part is None else {**base, part: f"other {part}"}
        encoder = Counting(**settings)
        found = cache.embed(TEXTS, encoder, cache=tmp_path)
        assert not found.cached, part
        np.testing.assert_array_equal(found.vectors, encoder.encode(TEXTS))
        kept[part] = found.key
    assert len(set(kept.values())) == len(base) + 1
    again = cache.embed(TEXTS, Counting(**base), cache=tmp_path)
    assert again.cached
    assert again.key == kept[None]


@pytest.mark.parametrize(
    "other",
    [
        ["ab", "c", "d"],
        ["a", "bc", "d"],
        ["d", "a", "b", "c"],
        ["a", "b", "c"],
        ["a", "b", "c", "d", ""],
        ["A", "b", "c", "d"],
    ],
    ids=str,
)
def test_other_texts_have_another_key(other):
    settings = Counting().settings
    assert cache.cache_key(["a", "b", "c", "d"], settings) != cache.cache_key(other, settings)


def test_a_damaged_file_is_made_anew(tmp_path):
    encoder = Counting()
    expected = np.array(cache.embed(TEXTS, encoder, cache=tmp_path).vectors)
    (path,) = tmp_path.rglob("vectors.npy")
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    found = cache.embed(TEXTS, encoder, cache=tmp_path)
    assert not found.cached
    np.testing.assert_array_equal(found.vectors, expected)
    path.write_bytes(raw[:40])
    np.testing.assert_array_equal(cache.embed(TEXTS, encoder, cache=tmp_path).vectors, expected)
    (meta,) = tmp_path.rglob("meta.json")
    meta.write_text("{}")
    np.testing.assert_array_equal(cache.embed(TEXTS, encoder, cache=tmp_path).vectors, expected)


SLOW = textwrap.dedent(
    """
    import sys, time
    sys.path.insert(0, {tests!r})
    from test_sentence import Counting
    from diversity.encoders import cache

    class Slow(Counting):
        def encode(self, texts):
            time.sleep(0.15)
            print(len(texts), flush=True)
            return super().encode(texts)

    cache.BLOCK = 10
    cache.embed([f"text {{i}}" for i in range(200)], Slow(), cache=sys.argv[1])
    """
)


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "BLOCK", 10)
    texts = [f"text {i}" for i in range(200)]
    code = SLOW.format(tests=os.path.dirname(__file__))
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for _ in range(6):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    log = next(tmp_path.rglob("blocks.jsonl"))
    finished = len(log.read_text().splitlines())
    assert finished >= 5
    # a line cut short, and a block whose vectors did not reach the disk as they were logged
    with log.open("a") as stream:
        stream.write('{"block": 19, "sha')
    partial = np.load(next(tmp_path.rglob("partial.npy")), mmap_mode="r+")
    order = np.argsort([len(t) for t in texts], kind="stable")
    partial[order[0]] += 1
    partial.flush()
    encoder = Counting()
    found = cache.embed(texts, encoder, cache=tmp_path)
    assert len(encoder.seen) == 200 - 10 * (finished - 1)
    np.testing.assert_array_equal(found.vectors, Counting().encode(texts))


def test_two_runs_at_once_encode_once(tmp_path):
    code = SLOW.format(tests=os.path.dirname(__file__)).replace("range(200)", "range(60)")
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    encoded = sum(int(line) for run in runs for line in run.communicate()[0].split())
    assert [run.returncode for run in runs] == [0, 0]
    assert encoded == 60


def test_a_disk_without_room_is_an_error_and_leaves_nothing_that_counts(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        cache.embed(TEXTS, Counting(), cache=tmp_path)
    assert not list(tmp_path.rglob("*.npy"))
    monkeypatch.undo()
    assert not cache.embed(TEXTS, Counting(), cache=tmp_path).cached


def test_an_encoder_without_settings_is_not_cached(tmp_path):
    class Plain:
        name = "plain"

        def encode(self, texts):
            return np.ones((len(texts), 3), dtype=np.float32)

    found = cache.embed(["a", "b"], Plain(), cache=tmp_path)
    assert not found.cached
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("vectors", "message"),
    [(np.full((2, 3), np.nan), "finite"), (np.ones((1, 3)), r"shape \(2, d\)"), (np.ones(2), r"shape \(2, d\)")],
)
def test_an_encoder_that_returns_no_vectors_is_refused(vectors, message):
    class Wrong:
        name = "wrong"

        def encode(self, texts):
            return vectors

    with pytest.raises(InputError, match=message):
        cache.embed(["a", "b"], Wrong())
    with pytest.raises(InputError, match="found none"):
        cache.embed([], Wrong())


def test_the_roberta_family_reads_two_tokens_less_than_it_has_positions(small, tmp_path):
    folder = str(small.folder(tmp_path / "xlmr", "xlm-roberta"))  # 64 positions, a tokenizer that states no limit
    encoder = sentence.load_encoder(folder)
    assert encoder.settings["max_tokens"] == 62
    assert np.isfinite(encoder.encode(["w5 " * 200])).all()
    with pytest.raises(InputError, match="expected --max-length from 8 to 62"):
        sentence.load_encoder(folder, max_length=64)
