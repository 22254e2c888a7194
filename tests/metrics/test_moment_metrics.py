"""Effective rank, log-determinant, Lai's diversity and Leinster-Cobbold's: witnesses, hand-worked cases, properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gmean, ortho_group

import diversity
from diversity import catalog
from diversity.metrics import effective_rank, lai, logdet, vendi
from diversity.metrics import leinster_cobbold as lc
from diversity.metrics._ordinariness import number, ordinariness, partition
from diversity.metrics.hill import hill
from diversity.metrics.leinster_cobbold_alpha import leinster_cobbold_alpha
from diversity.metrics.leinster_cobbold_beta import leinster_cobbold_beta
from diversity.metrics.leinster_cobbold_gamma import leinster_cobbold_gamma
from diversity.moments import groups, moments, stack
from diversity.scoring.asked import Draws
from diversity.scoring.estimates import sampling_variance
from diversity.types import InputError

INF = math.inf
ORDERS = [0, 0.5, 1, 2, 3, INF]
SHAPES = [(4, 9), (9, 9), (40, 6), (300, 12)]
NAMES = [
    "effective_rank",
    "lai",
    "leinster_cobbold",
    "leinster_cobbold_alpha",
    "leinster_cobbold_beta",
    "leinster_cobbold_gamma",
    "logdet",
]
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def call(name, x, labels=None, **options):
    metric = catalog.get("metrics", name)
    return metric(x, labels, **options) if metric.takes == "partition" else metric(x, **options)


# --- Effective rank ----------------------------------------------------------------------------------


def singular_effective_rank(x, *, centred=True):
    """By the singular values of the rows: another road to the spectrum."""
    u = unit(x)
    p = np.linalg.svd(u - u.mean(axis=0) if centred else u, compute_uv=False) ** 2
    p = p[p > 1e-14] / p.sum()
    return math.exp(-(p * np.log(p)).sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_effective_rank_is_that_of_the_singular_values(shape, rng):
    x = rng.normal(size=shape) + 1
    assert effective_rank.effective_rank(x) == pytest.approx(singular_effective_rank(x), rel=1e-9)
    raw = effective_rank.effective_rank(x, centred=0)
    assert raw == pytest.approx(singular_effective_rank(x, centred=False), rel=1e-9)
    assert raw == pytest.approx(vendi.vendi(x, q=1), rel=1e-9)


@pytest.mark.parametrize("k", [2, 3, 7])
def test_k_orthonormal_rows_vary_in_k_minus_one_directions(k):
    assert effective_rank.effective_rank(np.eye(k, 8)) == pytest.approx(k - 1)


def test_effective_rank_of_shares_by_hand():
    """Opposite pairs along three axes with shares (.5, .25, .25): the mean is 0, the entropy 1.5 bits."""
    x = np.repeat(np.concatenate([np.eye(3), -np.eye(3)]), [2, 1, 1] * 2, axis=0)
    assert effective_rank.effective_rank(x) == pytest.approx(2**1.5)


def test_rows_that_are_all_the_same_have_no_rank(rng):
    x = np.tile(rng.normal(size=200), (50, 1))
    assert effective_rank.effective_rank(x) == 0
    assert effective_rank.effective_rank(x[:1]) == 0
    assert effective_rank.effective_rank(x, centred=0) == pytest.approx(1)


def test_a_small_spread_about_a_large_mean_keeps_its_rank(rng):
    """The covariance is a difference of nearly equal matrices: what rounding leaves in 300 directions must not count."""
    x = np.zeros((500, 300))
    x[:, 0], x[:, 1:4] = 1, 1e-4 * rng.normal(size=(500, 3))
    assert effective_rank.effective_rank(x) == pytest.approx(3, rel=0.02)


# --- Log-determinant ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0, 0.5, 1, 300.0])
@pytest.mark.parametrize("centred", [0, 1])
def test_logdet_of_the_dense_matrix_and_sylvesters(shape, alpha, centred, rng):
    x = rng.normal(size=shape) + 0.5
    u = unit(x)
    y = u - u.mean(axis=0) if centred else u
    dense = np.log(np.linalg.eigvalsh(np.eye(len(x)) + alpha / len(x) * (y @ y.T))).sum()
    assert logdet.logdet(x, alpha=alpha, centred=centred) == pytest.approx(dense, rel=1e-9, abs=1e-10)
    moment = logdet.mixtures(stack({"x": moments(x)}), [[1.0]], alpha=alpha, centred=centred)[0]
    assert moment == pytest.approx(dense, rel=1e-9, abs=1e-10)


def test_logdet_by_hand():
    """Two rows at cosine c have the eigenvalues (1 +- c)/2."""
    c = 0.6
    x = [[1, 0], [c, 0.8]]
    assert logdet.logdet(x, alpha=3) == pytest.approx(math.log((1 + 3 * 0.8) * (1 + 3 * 0.2)))
    assert logdet.logdet(x, alpha=3, centred=1) == pytest.approx(math.log(1 + 3 * 0.2))
    assert logdet.logdet(np.ones((5, 3)), alpha=3) == pytest.approx(math.log(4))
    assert logdet.logdet(np.ones((5, 3)), alpha=3, centred=1) == pytest.approx(0, abs=1e-12)


def test_logdet_with_alpha_n_normalises_a_determinantal_process(rng):
    """det(I + K) is the sum of the principal minors of K over all subsets of the rows."""
    u = unit(rng.normal(size=(5, 4)))
    k = u @ u.T
    total = sum(
        np.linalg.det(k[np.ix_(s, s)]) if s else 1.0
        for s in ([i for i in range(5) if mask >> i & 1] for mask in range(32))
    )
    assert logdet.logdet(u, alpha=5) == pytest.approx(math.log(total))


@pytest.mark.parametrize("options", [{"alpha": -1}, {"alpha": INF}, {"alpha": math.nan}, {"centred": 0.5}])
def test_options_of_logdet_that_cannot_be(options):
    for rows in (np.eye(3, 2), np.eye(2, 3)):
        with pytest.raises(InputError, match=next(iter(options))):
            logdet.logdet(rows + 0.1, **options)
    with pytest.raises(InputError, match="centred"):
        effective_rank.effective_rank(np.eye(3), centred=2)


@given(seeds, st.floats(0.01, 100))
def test_logdet_lies_in_its_range(seed, alpha):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 8, 2)
    x = rng.normal(size=(n, d)) + 1e-3
    r = min(n, d)
    value = logdet.logdet(x, alpha=alpha)
    assert math.log1p(alpha) - 1e-9 <= value <= r * math.log1p(alpha / r) + 1e-9
    assert 0 - 1e-9 <= logdet.logdet(x, alpha=alpha, centred=1) <= value + 1e-9


# --- Lai ----------------------------------------------------------------------------------------------


def test_lai_is_the_geometric_mean_of_standard_deviations(rng):
    x = rng.normal(size=(70, 9)) + 0.3
    assert lai.lai(x) == pytest.approx(gmean(unit(x).std(axis=0)))
    tasks, weights = groups(x, ["a"] * 20 + ["b"] * 50)
    assert lai.mixtures(tasks, weights)[0] == pytest.approx(lai.lai(x))


def test_lai_depends_on_the_axes_and_a_still_dimension_makes_it_zero(rng):
    x = np.c_[rng.normal(size=(30, 3)), np.ones(30)]
    y = np.c_[unit(x[:, :3]), np.zeros(30)]
    assert lai.lai(y) == 0
    assert lai.lai(y @ ortho_group.rvs(4, random_state=1)) > 0.1
    assert lai.lai(np.full((40, 5), 0.1)) == 0
    assert lai.lai([[1.0, 2.0]]) == 0


@given(seeds)
def test_lai_is_largest_where_every_axis_has_its_share(seed):
    x = np.random.default_rng(seed).normal(size=(20, 6))
    assert 0 <= lai.lai(x) <= 6**-0.5
    both = np.concatenate([np.eye(6), -np.eye(6)])
    assert lai.lai(both) == pytest.approx(6**-0.5)


# --- Leinster-Cobbold ---------------------------------------------------------------------------------

# What `by_sentropy` below gives with sentropy 1.5.0, for the three communities and for the six rows with equal shares.
SENTROPY = {
    0: (1.1603253182063875, 1.6697243129600623, 1.9048170888695977, 1.8656426236905659),
    0.5: (1.1555196603691373, 1.658618355050628, 1.9004821058551224, 1.8578365271504265),
    1: (1.1507828412000027, 1.6477043628305963, 1.8961499081158333, 1.8505145562853136),
    2: (1.1415725324559902, 1.626794757648226, 1.8875042517754048, 1.837268869196633),
    3: (1.1327931922121885, 1.6075664339395312, 1.8789028546900255, 1.8257586032542006),
    INF: (1.0, 1.5033609406280288, 1.6323301691879455, 1.6738605769492156),
}
ANGLES = np.deg2rad([0, 20, 75, 130, 180, 250])
ROWS = np.c_[np.cos(ANGLES), np.sin(ANGLES), [0.5, -0.2, 0, 0.3, 1, 0.1]]
TASKS = np.array(["a", "a", "b", "b", "b", "c"])
WEIGHTS = {"a": 0.2, "b": 0.5, "c": 0.3}


@pytest.mark.parametrize("q", ORDERS)
def test_leinster_cobbold_is_another_programs(q):
    alpha, beta, gamma, equal = SENTROPY[q]
    assert leinster_cobbold_alpha(ROWS, TASKS, q=q, weights=WEIGHTS) == pytest.approx(alpha, rel=1e-12)
    assert leinster_cobbold_beta(ROWS, TASKS, q=q, weights=WEIGHTS) == pytest.approx(beta, rel=1e-12)
    assert leinster_cobbold_gamma(ROWS, TASKS, q=q, weights=WEIGHTS) == pytest.approx(gamma, rel=1e-12)
    assert lc.leinster_cobbold(ROWS, q=q) == pytest.approx(equal, rel=1e-12)


def by_sentropy(x, labels, weights, q):
    """Normalised alpha and beta, and gamma, of communities; alpha of the rows with equal shares."""
    sentropy = pytest.importorskip("sentropy").sentropy
    z = (1 + unit(x) @ unit(x).T) / 2

    def value(counts, measure):
        found = sentropy(counts, similarity=z, q=q, measure=measure, level="overall")
        return float(found(q=q, measure=measure) if callable(found) else found)

    counts = np.stack([(labels == t) * w / (labels == t).sum() for t, w in weights.items()], axis=1)
    parts = [value(counts, m) for m in ("normalized_alpha", "normalized_beta", "gamma")]
    return *parts, value(np.full((len(x), 1), 1 / len(x)), "alpha")


@pytest.mark.parametrize("q", ORDERS)
def test_sentropy_gives_what_is_quoted_and_what_mixtures_have(q, rng):
    """Runs where sentropy is installed, as an oracle of development: `pip install sentropy==1.5.0`."""
    np.testing.assert_allclose(by_sentropy(ROWS, TASKS, WEIGHTS, q), SENTROPY[q], rtol=1e-12)
    rows = {t: unit(rng.normal(size=(n, 5)) + rng.normal(size=5)) for t, n in (("a", 20), ("b", 35), ("c", 9))}
    x, labels = np.concatenate(list(rows.values())), np.repeat(list(rows), [len(r) for r in rows.values()])
    tasks = stack({t: moments(r) for t, r in rows.items()}, rows)
    found = [catalog.get("metrics", f"leinster_cobbold_{part}").mixtures for part in ("alpha", "beta", "gamma")]
    expected = by_sentropy(x, labels, {"a": 0.3, "b": 0.6, "c": 0.1}, q)[:3]
    np.testing.assert_allclose([f(tasks, [[0.3, 0.6, 0.1]], q=q)[0] for f in found], expected, rtol=1e-10)


PARTS = {
    "leinster_cobbold_alpha": leinster_cobbold_alpha,
    "leinster_cobbold_beta": leinster_cobbold_beta,
    "leinster_cobbold_gamma": leinster_cobbold_gamma,
}


@pytest.mark.parametrize("name", PARTS)
@given(seed=seeds, q=st.sampled_from(ORDERS))
@settings(max_examples=30)
def test_mixtures_from_means_and_all_rows_are_the_function_on_rows(name, seed, q):
    rng = np.random.default_rng(seed)
    rows = {
        t: unit(rng.normal(size=(n, 3)) + rng.normal(size=3)) for t, n in zip("abc", rng.integers(1, 9, 3), strict=True)
    }
    weights = rng.dirichlet([1, 1, 1], size=4)
    weights[0] = [0, 1, 0]
    tasks = stack({t: moments(r) for t, r in rows.items()}, rows)
    x, labels = np.concatenate(list(rows.values())), np.repeat(list("abc"), [len(rows[t]) for t in "abc"])
    expected = [PARTS[name](x, labels, q=q, weights=dict(zip("abc", w, strict=True))) for w in weights]
    np.testing.assert_allclose(catalog.get("metrics", name).mixtures(tasks, weights, q=q), expected, rtol=1e-9)
    whole = catalog.get("metrics", "leinster_cobbold").mixtures(tasks, weights, q=q)
    np.testing.assert_allclose(whole, catalog.get("metrics", "leinster_cobbold_gamma").mixtures(tasks, weights, q=q))


@pytest.mark.parametrize("name", PARTS)
def test_with_a_part_of_the_rows_kept_the_error_is_that_of_many_samples(name):
    """400 samples of 2 x 300 rows, of which 40 are kept: the values vary by what one sample says."""
    metric, weights = catalog.get("metrics", name), np.array([[0.4, 0.6]])

    def sample(rng):
        rows = {t: unit(rng.normal(size=(300, 4)) + shift) for t, shift in (("a", [1, 0, 0, 0]), ("b", [0, 0.5, 0, 0]))}
        return stack({t: moments(r) for t, r in rows.items()}, {t: r[:40] for t, r in rows.items()})

    samples = [sample(np.random.default_rng(seed)) for seed in range(400)]
    values = np.array([metric.mixtures(tasks, weights)[0] for tasks in samples])
    errors = []
    for tasks in samples[:60]:
        influence = metric.influence(tasks, weights, tasks.rows)
        errors.append(math.sqrt(sum(sampling_variance(influence(0, a), 300) for a in range(2))))
    assert np.mean(errors) == pytest.approx(values.std(ddof=1), rel=0.12)


def test_every_mixture_has_its_parts_and_the_table_says_how_many_rows_were_averaged(rng):
    table = diversity.score(["mnli", "qqp", "ccg"], all_subsets=True, metrics=[*PARTS], intervals=False)
    assert set(table["n"]) == {512, 1024, 1536}
    assert set(table["estimator"]) == {"rows"}
    wide = table.pivot(index="mixture", columns="metric", values="value")
    names = [f"leinster_cobbold_{part}(q=1)" for part in ("alpha", "beta", "gamma")]
    np.testing.assert_allclose(wide[names[0]] * wide[names[1]], wide[names[2]], rtol=1e-9)
    whole = diversity.from_arrays({"a": rng.normal(size=(30, 4)), "b": rng.normal(size=(20, 4))})
    table = diversity.score(whole, metrics=["leinster_cobbold_beta"], draws=Draws(resamples=100))
    assert (table["estimator"][0], table["n"][0]) == ("V", 50)
    assert table["low"][0] < table["value"][0] < table["high"][0]


def test_moments_alone_are_not_enough_for_an_average_over_rows():
    tasks = stack({"a": moments(np.eye(3))})
    with pytest.raises(InputError, match="expected rows of the tasks to average over, found their moments only"):
        catalog.get("metrics", "leinster_cobbold_gamma").mixtures(tasks, [[1.0]])


def dense(x, p, q):
    """By the definition, with the n x n matrix."""
    u = unit(x)
    ordinary = (1 + u @ u.T) / 2 @ p
    ordinary, p = ordinary[p > 0], p[p > 0]
    if q == 1:
        return math.exp(-(p * np.log(ordinary)).sum())
    return 1 / ordinary.max() if q == INF else float((p * ordinary ** (q - 1)).sum() ** (1 / (1 - q)))


@given(seeds, st.sampled_from(ORDERS))
def test_leinster_cobbold_is_its_definition_and_at_most_two(seed, q):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 9), rng.integers(1, 5)
    x, p = rng.normal(size=(n, d)), rng.dirichlet(np.full(n, 0.5))
    p[rng.random(n) < 0.2] = 0
    p = p / p.sum() if p.sum() > 0 else np.full(n, 1 / n)
    value = lc.leinster_cobbold(x, q=q, weights=p * 7)
    assert value == pytest.approx(dense(x, p, q), rel=1e-9)
    assert 1 - 1e-9 <= value <= 2 + 1e-9


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9), st.sampled_from(ORDERS))
def test_with_the_identity_as_similarity_it_is_the_hill_number(weights, q):
    p = np.array(weights) / sum(weights)
    assert number(p, np.eye(len(p)) @ p, q) == pytest.approx(hill(p, q=q), rel=1e-9)


@pytest.mark.parametrize("q", ORDERS)
def test_leinster_cobbold_by_hand(q):
    c = 0.28
    x = [[1, 0], [c, 0.96]]
    assert lc.leinster_cobbold(x, q=q) == pytest.approx(4 / (3 + c))  # both have (1 + (1 + c)/2)/2
    assert lc.leinster_cobbold([[1, 0], [-1, 0]], q=q) == pytest.approx(2)
    assert lc.leinster_cobbold(np.ones((6, 3)), q=q) == pytest.approx(1)
    assert lc.leinster_cobbold([[1, 0], [-1, 0]], q=q, weights=[0.9, 0.1]) == pytest.approx(hill([0.9, 0.1], q=q))


@given(seeds)
def test_parts_multiply_at_order_one_and_order_two_is_the_mean_vectors(seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(9, 3)), np.array(list("aabbbbccc"))
    w = dict(zip("abc", rng.dirichlet([1, 1, 1]), strict=True))
    alpha, beta, gamma = (
        f(x, labels, q=1, weights=w) for f in (leinster_cobbold_alpha, leinster_cobbold_beta, leinster_cobbold_gamma)
    )
    assert gamma == pytest.approx(alpha * beta)
    mean = unit(x).mean(axis=0)
    assert lc.leinster_cobbold(x, q=2) == pytest.approx(2 / (1 + mean @ mean))
    assert leinster_cobbold_gamma(x, labels, q=3) == pytest.approx(lc.leinster_cobbold(x, q=3))


@pytest.mark.parametrize("q", ORDERS)
def test_tasks_that_are_alike_have_beta_one_and_opposite_ones_the_hill_number(q, rng):
    x = rng.normal(size=(6, 3))
    both, labels = np.concatenate([x, x]), ["a"] * 6 + ["b"] * 6
    assert leinster_cobbold_beta(both, labels, q=q) == pytest.approx(1)
    assert leinster_cobbold_beta(x, ["a"] * 6, q=q) == pytest.approx(1)
    poles = [[1, 0], [1, 0], [-1, 0]]
    weights = {"a": 0.9, "b": 0.1}
    assert leinster_cobbold_beta(poles, ["a", "a", "b"], q=q, weights=weights) == pytest.approx(hill([0.9, 0.1], q=q))


def test_a_task_of_weight_zero_does_not_count(rng):
    x, labels = rng.normal(size=(9, 3)), np.array(list("aabbbbccc"))
    here = labels != "c"
    for f in (leinster_cobbold_alpha, leinster_cobbold_beta, leinster_cobbold_gamma):
        left = f(x, labels, weights={"a": 1, "b": 3, "c": 0})
        assert left == pytest.approx(f(x[here], labels[here], weights={"a": 0.25, "b": 0.75}))


def test_rows_are_read_in_chunks(rng):
    """More rows than a chunk has, in float32: the same as the definition."""
    x = rng.normal(size=(5000, 4)).astype(np.float32)
    u = unit(x.astype(float))
    shares = np.full(5000, 1 / 5000)
    np.testing.assert_allclose(ordinariness(x, shares), (1 + u @ u.mean(axis=0)) / 2, rtol=1e-6)
    task = np.arange(5000) % 3
    within = partition(x, task, shares).within
    means = np.stack([u[task == a].mean(axis=0) for a in range(3)])
    np.testing.assert_allclose(within, (1 + (u * means[task]).sum(axis=1)) / 2, rtol=1e-6)


@pytest.mark.parametrize("weights", [[1, 2], [0, 0, 0], [1, -1, 1], [math.nan, 1, 1]])
def test_row_weights_that_cannot_be(weights):
    with pytest.raises(InputError, match="3 weights"):
        lc.leinster_cobbold(np.eye(3), weights=weights)


def test_partitions_that_cannot_be():
    with pytest.raises(InputError, match="a task for each of 3 rows"):
        leinster_cobbold_alpha(np.eye(3), ["a", "b"])
    with pytest.raises(InputError, match="weights of the tasks a, b, found a, c"):
        leinster_cobbold_alpha(np.eye(3), ["a", "a", "b"], weights={"a": 1, "c": 1})
    with pytest.raises(InputError, match="order q"):
        lc.leinster_cobbold(np.eye(3), q=-1)
    with pytest.raises(InputError, match="order q"):
        leinster_cobbold_beta(np.eye(3), list("aab"), q=math.nan)


# --- The standard errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("effective_rank", {}),
        ("effective_rank", {"centred": 0.0}),
        ("logdet", {}),
        ("logdet", {"alpha": 30.0, "centred": 1.0}),
        ("lai", {}),
    ],
)
def test_the_standard_error_is_the_jackknifes(name, options, rng):
    metric = catalog.get("metrics", name)
    sizes, weights = {"a": 80, "b": 120}, np.array([[0.35, 0.65]])
    rows = {t: unit(rng.normal(size=(n, 5)) * [1, 0.8, 0.6, 0.5, 0.4] + rng.normal(size=5)) for t, n in sizes.items()}

    def value(**kept):
        return metric.mixtures(stack({t: moments(x) for t, x in (rows | kept).items()}), weights, **options)[0]

    variance = 0.0
    for task, n in sizes.items():
        left_out = np.array([value(**{task: np.delete(rows[task], i, axis=0)}) for i in range(n)])
        variance += (n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()
    tasks = stack({t: moments(x) for t, x in rows.items()})
    influence = metric.influence(tasks, weights, list(rows.values()), **options)
    found = sum(influence(0, a).var(ddof=1) / tasks.n[a] for a in range(2))
    assert math.sqrt(found) == pytest.approx(math.sqrt(variance), rel=0.05)


@pytest.mark.parametrize("name", ["effective_rank", "logdet", "lai"])
def test_the_influence_of_a_row_is_the_slope_towards_it(name, rng):
    """Moving a little of a task's weight onto one row changes the value by the row's influence less the task's mean one."""
    metric = catalog.get("metrics", name)
    x, weights, step = {t: unit(rng.normal(size=(40, 4)) + 0.4) for t in "ab"}, np.array([[0.3, 0.7]]), 1e-6
    tasks = stack({t: moments(rows) for t, rows in x.items()})
    influence = metric.influence(tasks, weights, list(x.values()))(0, 1)
    means, seconds = tasks.means.copy(), tasks.seconds.copy()
    row = x["b"][7]
    means[1] += step * (row - means[1])
    seconds[1] += step * (np.outer(row, row) - seconds[1])
    moved = type(tasks)(tasks.names, tasks.n, means, seconds)
    slope = (metric.mixtures(moved, weights)[0] - metric.mixtures(tasks, weights)[0]) / step
    assert slope == pytest.approx(influence[7] - influence.mean(), rel=1e-3)


