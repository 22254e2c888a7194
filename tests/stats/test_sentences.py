"""Every sentence follows from the numbers: thousands of studies are drawn, degenerate ones among them, and read again."""

import math
import os
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diversity.display import numbers
from diversity.stats import sentences
from diversity.stats.analysis import Analysis
from diversity.stats.compare import Comparison, compare
from diversity.stats.fit import Fit, fit
from diversity.types import InputError

LONG = os.environ.get("DIVERSITY_LONG") == "1"  # as .ci/run asks: simulations and drawn studies in full

NAN = math.nan
values = st.one_of(
    st.sampled_from([0.0, -0.0, 1e-300, -1e-300, 1e12, -1e12, 1e-9, 0.5, -0.5]),
    st.floats(-1e6, 1e6, allow_nan=False),
)
ends = st.one_of(values, st.sampled_from([math.inf, -math.inf]))


@st.composite
def fits(draw):
    """A fit of 2 to 600 mixtures and 3 to 64 tasks, tested or not."""
    tested = draw(st.booleans())
    low, high = sorted((draw(ends), draw(ends)))
    slope = draw(values)
    p = draw(st.floats(1e-9, 1)) if tested else NAN
    alpha = draw(st.sampled_from([0.01, 0.05, 0.1, 0.2]))
    verdict = draw(st.sampled_from(["positive", "negative"])) if tested and p <= alpha and slope else "not established"
    count = draw(st.integers(2, 600))
    return Fit(
        metric="cosine", outcome="mean", n_tasks=draw(st.integers(1, 64)), n_mixtures=count,
        slope_per_sd=slope if tested else NAN, low=low if tested else NAN, high=high if tested else NAN,
        p_permutation=p, p_reml=p, p_ols_naive=0.5, pearson=0.1, spearman=0.1, kendall=0.1, r2_leave_one_task_out=0.1,
        baselines={}, minimum_detectable_slope=draw(st.sampled_from([NAN, math.inf, 4.13])), verdict=verdict,
        primary="task-label permutation (drawn, 1,000)" if tested else "no test", p=p, p_error=0.01, alpha=alpha,
        sd=abs(draw(values)), plain_slope=draw(st.one_of(values, st.just(NAN))) if tested else NAN, gaps=False,
        lower_is_better=draw(st.booleans()), in_points=draw(st.booleans()), why="" if tested else "too few mixtures",
    )  # fmt: skip


@st.composite
def comparisons(draw):
    """A comparison of 1 to 200 pairs, tested or not, with or without a region."""
    tested = draw(st.booleans())
    low, high = sorted((draw(ends), draw(ends)))
    rope = draw(st.one_of(st.just(NAN), st.floats(0, 10)))
    known = ["better", "worse", "undecided"] + ([] if math.isnan(rope) else ["equal"])
    return Comparison(
        metric="cosine", outcome="mean", n_tasks=draw(st.integers(1, 64)), n_pairs=draw(st.integers(1, 200)),
        difference=draw(values), low=NAN, high=NAN, low_tasks=low if tested else NAN, high_tasks=high if tested else NAN,
        p_permutation=NAN, p_reml=NAN, p_sign_flip=1.0, effect_size=NAN, rope=rope,
        verdict=draw(st.sampled_from(known)) if tested else "undecided",
        primary="parametric bootstrap" if tested else "no test",
        p=draw(st.floats(1e-9, 1)) if tested else NAN, alpha=draw(st.sampled_from([0.01, 0.05, 0.1])),
        lower_is_better=draw(st.booleans()), in_points=draw(st.booleans()), why="" if tested else "2 pairs are too few",
    )  # fmt: skip


def well_formed(text):
    """No nan, inf, empty bracket, minus zero, double sign or wrong plural, and one full stop at the end."""
    assert not re.search(r"\(\W*\)|unknown", text), text
    assert not re.search(r"\b(nan|inf|None)\b", text), text
    assert not re.search(r"-0(?![.\d])", text), text
    assert not re.search(r"[+-]{2}", text), text
    assert not re.search(r"\b1 (mixtures|tasks|pairs|cases|slopes|specifications)\b", text), text
    assert not re.search(r"\b(?!1 )\d[\d,]* (mixture|task|pair|case|slope|specification)\b", text), text
    assert text.endswith(".")
    assert not text.endswith("..")
    assert "  " not in text


@settings(max_examples=2000 if LONG else 300, deadline=None)
@given(fits())
def test_sentences_of_fits(fit):
    text = fit.sentence
    well_formed(text)
    if math.isnan(fit.p):
        assert text.startswith("No answer. ")
        assert not re.search(r"CI|interval|p [=<]|permutation", text), text  # no claim of a test that was not done
        return
    assert f"{100 * (1 - fit.alpha):g} % CI" in text
    assert text.startswith("No clear effect. ") == (fit.verdict == "not established")
    assert ("did better" in text) == (fit.verdict == "positive")
    assert ("did worse" in text) == (fit.verdict == "negative")
    assert not fit.slope_per_sd or (" points higher" in text or " points lower" in text) == fit.in_points
    assert ("Lower is better" in text) == fit.lower_is_better
    assert re.search(r"p (= \.\d{2,4}|< \.001|> \.99)\)", text), text


