"""The multilingual encoder that comes with the toolkit: what it is, where it goes, and that it knows its languages."""

from __future__ import annotations

import json

import numpy as np
import pytest

import diversity
from diversity import store
from diversity.encoders import registry, sentence
from diversity.encoders.hidden_states import SentenceVectors
from diversity.tasks.tatoeba import CODES
from diversity.types import InputError, Rows

FOLDER = store.shipped() / "mini"
XTREME = (
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh"
).split()


@pytest.fixture(scope="module")
def mini():
    return sentence.load_encoder("mini")


def test_it_is_an_ordinary_checkpoint_of_at_most_45_megabytes() -> None:
    from safetensors import safe_open

    config = json.loads((FOLDER / "config.json").read_text())
    assert config["model_type"] == "electra"
    assert config["max_position_embeddings"] >= 512
    assert sum(p.stat().st_size for p in FOLDER.rglob("*")) <= 45e6
    with safe_open(FOLDER / "model.safetensors", "np") as stored:
        assert {str(stored.get_tensor(name).dtype) for name in stored.keys()} == {"float16"}  # noqa: SIM118


def test_its_card_names_languages_licences_scores_and_limits() -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    head = card.split("---")[1]
    assert all(code in head.split("language: [")[1].split("]")[0].replace(",", " ").split() for code in XTREME)
    for heading in ("## Text it learnt from", "## Scores", "## Limits"):
        assert heading in card
    assert "CC BY-SA" in card
    assert not any(word in card.lower() for word in ("menyo", "by-nc"))


def test_its_name_goes_where_a_model_is_asked_for(mini) -> None:
    from diversity.encoders.pretrained import load_model

    loaded = load_model("mini")
    assert loaded.positions >= 512
    assert loaded.packs
    assert registry.locate("mini")[1] == f"sha256:{registry.EMBEDDED['mini']}" == loaded.revision
    long = "water " * 600
    assert mini.settings["max_tokens"] == 512
    assert mini.too_long([long]) == 1


def test_other_weights_under_its_name_are_refused(monkeypatch) -> None:
    monkeypatch.setitem(registry.EMBEDDED, "mini", "0" * 64)
    with pytest.raises(InputError, match="mini: expected weights of SHA-256 000000000000…, found"):
        registry.locate("mini")


def test_translations_are_nearer_to_each_other_than_to_other_sentences(mini) -> None:
    """Independent of the scores of the card: sentences written for this test."""
    english = ["Where is the train station?", "My brother bought a new car.", "The children are playing in the garden.",
               "It will rain tomorrow.", "She reads a book every evening."]  # fmt: skip
    others = {
        "de": ["Wo ist der Bahnhof?", "Mein Bruder hat ein neues Auto gekauft.", "Die Kinder spielen im Garten.",
               "Morgen wird es regnen.", "Sie liest jeden Abend ein Buch."],
        "es": ["¿Dónde está la estación de tren?", "Mi hermano compró un coche nuevo.", "Los niños juegan en el jardín.",
               "Mañana va a llover.", "Ella lee un libro todas las noches."],
        "ru": ["Где находится вокзал?", "Мой брат купил новую машину.", "Дети играют в саду.",
               "Завтра будет дождь.", "Она читает книгу каждый вечер."],
        "zh": ["火车站在哪里?", "我哥哥买了一辆新车。", "孩子们在花园里玩。", "明天会下雨。", "她每天晚上读书。"],
    }  # fmt: skip
    known = mini.encode(english)
    for language, sentences in others.items():
        nearest = (mini.encode(sentences) @ known.T).argmax(axis=1)
        assert nearest.tolist() == list(range(5)), language


def test_tatoeba_in_every_language(real) -> None:
    """The scores of the card, by the toolkit's own command, where the files are."""
    there = [lang for lang, code in CODES.items() if (real / "tatoeba" / "v1" / f"tatoeba.{code}-eng.{code}").exists()]
    table = diversity.retrieve(
        "mini", ["tatoeba"], data=Rows(real, "test", ("de", "zh", "sw")), vectors=SentenceVectors(layer=-1)
    )
    scores = table[table["metric"] == "accuracy"].set_index("language")["value"]
    assert len(there) >= 30
    assert scores["de"] > 80
    assert scores["zh"] > 75
    assert scores["sw"] > 40
    assert np.isfinite(scores).all()
