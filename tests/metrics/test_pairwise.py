"""The pairwise metrics against dense double-precision witnesses, hand-worked cases, and each of their claims."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.special import softmax
from scipy.stats import chisquare, entropy
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from diversity import catalog
from diversity.metrics import _pairwise, _partition, hamiltonian, mst, rbf_vendi
from diversity.metrics._partition import kmeans
from diversity.types import InputError

OF_ROWS = (
    "bottleneck chamfer dcscore diameter energy graph_entropy hamiltonian knn medoid_span mst novelsum rbf_vendi "
    "renyi_entropy span sum_bottleneck sum_diameter"
).split()
OF_REFERENCE = "coverage coverage_knn density grid_entropy hull_volume kmeans_inertia partition_entropy".split()
ALL = OF_ROWS + OF_REFERENCE
NEED_TWO = (
    "bottleneck chamfer diameter energy graph_entropy hamiltonian knn mst novelsum sum_bottleneck sum_diameter".split()
)
OPTIONS = {"rbf_vendi": {"features": 64}, "kmeans_inertia": {"clusters": 6}, "partition_entropy": {"clusters": 6}}
E = np.eye(8)


def gaussian(n=60, d=8, seed=0):
    """Rows that are neither isotropic nor centred."""
    return np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5 + 0.4


REFERENCE = gaussian(80, seed=99)


def value(name, x, reference=REFERENCE, **options):
    """The metric on rows, with the reference where it takes one and options that make it quick."""
    found = catalog.metric(name)
    args = (x, reference) if found.takes == "reference" else (x,)
    return found(*args, **({} if "(" in name else OPTIONS.get(name, {})) | options)


# --- Witnesses: dense, in double precision, by scipy and scikit-learn ----------------------------------


def dense(x):
    return squareform(pdist(np.asarray(x, float), "cosine"))


def without_diagonal(d):
    return d[~np.eye(len(d), dtype=bool)].reshape(len(d), -1)


def tree_length(d):
    """A sparse graph has no edge of length 0: every edge is made 1 longer, which changes no spanning tree's rank."""
    return minimum_spanning_tree(d + 1).sum() - (len(d) - 1)


def novelsum_by_loops(x, reference, k=10, alpha=1, beta=0.5):
    x, reference = normalize(x), np.unique(normalize(reference).round(12), axis=0)
    total = 0.0
    for row in x:
        ordered = np.sort(cdist(row[None], x, "cosine")[0])
        weights = [1 / r**alpha for r in range(1, len(x) + 1)]
        to_reference = np.sort(cdist(row[None], reference, "sqeuclidean")[0])
        neighbours = to_reference[to_reference > 1e-14][:k]
        total += np.average(ordered, weights=weights) / (neighbours.mean() + 1e-9) ** beta
    return total / len(x)


def balls(x, reference, k=5):
    """Which rows (columns) lie in the k-nearest-neighbour ball of which reference row."""
    x, reference = normalize(x), normalize(reference)
    radii = NearestNeighbors(n_neighbors=k).fit(reference).kneighbors()[0][:, -1]
    return cdist(reference, x) < radii[:, None]


def spectral(kernel, q):
    values = np.linalg.eigvalsh(kernel / len(kernel))
    values = values[values > 1e-12]
    return np.exp(entropy(values)) if q == 1 else (values**q).sum() ** (1 / (1 - q))


def plane(x, reference):
    axes = PCA(2).fit(normalize(reference))
    return axes.transform(normalize(x)), axes.transform(normalize(reference))


def histogram_entropy(x, reference, bins=5):
    points, target = plane(x, reference)
    low, high = target.min(axis=0), target.max(axis=0)
    edges = [np.linspace(low[i], high[i], bins + 1) for i in (0, 1)]
    counts = np.histogram2d(*np.clip(points, low, high).T, bins=edges)[0]
    return entropy(counts.ravel()) / np.log(bins**2)


