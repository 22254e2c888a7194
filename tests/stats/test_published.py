"""The shipped published tables, what is derived from them by hand, and that the committed analysis is what comes out."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

import diversity
from diversity.data import shipped
from diversity.types import InputError

ANALYSES = Path(__file__).parents[2] / "analyses"


@pytest.fixture(scope="module")
def analysis():
    specification = importlib.util.spec_from_file_location("published_analysis", ANALYSES / "published.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["published_analysis"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fits(analysis):
    return analysis.fits()


def test_the_tables_are_there_and_told():
    readme = (Path(__file__).parents[2] / "data" / "published" / "README.md").read_text("utf8")
    for name in shipped.names():
        table = diversity.published(name)
        assert f"| `{name}.csv` | {len(table)} |" in readme
        assert name == "languages" or table["source"].notna().all()
    with pytest.raises(InputError, match="unknown published table 'languges': did you mean languages"):
        diversity.published("languges")


def test_the_runs_are_complete():
    table = diversity.published("pruksachatkun2020_runs")
    assert table.groupby(["intermediate", "target"])["run"].nunique().eq(3).all()
    assert table[["intermediate", "target"]].drop_duplicates().shape[0] == 11 * 10
    assert table["macro_avg"].between(0, 1).all()


def test_gains_by_hand(analysis):
    gain = analysis.gains().set_index("target")["gain"]
    assert gain["tydiqa"] == pytest.approx((76.0 + 59.5) / 2 - (65.1 + 45.0) / 2)
    assert gain["panx"] == pytest.approx(64.0 - 65.4)
    assert len(gain) == 7
    seven = 12.7 + 2.3 + 1.5 + 1.1 + 0.8 + 0.65 - 1.4
    assert analysis.retrieval_gain(analysis.gains()) == pytest.approx((9 * 5.4 - seven) / 2)


def test_every_claim_has_a_status_and_nothing_is_made_up(analysis):
    table = analysis.claims().sort_values("claim")
    assert table["claim"].tolist() == list(range(1, 11))
    assert set(table["status"]) <= {analysis.DERIVED, analysis.PART, analysis.STATED}
    derived = table[table["status"] != analysis.STATED]
    assert (derived["numbers"] != "").all()
    assert (derived["tables"] != "").all()


def test_committed_tables_are_what_comes_out(analysis, fits):
    folder = ANALYSES / "published"
    claimed = analysis.claims().sort_values("claim")
    assert (folder / "claims.csv").read_text("utf8") == claimed.to_csv(index=False)
    assert (folder / "seeds.csv").read_text("utf8") == analysis.seeds().to_csv(index=False)
    committed, fitted = pd.read_csv(folder / "pruksachatkun_fits.csv"), analysis.fit_table(fits)
    pd.testing.assert_frame_equal(committed, fitted, atol=0.02, check_dtype=False)
    assert (folder / "README.md").read_text("utf8") == analysis.report(claimed, committed, analysis.seeds())


def test_six_single_tasks_by_scipy(analysis, fits):
    from scipy import stats

    fit = fits["vendi(q=2)"]
    assert (fit.n_tasks, fit.n_mixtures) == (6, 6)
    table = fit.tables["mixtures"]
    runs = diversity.published("pruksachatkun2020_runs").groupby(["intermediate", "target"])["macro_avg"].mean()
    y = 100 * runs.unstack().mean(axis=1)
    assert table.set_index("mixture")["outcome"].to_dict() == pytest.approx(y[table["mixture"]].to_dict())
    x = table["diversity"]
    assert fit.pearson == pytest.approx(stats.pearsonr(x, table["outcome"]).statistic)
    exact = stats.permutation_test(
        (x,), lambda v: abs(stats.pearsonr(v, table["outcome"]).statistic), permutation_type="pairings",
        n_resamples=10_000, alternative="greater",
    )  # fmt: skip
    assert fit.p_permutation == pytest.approx(exact.pvalue)
    assert fit.verdict == "not established"
