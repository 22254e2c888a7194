"""`diversity fit` and `diversity compare` as a shell has them."""

import json
import re

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def files(designs, rng, tmp_path):
    weights = designs.subsets(5, [1, 2, 3])
    x = designs.rao(weights, rng)
    y = 60 + weights @ rng.normal(size=5) + 3 * x
    designs.results(weights, y, languages=("en",)).to_csv(tmp_path / "r.csv", index=False)
    designs.scores(weights, x).to_csv(tmp_path / "s.csv", index=False)
    groups = pd.DataFrame(
        {"mixture": designs.names(weights), "group": np.where(x > np.median(x), "diverse", "homogeneous")}
    )
    groups.to_csv(tmp_path / "g.csv", index=False)
    return tmp_path


def test_fit_writes_the_contract_and_every_table(files, run):
    code, out, err = run(
        "fit", "--results", files / "r.csv", "--scores", files / "s.csv", "--metric", "cosine",
        "--json", files / "fit.json", "--output", files / "tables", "--bootstrap", 100,
    )  # fmt: skip
    assert code == 0, err
    assert out.startswith("More diverse mixtures did better. Mixtures one standard deviation more diverse scored ")
    assert re.search(r"Study +25 mixtures, 5 tasks", out)
    assert "Smallest detectable effect" in out
    assert "* task-label permutation" in out
    assert "OLS, one predictor (naive)" in out
    record = json.loads((files / "fit.json").read_text())
    assert record["n_mixtures"] == 25
    assert pd.read_csv(files / "tables" / "targets.csv")["target"].tolist()[-3:] == ["mean9", "mean7", "retrieval"]
    written = {p.name for p in (files / "tables").iterdir()}
    tables = {p.removesuffix(".csv") for p in written if p.endswith(".csv")}
    assert {"methods", "targets", "languages", "influence", "null", "power"} <= tables
    assert written == {f"{t}.{form}" for t in tables for form in ("csv", "tex")} | {"fit.json", "figures"}
    targets = (files / "tables" / "targets.tex").read_text()
    assert r"\caption[Slopes by target and by group of targets]{Slopes by" in targets
    assert re.search(r"^XNLI & -?\d+\.\d+ & ", targets, flags=re.MULTILINE)
    assert r"\toprule" in targets
    assert "S[table-format=" in targets
    for file in (files / "tables").glob("*.tex"):
        assert not re.search(r"\bnan\b|\binf\b|(?<!\\)_", file.read_text().replace(r"\label{tab:" + file.stem, "")), (
            file
        )
    figures = {p.name for p in (files / "tables" / "figures").iterdir()}
    drawn = ("effect", "forest", "influence", "null", "power", "scatter")
    assert figures >= {f"{name}.{form}" for name in drawn for form in ("pdf", "png", "svg")}


def test_fit_draws_one_figure_and_refuses_other_forms_before_it_computes(files, run):
    common = (
        "fit",
        "--results",
        files / "r.csv",
        "--scores",
        files / "s.csv",
        "--metric",
        "cosine",
        "--bootstrap",
        100,
    )
    code, _, err = run(*common, "--plot", files / "fit.svg")
    assert code == 0, err
    assert f"wrote {files / 'fit.svg'}" in err
    assert "cosine" in (files / "fit.svg").read_text()
    code, out, err = run(*common, "--plot", files / "fit.txt", "--output", files / "fit.json")
    assert (code, out) == (2, "")
    assert "expected --plot with a name that ends in .png, .svg or .pdf" in err
    assert not (files / "fit.json").exists()