WITNESSES = {
    "bottleneck": lambda x, _: pdist(x, "cosine").min(),
    "chamfer": lambda x, _: without_diagonal(dense(x)).min(axis=1).mean(),
    "coverage": lambda x, r: 1 - cdist(r, x, "cosine").min(axis=1).mean(),
    "coverage_knn": lambda x, r: balls(x, r).any(axis=1).mean(),
    "dcscore": lambda x, _: np.trace(softmax(1 - dense(x), axis=1)),
    "density": lambda x, r: balls(x, r).sum() / (5 * len(x)),
    "diameter": lambda x, _: pdist(x, "cosine").max(),
    "energy": lambda x, _: -(1 / pdist(x, "cosine")).mean(),
    "graph_entropy": lambda x, _: entropy(without_diagonal(dense(x)), axis=1).sum(),
    "grid_entropy": histogram_entropy,
    "hull_volume": lambda x, r: ConvexHull(plane(x, r)[0]).volume,
    "knn": lambda x, _: NearestNeighbors(n_neighbors=5, metric="cosine").fit(x).kneighbors()[0].mean(),
    "medoid_span": lambda x, _: dense(x).mean(axis=1).min(),
    "mst": lambda x, _: tree_length(dense(x)) / (len(x) - 1),
    "novelsum": lambda x, _: novelsum_by_loops(x, x),
    "renyi_entropy": lambda x, _: np.log(spectral(1 - dense(x), 2)),
    "span": lambda x, _: np.percentile(cdist(normalize(x), normalize(x).mean(axis=0)[None], "cosine"), 90),
    "sum_bottleneck": lambda x, _: without_diagonal(dense(x)).min(axis=1).sum(),
    "sum_diameter": lambda x, _: dense(x).max(axis=1).sum(),
}


@pytest.mark.parametrize("name", WITNESSES)
@pytest.mark.parametrize("n", [12, 60, 700])
def test_equals_a_dense_witness(name, n):
    x = gaussian(n, seed=n)
    assert value(name, x) == pytest.approx(WITNESSES[name](x, REFERENCE), rel=2e-6)


@pytest.mark.parametrize("name", sorted(set(WITNESSES) - {"energy", "renyi_entropy"}))
def test_equals_a_dense_witness_with_many_duplicates(name):
    x = np.repeat(gaussian(25, seed=5), 3, axis=0)
    assert value(name, x) == pytest.approx(WITNESSES[name](x, REFERENCE), rel=2e-6, abs=1e-12)


@pytest.mark.parametrize("options", [{"tau": 0.05}, {"tau": 0.5}, {"tau": 3.0}])
def test_dcscore_at_other_temperatures(options):
    x = gaussian(300)
    expected = np.trace(softmax((1 - dense(x)) / options["tau"], axis=1))
    assert value("dcscore", x, **options) == pytest.approx(expected, rel=1e-6)


def test_other_options_against_witnesses():
    x = gaussian(150)
    assert value("knn", x, k=20) == pytest.approx(np.sort(without_diagonal(dense(x)))[:, :20].mean(), rel=1e-6)
    assert value("knn", x, k=149) == pytest.approx(catalog.metric("cosine")(x), rel=1e-6)
    assert value("energy", x, power=2) == pytest.approx(-(pdist(x, "cosine") ** -2).mean(), rel=1e-6)
    assert value("density", x, k=3) == pytest.approx(balls(x, REFERENCE, 3).sum() / (3 * len(x)))
    assert value("coverage_knn", x, k=3) == pytest.approx(balls(x, REFERENCE, 3).any(axis=1).mean())
    assert value("renyi_entropy", x, q=1) == pytest.approx(np.log(spectral(1 - dense(x), 1)), rel=1e-6)
    assert value("novelsum", x, k=4, alpha=2, beta=1) == pytest.approx(novelsum_by_loops(x, x, 4, 2, 1), rel=1e-6)
    found = catalog.metric("novelsum")(x, REFERENCE, k=4)
    assert found == pytest.approx(novelsum_by_loops(x, REFERENCE, 4), rel=1e-6)
    points = PCA(3).fit(normalize(REFERENCE)).transform(normalize(x))
    assert value("hull_volume", x, dims=3) == pytest.approx(ConvexHull(points).volume, rel=1e-6)
    assert value("hull_volume", x, dims=1) == pytest.approx(np.ptp(points[:, 0]), rel=1e-6)


@pytest.mark.parametrize("name", "coverage grid_entropy hull_volume".split())
def test_a_reference_of_the_rows_themselves(name):
    x = gaussian(100)
    assert value(name, x, reference=x) == pytest.approx(WITNESSES[name](x, x), rel=1e-6)
    if name != "coverage":
        assert catalog.metric(name)(x) == value(name, x, reference=x)


# --- Known answers ------------------------------------------------------------------------------------