@settings(max_examples=1500 if LONG else 300, deadline=None)
@given(comparisons())
def test_sentences_of_comparisons(comparison):
    text = comparison.sentence
    well_formed(text)
    if math.isnan(comparison.low_tasks):
        assert "There is no interval: " in text
        assert "CI" not in text
        return
    assert f"{100 * (1 - comparison.alpha):g} % CI" in text
    assert text.startswith("Practically no difference. ") == (comparison.verdict == "equal")
    assert ("would count as none was not given" in text) == math.isnan(comparison.rope)


@settings(max_examples=500 if LONG else 200, deadline=None)
@given(values, values)
@example(1.00001, 1.00002)
def test_ends_of_intervals_are_told_apart(a, b):
    low, high = sorted((a, b))
    text = numbers.interval(low, high)
    first, _, last = text.partition(" to ")
    assert (first == last) == (low == high) or abs(high - low) <= 1e-12 * max(abs(low), abs(high))
    assert low == high or float(first) <= float(last)


@settings(max_examples=300 if LONG else 60, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(values, st.just(NAN)), st.floats(0, 1), st.booleans()), min_size=1, max_size=20
    )
)  # fmt: skip
def test_sentences_of_tables(rows):
    slopes, p, turned = (list(column) for column in zip(*rows, strict=True))
    influence = pd.DataFrame(
        {"kind": ["none"] + ["task"] * (len(rows) - 1), "dropped": [f"t{i}" for i in range(len(rows))], "slope": slopes,
         "turned": [bool(t and not math.isnan(s)) for t, s in zip(turned, slopes, strict=True)]}
    )  # fmt: skip
    well_formed(sentences.of_influence(influence))
    well_formed(sentences.of_specifications(pd.DataFrame({"slope": slopes, "p": p, "p_holm": p}), 0.1))


@pytest.mark.parametrize("p", [NAN, 0.2])
def test_sentences_of_heterogeneity(p):
    differ = pd.Series({"q": 3.0, "p": p, "i2": 0.0, "tau": -0.0, "mean": 0.1})
    well_formed(sentences.of_heterogeneity(differ))
    assert ("no p-value" in sentences.of_heterogeneity(differ)) == math.isnan(p)
    well_formed(sentences.of_heterogeneity(differ * NAN))


@st.composite
def studies(draw, designs):
    """Tables of 4 to 40 mixtures of 3 to 8 tasks: ties, constants, tiny and huge values, with all scores or their own."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tasks = draw(st.integers(3, 8))
    sizes = draw(st.sampled_from([(1,), (2,), (1, 2), (2, 3), (1, 2, 3)]))
    whole = designs.subsets(tasks, sizes)
    weights = whole[rng.permutation(len(whole))[: draw(st.integers(4, 40))]]
    x, scale = designs.rao(whole, rng), draw(st.sampled_from([1e-9, 1.0, 1e9]))
    y = draw(st.sampled_from([0.0, 50.0])) + scale * (weights @ rng.normal(size=tasks) + rng.normal(size=len(weights)))
    shape = draw(st.sampled_from(["plain", "constant outcome", "ties", "singles alike"]))
    y = np.full(len(y), 50.0) if shape == "constant outcome" else np.round(y / scale) * scale if shape == "ties" else y
    x = np.where((whole > 0).sum(axis=1) == 1, 1.0, x) if shape == "singles alike" else x
    scores = designs.scores(whole, scale * x)
    own = designs.names(weights)
    table = scores if draw(st.booleans()) else scores[scores["mixture"].isin(own)]
    results = designs.results(weights, y, targets=("xnli",), languages=("en",))
    return results.assign(role=draw(st.sampled_from(["", "diverse"]))), table


@settings(max_examples=40 if LONG else 15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_sentences_of_studies(designs, data):
    """What fit and compare say of drawn studies, from the tables to the last note."""
    tables = data.draw(studies(designs))
    analysis = Analysis(outcome="xnli", permutations=100, bootstrap=100)
    for answer in (
        lambda: fit(*tables, metric="cosine", analysis=analysis, details=False),
        lambda: compare(*tables, metric="cosine", analysis=analysis),
    ):
        try:
            found = answer()
        except InputError:  # such a study cannot be asked
            continue
        well_formed(found.sentence)
        for note in found.notes:
            assert not re.search(r"\b(nan|inf|None)\b|-0(?![.\d])|[+-]{2}(?![a-z])|  ", note), note
        if isinstance(found, Fit):
            assert math.isnan(found.p) == math.isnan(found.low) == (found.primary == "no test")
            assert not (found.verdict != "not established" and found.p > found.alpha)
            assert math.isnan(found.p) or found.low <= found.high