@pytest.mark.parametrize("name", ["effective_rank", "lai"])
def test_rows_that_are_all_the_same_have_no_influence(name):
    metric = catalog.get("metrics", name)
    tasks = stack({"x": moments(np.ones((5, 3)))})
    assert not metric.influence(tasks, np.array([[1.0]]), [unit(np.ones((5, 3)))])(0, 0).any()


# --- Mixtures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["effective_rank", "logdet", "lai"])
@given(seed=seeds)
@settings(max_examples=20)
def test_mixtures_weighted_by_rows_equal_pooling(name, seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(30, 4)) + 0.2, rng.choice(list("abc"), 30)
    metric = catalog.get("metrics", name)
    assert metric.mixtures(*groups(x, labels))[0] == pytest.approx(metric(x), rel=1e-8)


# --- Claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "bad", [[[math.nan, 1.0], [1.0, 2.0]], [[0.0, 0.0], [1.0, 2.0]], [[INF, 1.0], [1.0, 2.0]], [], [1.0, 2.0]]
)
def test_degenerate_rows_are_refused(name, bad):
    with pytest.raises(InputError):
        call(name, bad, ["a", "b"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 5), (2, 7)])
def test_small_shapes_have_a_finite_value(name, shape, rng):
    assert math.isfinite(call(name, rng.normal(size=shape), ["a"] * shape[0]))
    assert math.isfinite(call(name, rng.normal(size=shape).astype(np.float16), ["a"] * shape[0]))