AAB = [[1, 0], [2, 0], [0, 1]]


@pytest.mark.parametrize(
    ("printed", "expected"),
    {
        "chamfer": 1 / 3,
        "sum_bottleneck": 1.0,
        "bottleneck": 0.0,
        "knn(k=1)": 1 / 3,
        "knn(k=2)": 2 / 3,
        "mst": 0.5,
        "diameter": 1.0,
        "sum_diameter": 3.0,
        "medoid_span": 1 / 3,
        "hamiltonian": 2.0,
        "graph_entropy": np.log(2),
        "energy(power=1,floor=0.1)": -(10 + 1 + 1) / 3,
        "dcscore": 2 * np.e / (2 * np.e + 1) + np.e / (np.e + 2),
        "novelsum(beta=0)": (2 / 11 + 2 / 11 + 5 / 11) / 3,
        "renyi_entropy": np.log(1 / (4 / 9 + 1 / 9)),
    }.items(),
)
def test_two_equal_rows_and_one_orthogonal(printed, expected):
    assert catalog.metric(printed)(AAB) == pytest.approx(expected, rel=1e-7)


def test_a_tree_keeps_edges_between_duplicates():
    assert tree_length(dense(AAB)) == pytest.approx(1.0)
    assert catalog.metric("mst")(AAB) * 2 == pytest.approx(1.0)
    assert minimum_spanning_tree(dense(AAB)).sum() == pytest.approx(2.0)  # what a graph without zero edges gives


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "bottleneck": 1,
        "chamfer": 1,
        "diameter": 1,
        "energy": -1,
        "graph_entropy": 8 * np.log(7),
        "hamiltonian": 8,
        "knn": 1,
        "medoid_span": 7 / 8,
        "mst": 1,
        "renyi_entropy": np.log(8),
        "span": 1 - 8**-0.5,
        "sum_bottleneck": 8,
        "sum_diameter": 8,
        "dcscore": 8 * np.e / (np.e + 7),
    }.items(),
)
def test_orthonormal_rows(name, expected):
    assert value(name, E) == pytest.approx(expected, rel=1e-7)


ALIKE = dict.fromkeys(ALL, 0.0) | {"dcscore": 1.0, "energy": -1e6, "rbf_vendi": 1.0}


@pytest.mark.parametrize("name", sorted(set(OF_ROWS) | {"partition_entropy", "grid_entropy", "hull_volume"}))
def test_identical_rows(name):
    x = np.tile(gaussian(1, seed=3), (9, 1)) * np.arange(1, 10)[:, None]
    assert value(name, x) == pytest.approx(ALIKE[name], abs=1e-12)


def test_a_reference_covers_itself():
    assert value("coverage", REFERENCE) == pytest.approx(1, abs=1e-12)
    assert value("coverage_knn", REFERENCE) == 1
    assert value("density", REFERENCE) == pytest.approx(1)  # each ball holds its centre and k - 1 others: it is open
    assert value("coverage_knn", np.repeat(REFERENCE[:1], 4, axis=0)) < 0.2


def test_dcscore_with_tau_1_stays_below_e():
    x = np.random.default_rng(0).normal(size=(2000, 512))
    assert value("dcscore", x) < np.e
    assert value("dcscore", x, tau=0.01) > 1990


def test_energy_counts_duplicates_by_its_floor():
    x = np.concatenate([E[:4], E[:1]])
    assert value("energy", x, floor=0.01) == pytest.approx(-(9 + 100) / 10)
    assert value("energy", E[:4], floor=0.01) == pytest.approx(-1)


# --- k-means, features, trips ---------------------------------------------------------------------------


def test_kmeans_finds_separate_groups():
    groups = E[:6]
    rows = normalize(np.repeat(groups, 30, axis=0) + 0.02 * np.random.default_rng(0).normal(size=(180, 8)))
    assert value("partition_entropy", rows, reference=rows) == pytest.approx(np.log(6))
    assert value("kmeans_inertia", rows, reference=rows) < 0.01