def test_compare_by_score_and_by_groups(files, run):
    common = ("compare", "--results", files / "r.csv", "--output", files / "c.json")
    code, out, err = run(*common, "--scores", files / "s.csv", "--metric", "cosine")
    assert code == 0, err
    assert re.search(r"Study +\d+ pairs of mixtures, 5 tasks", out)
    assert json.loads((files / "c.json").read_text())["metric"] == "cosine"
    code, out, err = run(*common, "--groups", files / "g.csv", "--format", "csv")
    assert code == 0, err
    assert out.startswith("diverse,homogeneous,stratum")
    assert "note: the results have no column budget" in err
    code, out, err = run(*common[:3], "--groups", files / "g.csv", "--output", files / "c")
    assert code == 0, err
    assert {"compare.json", "pairs.csv", "pairs.tex", "strata.tex", "figures"} <= {
        p.name for p in (files / "c").iterdir()
    }
    assert "diversity" not in (files / "c" / "pairs.tex").read_text().partition("midrule")[0].partition("toprule")[2]
    assert (files / "c" / "figures" / "pairs.pdf").stat().st_size


def test_compare_finds_the_groups_that_results_declare(files, run):
    results, groups = pd.read_csv(files / "r.csv"), pd.read_csv(files / "g.csv")
    declared = results.assign(role=results["mixture"].map(dict(groups.to_numpy())))
    declared.to_csv(files / "d.csv", index=False)
    code, out, err = run("compare", "--results", files / "d.csv", "--format", "csv")
    assert code == 0, err
    assert "the groups are those that the column role of the results declares" in err
    assert out == run("compare", "--results", files / "r.csv", "--groups", files / "g.csv", "--format", "csv")[1]
    code, _, err = run("compare", "--results", files / "r.csv")
    assert code == 2
    assert "expected scores and a metric, or groups" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "cosin"], "unknown metric of the scores 'cosin': did you mean cosine?"),
        (["--metric", "cosine", "--outcome", "mean8"], "unknown outcome 'mean8': did you mean mean"),
        (["--metric", "cosine", "--where", "model"], "expected --where COLUMN=VALUE, found 'model'"),
        (["--metric", "cosine", "--output", "/nowhere/x.json"], "/nowhere/x.json: expected a file that can be written"),
        (["--metric", "cosine", "--covariates", "sise"], "unknown covariate 'sise'"),
    ],
)
def test_bad_use_is_one_line(arguments, message, files, run):
    code, out, err = run("fit", "--results", files / "r.csv", "--scores", files / "s.csv", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_nothing_is_written_where_a_table_is_bad(files, run):
    (files / "r.csv").write_text("mixture,target\na,b\n")
    code, _, err = run(
        "fit",
        "--results",
        files / "r.csv",
        "--scores",
        files / "s.csv",
        "--metric",
        "cosine",
        "--output",
        files / "f",
    )
    assert code == 2
    assert "expected results with a column 'language'" in err
    assert not (files / "f").exists()


def test_commands_start_without_torch_and_statsmodels():
    import subprocess
    import sys

    heavy = {"torch", "transformers", "statsmodels", "pandas"}
    code = f"import sys, diversity; diversity.fit, diversity.compare; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("mnli,diverse\nmnli,homogeneous\n", "expected each mixture once, found 'mnli' more often"),
        ("mnly,diverse\nqqp,homogeneous\n", "unknown mixture (it has a group and no results) 'mnly'"),
        ("mnli,diverse,\nqqp,homogeneous\n", "expected 2 cells as in the header, found 3"),
        ("mnli,divers\nqqp,homogeneous\n", "expected groups diverse and homogeneous, found 'divers'"),
    ],
)
def test_a_table_of_groups_is_read_as_strictly(lines, message, files, run):
    frame = pd.read_csv(files / "r.csv")
    names = dict(zip(frame["mixture"].unique(), ("mnli", "qqp"), strict=False))
    frame.assign(mixture=frame["mixture"].replace(names)).to_csv(files / "r.csv", index=False)
    (files / "g.csv").write_text(f"mixture,group\n{lines}")
    code, out, err = run("compare", "--results", files / "r.csv", "--groups", files / "g.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_column_is_chosen_once(files, run):
    twice = ("--where", "seed=1", "--where", "seed=2")
    tables = ("--results", files / "r.csv", "--scores", files / "s.csv", "--metric", "cosine")
    code, out, err = run("fit", *tables, *twice)
    assert (code, out) == (2, "")
    assert "expected one --where COLUMN=VALUE of each name, found seed more than once" in err