@pytest.mark.parametrize("name", NAMES)
def test_invariances_are_those_claimed(name, rng):
    x, labels = rng.normal(size=(15, 4)) + 0.3, rng.choice(list("ab"), 15)
    before, order = call(name, x, labels), rng.permutation(15)
    after = {
        "order": call(name, x[order], labels[order]),
        "rotation": call(name, x @ ortho_group.rvs(4, random_state=2), labels),
        "row scale": call(name, x * rng.uniform(0.1, 9, (15, 1)), labels),
        "replication": call(name, np.concatenate([x, x]), np.concatenate([labels, labels])),
    }
    hold = {change for change, value in after.items() if value == pytest.approx(before, rel=1e-8)}
    assert hold == catalog.get("metrics", name).invariant_to


def angles(*degrees):
    t = np.deg2rad(degrees)
    return np.c_[np.cos(t), np.sin(t)]


# For each axiom that fails: two sets, of which the second should be the more diverse, and is not.
FAILURES = {
    # every distance grows or stays, and one direction comes to dominate
    ("effective_rank", "monotonicity"): (np.eye(3), [[1, 0, 0], [0, 1, 0], [-1, -1, 0]]),
    ("logdet", "monotonicity"): (np.eye(2), [[1, 0], [-1, 0]]),
    ("lai", "monotonicity"): (np.eye(2), [[1, 0], [-1, 0]]),
    # a duplicate gives way to a new point
    ("effective_rank", "uniqueness"): (angles(0, 180, 90, 90), angles(0, 180, 90, 10)),
    ("logdet", "uniqueness"): (angles(0, 0, 90), angles(0, 30, 90)),
    ("lai", "uniqueness"): ([[1, 0], [1, 0]], [[1, 0], [-1, 0]]),
    ("leinster_cobbold", "uniqueness"): (angles(0, 0, 90, 90), angles(0, 45, 90, 90)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "axiom"), FAILURES)