def test_kmeans_ends_where_scikit_learn_ends():
    rows, k = normalize(gaussian(400)), 7
    found = kmeans(rows, k, np.random.default_rng(1))
    lloyd = KMeans(k, init=found, n_init=1, max_iter=1).fit(rows)
    np.testing.assert_allclose(lloyd.cluster_centers_, found, atol=1e-3)  # a fixed point of its iteration
    best = KMeans(k, n_init=10, random_state=0).fit(rows).inertia_ / len(rows)
    ours = value("kmeans_inertia", rows, reference=rows, clusters=k)
    assert 0.95 * best <= ours < 1.15 * best
    cells = KMeans(k, init=_fit(rows, k), n_init=1, max_iter=1).fit_predict(rows)
    shares = np.bincount(cells, minlength=k) / len(rows)
    assert value("partition_entropy", rows, reference=rows, clusters=k) == pytest.approx(entropy(shares), abs=1e-9)


def test_kmeans_is_plain_lloyd_from_its_start():
    """Only what changed is computed again, and nothing else is different; also with a cell that empties."""
    for seed, k in ((0, 5), (1, 12), (2, 30)):
        rows = normalize(gaussian(150, seed=seed))
        rows[:40] = rows[0]
        centres = _partition.start_rows(rows, k, np.random.default_rng(seed))
        cells = None
        while True:
            now = cdist(rows, centres, "sqeuclidean").argmin(axis=1)
            if cells is not None and (now == cells).all():
                break
            cells = now
            centres = np.array([rows[cells == c].mean(axis=0) if (cells == c).any() else centres[c] for c in range(k)])
        np.testing.assert_allclose(kmeans(rows, k, np.random.default_rng(seed)), centres, atol=1e-12)


def test_first_centres_are_drawn_by_squared_distance(monkeypatch):
    """Frequencies of all pairs of first centres against their probabilities, with few and with many candidates a time."""
    rows = normalize(np.array([[1, 0], [1, 0.2], [1, 1.5], [-0.3, 1]]))
    squares = cdist(rows, rows, "sqeuclidean")
    expected = squares / squares.sum(axis=1, keepdims=True) / 4
    triple = np.array(
        [
            [[expected[a, b] * c for c in _shares(np.minimum(squares[a], squares[b]))] for b in range(4)]
            for a in range(4)
        ]
    )
    for candidates in (1, 16):
        monkeypatch.setattr(_partition, "CANDIDATES", candidates)
        rng, found = np.random.default_rng(0), np.zeros((4, 4, 4))
        for _ in range(4000):
            start = _partition.start_rows(rows, 3, rng)
            found[tuple(int(np.flatnonzero((rows == c).all(axis=1))[0]) for c in start)] += 1
        where = triple > 0
        assert found[~where].sum() == 0
        assert chisquare(found[where], 4000 * triple[where]).pvalue > 0.001


def _shares(values):
    return values / values.sum() if values.sum() > 0 else values


def _fit(rows, k):
    return kmeans(rows, k, np.random.default_rng(0))


def test_the_partition_is_the_references():
    a, b = gaussian(50, seed=1), gaussian(70, seed=2)
    both = value("kmeans_inertia", np.concatenate([a, b]))
    assert both == pytest.approx((50 * value("kmeans_inertia", a) + 70 * value("kmeans_inertia", b)) / 120)
    assert value("kmeans_inertia", a) == value("kmeans_inertia", a)
    assert value("kmeans_inertia", a, seed=1) != value("kmeans_inertia", a)
    assert value("partition_entropy", a, reference=np.repeat(E[:2], 5, axis=0), clusters=4) <= np.log(2) + 1e-12


