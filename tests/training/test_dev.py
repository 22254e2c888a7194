"""What logits are worth: by hand, and packed as padded."""

import numpy as np
import pytest

from diversity.features.build import FeatureSettings, build
from diversity.training.dev import Dev, items, majority, predict, score
from diversity.training.heads import Output, network
from diversity.training.settings import Settings
from diversity.types import Answer, Classification, MultipleChoice, Span, Tagging
from diversity.xtreme.intervals import wilson


@pytest.mark.parametrize("kind", ["classification", "multiple_choice", "span", "tagging"])
def test_predictions_are_the_same_however_the_rows_are_passed(small, loaded, kind) -> None:
    model = loaded("xlm-roberta")
    net = network(model, {"x": Output(kind, 3)}, 0)
    features = small.features(kind, 30, np.random.default_rng(0))
    found = [
        predict(net, "x", features, Settings.of(tokens=tokens), packed=packed, pad=1)
        for packed, tokens in ((False, 10_000), (True, 10_000), (True, 150), (False, 150))
    ]
    expected = {"classification": (30, 3), "multiple_choice": (features.groups[-1],)}
    assert found[0].shape == expected.get(kind, (len(features.ids), 2 if kind == "span" else 3))
    assert all(np.abs(f - found[0]).max() < 2e-5 for f in found)
    assert found[0].std() > 0


def test_scores_by_hand(small) -> None:
    tokenizer = small.tokenizer()
    pairs = [Classification("1", "en", "w5", None, "a"), Classification("2", "en", "w6", None, "b")]
    made = build(pairs, tokenizer, FeatureSettings(kind="classification", labels=["a", "b"], max_length=16))
    dev = Dev("x", pairs, made, ("a", "b"))
    assert score(items(dev, np.array([[1.0, 0.0], [1.0, 0.0]], dtype=np.float32))) == 50.0

    chosen = [MultipleChoice("1", "en", "w5", "", ("w6", "w7"), 1)]
    made = build(chosen, tokenizer, FeatureSettings(kind="multiple_choice", max_length=16))
    assert score(items(Dev("x", chosen, made, ()), np.array([0.0, 1.0], dtype=np.float32))) == 100.0

    words = [Tagging("1", "en", ("w5", "w6", "w7"), ("N", "V", "N"))]
    made = build(words, tokenizer, FeatureSettings(kind="tagging", labels=["N", "V"], max_length=16))
    all_n = np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(made.ids), 1))
    assert items(Dev("x", words, made, ("N", "V")), all_n).tolist() == [[2.0, 3.0]]


def test_answers_by_hand(small) -> None:
    context = "w5 w6 w7 w8"
    asked = [Span("1", "en", "w9", context, (Answer("w6 w7", 3),)), Span("2", "en", "w9", context, ())]
    made = build(asked, small.tokenizer(), FeatureSettings(kind="span", max_length=16))
    # [CLS] w9 [SEP] w5 w6 w7 w8 [SEP]: "w6" of the first, no answer to the second.
    logits = np.zeros((len(made.ids), 2), dtype=np.float32)
    logits[4] = 9.0
    logits[8] = 9.0
    found = items(Dev("x", asked, made, ()), logits)
    assert found[:, 0].tolist() == pytest.approx([2 / 3, 1.0])  # precision 1, recall 1/2
    logits[8], logits[8 + 5] = 0.0, 9.0
    assert items(Dev("x", asked, made, ()), logits)[1, 0] == 0.0


def test_the_majority_baseline_says_what_is_most_frequent_in_training(small) -> None:
    tokenizer = small.tokenizer()
    train = [Classification(str(i), "en", "w5", None, "b" if i else "a") for i in range(3)]
    dev = [Classification(str(i), "en", "w5", None, "a" if i else "b") for i in range(4)]
    made = build(train, tokenizer, FeatureSettings(kind="classification", labels=["a", "b"], max_length=16))
    of_dev = build(dev, tokenizer, FeatureSettings(kind="classification", labels=["a", "b"], max_length=16))
    assert score(majority(Dev("x", dev, of_dev, ("a", "b")), made)) == 25.0


def test_the_interval_of_a_ratio_beside_a_bootstrap() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(1, 40, 400)
    counts = np.stack([rng.binomial(words, 0.7), words], axis=1).astype(float)
    drawn = [score(counts[rng.integers(400, size=400)]) for _ in range(4000)]
    assert wilson(counts) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.3)


@pytest.mark.parametrize(("right", "n"), [(70, 100), (0, 8), (8, 8), (1, 30)])
def test_the_interval_of_a_share_beside_statsmodels(right: int, n: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    counts = np.stack([np.arange(n) < right, np.ones(n)], axis=1).astype(float)
    expected = proportion_confint(right, n, method="wilson")
    assert wilson(counts) == pytest.approx([100 * e for e in expected], abs=1e-9)


def test_few_sentences_with_rare_tags_have_intervals_that_cover() -> None:
    """Wald's cover 92.7 % of these draws, and some of them begin below 0."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(1000):
        words = rng.integers(5, 30, 60)
        low, high = wilson(np.stack([rng.binomial(words, 0.01), words], axis=1).astype(float))
        inside.append(0 <= low <= 1 <= high)
    assert 0.93 < np.mean(inside) < 0.995