def test_each_axiom_that_fails_has_its_counterexample(name, axiom):
    first, second = (np.asarray(x, dtype=float) for x in FAILURES[name, axiom])
    near, far = (1 - unit(x) @ unit(x).T for x in (first, second))
    if axiom == "monotonicity":
        assert (far >= near - 1e-12).all(), "the example must have larger distances"
    else:
        assert (first != second).any(axis=1).sum() == 1
        changed = int(np.argmax((first != second).any(axis=1)))
        assert (near[changed] < 1e-12).sum() > 1, "the example must replace a duplicate"
        assert (far[changed] < 1e-12).sum() == 1, "by a new point"
    assert call(name, second) <= call(name, first) + 1e-12
    assert catalog.get("metrics", name).axioms[axiom] is False


def test_effective_rank_is_not_continuous_where_all_rows_coincide():
    for size in (1e-2, 1e-4):
        x = np.array([[1, 0, 0], [1, size, 0], [1, 0, size]])
        assert effective_rank.effective_rank(x) > 1.5
    assert effective_rank.effective_rank(x * [1, 0, 0]) == 0
    assert catalog.get("metrics", "effective_rank").axioms["continuity"] is False


@given(seeds, st.sampled_from(ORDERS))
def test_leinster_cobbold_grows_with_the_distances(seed, q):
    """Random sets of which one has no smaller distance: rows pushed away from their mean direction in an added axis."""
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(5, 3)))
    apart = x * rng.uniform(0.2, 1)
    far = np.c_[apart, np.sqrt(1 - (apart**2).sum(axis=1))[:, None] * unit(rng.normal(size=(5, 2)))]
    if ((far @ far.T) <= x @ x.T + 1e-12).all():
        assert lc.leinster_cobbold(far, q=q) >= lc.leinster_cobbold(x, q=q) - 1e-12


@pytest.mark.parametrize("name", [n for n in NAMES if catalog.get("metrics", n).axioms.get("continuity")])
def test_continuity(name, rng):
    x, step = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
    moves = [abs(call(name, x + size * step) - call(name, x)) for size in (1e-3, 1e-6, 1e-9)]
    assert moves[0] > moves[1] > moves[2]
    assert moves[2] < 1e-7