def test_random_features_approach_the_exact_kernel():
    x = gaussian(200, seed=4)
    exact = spectral(rbf_kernel(normalize(x), gamma=0.5), 1)
    assert rbf_vendi.exact(x) == pytest.approx(exact)
    errors = [np.mean([abs(rbf_vendi.error(x, features=f, seed=s)) for s in range(2)]) for f in (64, 256, 1024)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05
    value_ = catalog.metric("rbf_vendi")(x, features=256, seed=3)
    assert rbf_vendi.error(x, features=256, seed=3) == pytest.approx(value_ / exact - 1)
    assert rbf_vendi.rbf_vendi(x, features=256) == rbf_vendi.rbf_vendi(x, features=256)
    assert rbf_vendi.rbf_vendi(x, features=256, seed=1) != rbf_vendi.rbf_vendi(x, features=256)
    assert rbf_vendi.rbf_vendi(x, q=2, features=1024) == pytest.approx(
        spectral(rbf_kernel(normalize(x), gamma=0.5), 2), rel=0.02
    )
    with pytest.raises(InputError, match=r"at most 4096 rows .* found 5000"):
        rbf_vendi.exact(np.ones((5000, 2)))


@given(st.integers(0, 10_000), st.integers(3, 7))
@settings(max_examples=40, deadline=None)
def test_a_trip_is_a_circuit_no_shorter_than_the_shortest(seed, n):
    x = gaussian(n, 4, seed)
    d = dense(x)
    rest = range(1, n)
    shortest = min(sum(d[a, b] for a, b in itertools.pairwise((0, *p, 0))) for p in itertools.permutations(rest))
    found = value("hamiltonian", x)
    assert shortest - 1e-9 <= found <= d.max() * n
    assert (n - 1) * value("mst", x) <= found + 1e-9


@pytest.mark.parametrize("n", [2, 3, 128, 129, 500])
def test_a_trip_visits_every_row_once(n):
    rows = normalize(gaussian(n))
    stops = hamiltonian.trip(rows)
    assert sorted(stops) == list(range(n))
    first = hamiltonian.preorder(rows, mst.tree(rows))
    assert _length(rows, stops) <= _length(rows, first) + 1e-9


def _length(rows, stops):
    return sum(1 - rows[a] @ rows[b] for a, b in zip(stops, np.roll(stops, -1), strict=True))


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_tree_spans_with_ties_and_duplicates(seed, n, distinct, neighbours):
    rng = np.random.default_rng(seed)
    x = rng.integers(-1, 2, size=(distinct, 3))[rng.integers(distinct, size=n)] + 0.0
    x[~x.any(axis=1)] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mst, "NEIGHBOURS", neighbours)
        edges = mst.tree(normalize(x))
    assert edges.shape == (n - 1, 2)
    lengths = dense(x)[tuple(edges.T)]
    assert lengths.sum() == pytest.approx(tree_length(dense(x)), abs=1e-6)


# --- Claims -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("block", [7, 1024])
def test_blocks_do_not_change_the_value(name, block, monkeypatch):
    x = np.concatenate([gaussian(150), gaussian(20)])  # with duplicates
    expected = value(name, x)
    monkeypatch.setattr(_pairwise, "BLOCK", block)
    assert value(name, x) == pytest.approx(expected, rel=1e-7)
    assert value(name, x) == value(name, x)


sets = st.tuples(st.integers(0, 10_000), st.integers(12, 40), st.integers(3, 6), st.booleans())


def drawn(given_set):
    """Rows and a reference of a drawn size and dimension, some rows twice."""
    seed, n, d, twice = given_set
    x = gaussian(n, d, seed)
    return (np.concatenate([x, x[:3]]) if twice else x), gaussian(30, d, seed + 1)


def rotation(d, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


CHANGES = {
    "order": lambda x, r, seed: (np.random.default_rng(seed).permutation(x), r),
    "rotation": lambda x, r, seed: (x @ rotation(x.shape[1], seed), r @ rotation(x.shape[1], seed)),
    "row scale": lambda x, r, seed: (x * np.random.default_rng(seed).uniform(0.01, 100, size=(len(x), 1)), r),
    "replication": lambda x, r, seed: (np.repeat(x, 2 + seed % 3, axis=0), r),
}
CLAIMED = [(name, claim) for name in ALL for claim in sorted(catalog.get("metrics", name).invariant_to)]


@pytest.mark.parametrize(("name", "claim"), CLAIMED)
@given(given_set=sets)
@settings(max_examples=12, deadline=None)
def test_claimed_invariances(name, claim, given_set):
    if name == "novelsum":  # divides by distances: what rounding leaves of the 0 between duplicates would count
        given_set = (*given_set[:3], False)
    x, reference = drawn(given_set)
    changed, along = CHANGES[claim](x, reference, given_set[0])
    if name in ("kmeans_inertia", "partition_entropy") and claim == "rotation":
        along = reference @ rotation(x.shape[1], given_set[0])
    assert value(name, changed, along) == pytest.approx(value(name, x, reference), rel=1e-5, abs=1e-9)


NOT_INVARIANT = [
    (n, c) for n in ALL for c in ("order", "replication") if c not in catalog.get("metrics", n).invariant_to
]


@pytest.mark.parametrize(("name", "claim"), [pair for pair in NOT_INVARIANT if pair[0] != "hamiltonian"])
def test_invariances_not_claimed_fail(name, claim):
    x = gaussian(32)
    assert value(name, CHANGES[claim](x, REFERENCE, 1)[0]) != pytest.approx(value(name, x), rel=1e-6)


def test_every_metric_states_its_axioms():
    for name in ALL:
        found = catalog.get("metrics", name)
        assert set(found.axioms) == {"monotonicity", "uniqueness", "continuity"}
        assert found.mixtures is None
        assert found.takes == ("reference" if name in OF_REFERENCE else "rows")
        assert found.range
        assert found.cost
        assert found.reference


def holding(axiom):
    return [n for n in ALL if catalog.get("metrics", n).axioms[axiom]]


def failing(axiom):
    return [n for n in ALL if not catalog.get("metrics", n).axioms[axiom]]


@pytest.mark.parametrize("name", holding("monotonicity"))
@given(seed=st.integers(0, 10_000), n=st.integers(6, 25), spread=st.floats(0.01, 3))
@settings(max_examples=40, deadline=None)
def test_larger_distances_never_lower_it(name, seed, n, spread):
    """Cosines of rows x_i (x) y_i are products of cosines: with no negative ones, all distances are larger."""
    rng = np.random.default_rng(seed)
    near, far = rng.random((n, 4)) + 0.01, 1 + spread * rng.random((n, 3))
    near[1] = near[0]
    apart = np.einsum("ij,ik->ijk", near, far).reshape(n, -1)
    assert (dense(apart) >= dense(near) - 1e-12).all()
    assert value(name, apart) >= value(name, near) * (1 - 1e-6) - 1e-6 * abs(value(name, near))


@pytest.mark.parametrize("name", holding("continuity"))
@given(given_set=sets)
@settings(max_examples=15, deadline=None)
def test_a_small_move_changes_it_little(name, given_set):
    x, reference = drawn(given_set)
    moved = x + 1e-6 * np.random.default_rng(given_set[0]).normal(size=x.shape)
    assert value(name, moved, reference) == pytest.approx(value(name, x, reference), rel=1e-3, abs=1e-4)


# Counterexamples, one for each axiom that fails: the smallest that say why.

FAR = (normalize(REFERENCE) @ normalize(REFERENCE).mean(axis=0)).argmin()
CENTRE = np.array([E[4], E[4], E[0], E[1], E[2], E[3], E[5]]), E[:4].sum(axis=0)  # near four rows at once
CROWD = np.array([E[4], E[4], *(E[0] + 0.1 * E[i % 3 + 1] * (1 + i / 10) for i in range(8))]), E[0]
TWICE = np.array([E[4], E[4], E[0], E[0], E[1]]), E[2]  # another pair of duplicates remains
CLOSE = (
    np.array([E[6], E[6], *(E[0] + 2e-3 * E[i] for i in range(1, 6))]),
    E[0],
)  # as near to five rows as energy's floor
LONER = (
    np.vstack([REFERENCE[FAR], REFERENCE[FAR], REFERENCE]),
    normalize(REFERENCE).mean(axis=0),
)  # into the midst of them
OUTSIDE = np.array([E[0], E[0], E[1], E[2]]), -E.sum(axis=0)  # far from the whole reference

UNIQUENESS = {
    **dict.fromkeys("chamfer dcscore diameter hamiltonian knn medoid_span mst novelsum renyi_entropy".split(), CENTRE),
    **dict.fromkeys(["sum_bottleneck", "sum_diameter"], CENTRE),
    **dict.fromkeys(["span", "graph_entropy", "rbf_vendi"], CROWD),
    "bottleneck": TWICE,
    "energy": CLOSE,
    **dict.fromkeys(["coverage_knn", "density"], OUTSIDE),
    **dict.fromkeys(["coverage", "kmeans_inertia", "partition_entropy", "grid_entropy", "hull_volume"], LONER),
}


@pytest.mark.parametrize("name", failing("uniqueness"))
def test_a_new_point_in_a_duplicates_place_may_not_raise_it(name):
    x, new = UNIQUENESS[name]
    assert np.array_equal(x[0], x[1])
    assert cdist(x, new[None], "cosine").min() > 1e-6
    replaced = np.vstack([x[0], new, x[2:]])
    assert value(name, replaced) <= value(name, x) + 1e-9


def test_no_metric_here_is_unique():
    assert not holding("uniqueness")


def chain(azimuth, angle=0.8):
    """Two rows at an angle from a third, at an azimuth from each other."""
    a, b = np.sin(angle), np.cos(angle)
    return np.array([[0, 0, 1], [a, 0, b], [a * np.cos(azimuth), a * np.sin(azimuth), b]])


def test_the_exact_gaussian_kernel_is_not_monotone_either():
    near, apart = (rbf_vendi.exact(chain(azimuth), bandwidth=0.5) for azimuth in (2 * np.pi / 3, np.pi))
    assert apart < near


def product(seed):
    """Rows, and the same rows with all distances larger."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 20))
    near, far = abs(rng.normal(size=(n, 3))) + 0.01, 1 + 0.3 * rng.random(size=(n, 3))
    return near, np.einsum("ij,ik->ijk", normalize(near), normalize(far)).reshape(n, -1)


WIDE = np.eye(12)[:11]
OPPOSED = WIDE.copy()
OPPOSED[1:11:2] = -WIDE[0:10:2]
MONOTONICITY = {
    "graph_entropy": (E[:3], np.array([E[0], -E[0], E[1]])),  # equal distances are its maximum
    "hamiltonian": product(591),  # the heuristic happens on a better trip
    "novelsum": (WIDE, OPPOSED),  # the density falls more than the distances rise
    "rbf_vendi": (chain(2 * np.pi / 3), chain(np.pi)),
    "renyi_entropy": (E[:2], np.array([E[0], -E[0]])),  # opposite rows are one dimension
    "span": (
        np.array([[2, 0, 0], [2, 3, 0], [3, 3, 0], [0, 1, 0]]),
        np.array([[-1, 0, -3], [1, 2, -2], [1, -1, -2], [3, 0, -1]]),
    ),
    **dict.fromkeys(
        OF_REFERENCE, (REFERENCE[:20], REFERENCE[:20, ::-1])
    ),  # the same distances, away from the reference
}


@pytest.mark.parametrize("name", failing("monotonicity"))
def test_larger_distances_may_lower_it(name):
    near, apart = MONOTONICITY[name]
    assert (dense(apart) >= dense(near) - 1e-12).all()
    options = {"bandwidth": 0.5} if name == "rbf_vendi" else {}
    before, after = value(name, near, **options), value(name, apart, **options)
    if name in OF_REFERENCE:  # the distances are equal: it may neither rise nor fall
        assert abs(before - after) > 1e-6
    else:
        assert after < before - 1e-6


def ties(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 14))
    x = rng.integers(0, 3, size=(n, 3)) + 0.0
    x[x.sum(axis=1) == 0] = 1
    return x, x + 1e-7 * rng.normal(size=x.shape)


THIRDS = np.array([[np.cos(t), np.sin(t)] for t in 2 * np.pi * np.arange(3) / 3])
CONTINUITY = {
    "span": (THIRDS, THIRDS + 1e-7 * THIRDS[0], None),  # the centroid passes through zero
    "graph_entropy": (np.tile(E[0], (5, 1)), E[0] + 1e-5 * E[:5], None),
    "novelsum": (np.array([E[0], E[0], E[1], E[2]]), np.array([E[0], E[0] + 1e-5 * E[3], E[1], E[2]]), None),
    "hamiltonian": (*ties(2), None),
    "density": ([[1, 0]], [[1, 1e-6]], [[1, 1], [0, 1], [0, 1]]),
    "coverage_knn": ([[1, 0]], [[1, 1e-6]], [[1, 1], [0, 1], [0, 1]]),
    "partition_entropy": ([[1, 0], [1, 1 - 1e-6]], [[1, 0], [1, 1 + 1e-6]], [[1, 0], [0, 1]]),
    "grid_entropy": ([[1, 0], [1, 1 - 1e-6]], [[1, 0], [1, 1 + 1e-6]], [[1, 0], [0, 1]]),
}
CONTINUITY_OPTIONS = {"density": {"k": 1}, "coverage_knn": {"k": 1}, "partition_entropy": {"clusters": 2}}


@pytest.mark.parametrize("name", failing("continuity"))
def test_a_small_move_may_change_it_much(name):
    x, moved, reference = CONTINUITY[name]
    options = {**CONTINUITY_OPTIONS.get(name, {}), **({"bins": 2} if name == "grid_entropy" else {})}
    before, after = (value(name, rows, reference, **options) for rows in (x, moved))
    assert abs(after - before) > 0.02


# --- Bad input, memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[1.0, 2.0], [np.nan, 1.0]] * 3, "NaN or infinity in row 1"),
        ([[1.0, 2.0], [np.inf, 1.0]] * 3, "NaN or infinity in row 1"),
        ([[1.0, 2.0], [0.0, 0.0]] * 3, "only zeros in row 1"),
        ([1.0, 2.0], r"found shape \(2,\)"),
        (np.empty((0, 2)), r"found shape \(0, 2\)"),
        ([["a", "b"]], "found dtype"),
    ],
)
def test_bad_rows_are_one_line_errors(name, x, message):
    with pytest.raises(InputError, match=message) as raised:
        value(name, x, reference=gaussian(20, 2))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", NEED_TWO)
def test_one_row_has_no_pair(name):
    with pytest.raises(InputError, match=r"expected at least \d rows, found 1"):
        value(name, [[1.0, 0.0]])


@pytest.mark.parametrize("name", sorted(set(ALL) - set(NEED_TWO)))
def test_one_row_has_a_documented_value(name):
    assert np.isfinite(value(name, gaussian(1)))
    if name in ("span", "medoid_span", "renyi_entropy"):
        assert value(name, gaussian(1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"hull_volume", "grid_entropy"}))
def test_one_dimension_and_half_precision(name):
    x = np.array([[1], [-2], [3], [-1], [1], [2], [-3]], dtype=np.float16)
    assert np.isfinite(value(name, x, reference=np.array([[1.0], [-1.0]] * 8)))


@pytest.mark.parametrize("name", "coverage coverage_knn density grid_entropy hull_volume kmeans_inertia".split())
def test_a_reference_of_another_dimension(name):
    with pytest.raises(InputError, match="expected a reference of dimension 3, found 8"):
        value(name, gaussian(9, 3))


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("knn(k=0)", "expected a whole number k of at least 1, found 0"),
        ("knn(k=1.5)", "found 1.5"),
        ("knn(k=40)", "expected at least 41 rows, found 40"),
        ("density(k=80)", "expected at least 81 rows, found 80"),
        ("kmeans_inertia(clusters=81)", "at least 81 rows for 81 clusters, found 80"),
        ("dcscore(tau=0)", "temperature tau above 0"),
        ("energy(floor=0)", "floor above 0 and at most 2, found 0"),
        ("span(percentile=101)", "percentile from 0 to 100, found 101"),
        ("rbf_vendi(features=7)", "even number of features, found 7"),
        ("rbf_vendi(bandwidth=0)", "bandwidth above 0"),
        ("grid_entropy(bins=1)", "bins of at least 2"),
        ("hull_volume(dims=9)", "dims from 1 to 8, found 9"),
        ("hull_volume(dims=nan)", "expected a whole number dims from 1 to 8, found nan"),
        ("renyi_entropy(q=nan)", "expected an order q of at least 0"),
    ],
)
def test_bad_options_are_one_line_errors(printed, message):
    x = gaussian(40)
    with pytest.raises(InputError, match=message):
        value(printed, x)


def test_too_few_dimensions_for_a_plane():
    with pytest.raises(InputError, match="expected rows of dimension 2 or more, found 1"):
        value("grid_entropy", [[1.0], [2.0]], reference=[[1.0]])
    assert value("hull_volume", [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], reference=gaussian(9, 2)) == 0


@pytest.mark.parametrize("name", OF_ROWS)
def test_options_stand_in_the_printed_name(name):
    found = catalog.metric(name)
    assert catalog.metric(found.printed()).options == found.options


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("chamfer", 20_000),
        ("energy", 20_000),
        ("dcscore", 20_000),
        ("mst", 20_000),
        *((name, 8_000) for name in "knn novelsum graph_entropy hamiltonian coverage_knn coverage diameter".split()),
    ],
)
def test_no_n_by_n_matrix_is_ever_in_memory(name, n):
    x = gaussian(n, 32).astype(np.float32)
    tracemalloc.start()
    try:
        found = value(name, x, reference=x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(found)
    assert peak < n * n * 4 * (0.2 if n == 20_000 else 0.7)


def test_many_neighbours_take_no_more_memory_than_their_block():
    x = gaussian(1500, 64)
    tracemalloc.start()
    try:
        found = value("knn", x, k=1499)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == pytest.approx(catalog.metric("cosine")(x), rel=1e-6)
    assert peak < 20 * 512 * 1500 * 8  # not block x n x d, which is 64 of these
