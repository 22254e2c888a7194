"""transfer on the written samples with a tiny model: every target in every language, written, scored, and resumed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from diversity import catalog, evaluate
from diversity.cli import main
from diversity.data import sources
from diversity.encoders.hidden_states import SentenceVectors
from diversity.results import lineage_of
from diversity.training.intermediate import train_mix
from diversity.training.settings import Settings
from diversity.types import InputError, Rows
from diversity.zeroshot.finetuned import FinetunedModel, load_finetuned
from diversity.zeroshot.transfer import RESULTS, TransferPlan, TransferSettings, plan_transfer, transfer

try:
    import resource
except ImportError:  # Windows
    resource = None

SHORT = {"steps": 2, "batch": 4, "max_length": 48, "tokens": 400, "save_every": 1, "dev_every": 0}
QUICK = TransferSettings(changes=SHORT)
NINE = [n for n in catalog.names("tasks") if catalog.task(n).role == "target"]


@pytest.fixture(scope="module")
def model(small, tmp_path_factory) -> str:
    torch.set_num_threads(1)
    return str(small.folder(tmp_path_factory.mktemp("model"), "bert", initializer_range=0.05))


@pytest.fixture(scope="module")
def done(model, samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    return transfer(model, NINE, data=samples, output=folder, settings=replace(QUICK, cache=folder / "cache"))


def test_what_targets_are_trained_on():
    found = {t: (catalog.task(t).train_on or t) for t in NINE if catalog.task(t).kind != "retrieval"}
    assert found == {
        "mlqa": "squad_v1", "panx": "panx", "pawsx": "pawsx", "tydiqa": "tydiqa", "udpos": "udpos", "xnli": "mnli",
        "xquad": "squad_v1",
    }  # fmt: skip


def test_every_target_is_predicted_in_every_language(done, samples):
    assert set(done.rows["target"]) == set(NINE)
    assert set(done.trained) == {"squad_v1", "mnli", "panx", "pawsx", "tydiqa", "udpos"}
    assert done.rows["value"].between(0, 100).all()
    assert not done.rows.duplicated(["target", "language", "metric"]).any()
    qa = done.rows[done.rows["target"].isin(["xquad", "mlqa"])]
    assert set(qa["trained_on"]) == {"squad_v1"}
    assert pd.read_csv(done.folder / "results.csv").shape == done.rows.shape


def test_the_card_of_each_model_has_what_it_scored(done):
    from huggingface_hub import ModelCard

    for source, trained in done.trained.items():
        card = ModelCard.load(trained.folder / "README.md")
        rows = done.rows[done.rows["trained_on"] == source]
        written = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
        names = (
            rows["target"].map(lambda target: catalog.task(target).title) + " (" + rows["language"].astype(str) + ")"
        )
        assert written == dict(zip(zip(names, rows["metric"], strict=True), rows["value"], strict=True))
        assert "## Training" in card.text
        assert not (trained.folder / ".eval_results").exists(), "samples are not the benchmark"


@pytest.mark.parametrize("target", NINE)
def test_the_scores_are_those_that_evaluate_gives_the_files(done, samples, tmp_path, target):
    mine = done.rows[done.rows["target"] == target]
    (tmp_path / target).symlink_to(done.folder / "predictions" / target)
    for split, rows in mine.groupby("split"):
        found = evaluate(tmp_path, data=samples, split=split, languages=rows["language"].unique().tolist())
        official = {(s.language, s.metric): s.value for s in found.scores}
        for language, metric, value in rows[["language", "metric", "value"]].itertuples(index=False):
            assert official[language, metric] == pytest.approx(value, abs=1e-9)


def test_the_split_that_was_trained_on_is_never_predicted(model, samples, tmp_path):
    data = tmp_path / "data"
    (data / "pawsx").mkdir(parents=True)
    for path in (samples / "pawsx").rglob("dev*"):
        (data / "pawsx" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="that are not trained on"):
        transfer(model, ["pawsx"], data=data, output=tmp_path / "out", settings=QUICK)
    assert not (tmp_path / "out").exists()


def test_the_same_call_goes_on_and_gives_the_same(done, model, samples, monkeypatch):
    before = load_file(done.folder / "models" / "mnli" / "model.safetensors")
    monkeypatch.setattr("diversity.training.loop.train", lambda *_, **__: pytest.fail("trained again"))
    again = transfer(
        model,
        ["xnli", "tatoeba"],
        data=samples,
        output=done.folder,
        settings=replace(QUICK, cache=done.folder / "cache"),
    )
    kept = done.rows[done.rows["target"].isin(["xnli", "tatoeba"])].reset_index(drop=True)[list(again.rows)]
    pd.testing.assert_frame_equal(again.rows, kept, check_like=True, check_dtype=False)
    after = load_file(done.folder / "models" / "mnli" / "model.safetensors")
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_languages_that_are_not_there_are_told(model, samples, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(samples / "tatoeba", data / "tatoeba")
    for path in (data / "tatoeba").rglob("tatoeba.swh-eng.*"):
        path.unlink()
    said = []
    found = transfer(model, ["tatoeba"], data=data, output=tmp_path / "out", languages=["de", "sw"], notify=said.append)
    assert found.notes == tuple(said) == (f"tatoeba: no rows in sw in {data}",)
    assert set(found.rows["language"]) == {"de"}


def test_what_is_predicted_is_not_predicted_again(done, model, samples, tmp_path, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(done.folder, out)
    again = {"data": samples, "output": out, "settings": replace(QUICK, cache=done.folder / "cache")}
    (out / "predictions" / "xnli" / "test-sw.tsv").unlink()
    cell = out / "cells" / "xnli" / "test-de.json"
    cell.write_text(cell.read_text().replace('"split": "test"', '"split": "other"'))
    predicted, real = [], FinetunedModel.write_predictions
    monkeypatch.setattr(FinetunedModel, "write_predictions", lambda *a, **k: (predicted.append(a[2]), real(*a, **k))[1])
    rows = transfer(model, ["xnli"], **again).rows
    assert sorted(predicted) == ["de", "sw"], "one has lost its file, the other is of something else"
    kept = done.rows[done.rows["target"] == "xnli"].reset_index(drop=True)[list(rows)]
    pd.testing.assert_frame_equal(rows, kept, check_like=True, check_dtype=False)


def test_a_tuned_model_is_loaded_with_its_head(done, samples):
    tuned = load_finetuned(done.folder / "models" / "mnli")
    rows = list(sources.rows(catalog.task("xnli"), Rows.of(samples, split="test", languages=["sw"])))
    written = (done.folder / "predictions" / "xnli" / "test-sw.tsv").read_text("utf8").split()
    assert tuned.predict(rows) == written
    with pytest.raises(InputError, match="expected a fine-tuned model"):
        load_finetuned(samples)


def test_a_checkpoint_says_what_it_was_trained_on(model, samples, tmp_path):
    settings = Settings.of(**SHORT)
    train_mix(["mnli", "qqp"], model=model, data=samples, output=tmp_path / "mix", settings=settings)
    mixture = lineage_of(str(tmp_path / "mix")).mixture
    assert mixture.tasks == ("mnli", "qqp")
    assert mixture.budget == 8
    rows = transfer(str(tmp_path / "mix"), ["tatoeba"], data=samples, output=tmp_path / "out", languages=["de"]).rows
    assert set(rows["mixture"]) == {"mnli+qqp"}
    assert set(rows["model"]) == {Path(model).name}, "the model that was trained on the mixture"
    assert lineage_of(model) is None


def test_withheld_answers_are_predicted_and_not_scored(model, samples, tmp_path, real):
    found = transfer(
        model,
        ["tydiqa"],
        data=Rows(real, limit=50),
        output=tmp_path,
        settings=QUICK,
        languages=["bn"],
    )
    assert json.loads((tmp_path / "predictions" / "tydiqa" / "test-bn.json").read_text("utf8"))
    assert found.rows.empty
    assert "not scored" in found.notes[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--targets", "xnly"], "unknown target 'xnly'"),
        (["--targets", "mnli"], "unknown target 'mnli'"),
        (["--targets", "xnli", "--languages", "xx"], "unknown language of xnli 'xx'"),
        (
            ["--targets", "xnli", "--preset", "phang"],
            "expected --preset to be one of phang2020, xtreme, quick, found 'phang'",
        ),
        (["--targets", "xnli", "--pooling", "max"], "expected --pooling to be one of mean, cls, found 'max'"),
        (["--targets", ""], "expected targets among"),
    ],
)
def test_bad_use_is_one_line(arguments, said, model, samples, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["transfer", "--model", model, "--data", str(samples), "--output", str(tmp_path / "o"), *arguments])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_the_command(model, samples, tmp_path, capsys):
    few = "--steps 1 --batch 2 --max-length 32 --languages de".split()
    wanted = ["--model", model, "--targets", "xnli,tatoeba", "--data", str(samples), "--output", str(tmp_path)]
    with pytest.raises(SystemExit) as stop:
        main(["transfer", *wanted, *few])
    assert not stop.value.code
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["target", "metric", "mean", "languages", "by", "language"]
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"xnli", "tatoeba"}
    assert RESULTS in {p.name for p in tmp_path.iterdir()}


def test_a_second_call_keeps_what_the_folder_holds(model, samples, tmp_path):
    """results.csv had only the targets of the last call."""
    given = {"data": samples, "output": tmp_path, "languages": ["de"], "settings": QUICK}
    first = transfer(model, ["tatoeba"], **given).rows
    second = transfer(model, ["xnli"], **given).rows
    assert set(second["target"]) == {"xnli"}
    table = pd.read_csv(tmp_path / "results.csv")
    assert set(table["target"]) == {"tatoeba", "xnli"}
    assert set(table["run"]) == {*first["run"], *second["run"]}
    (tmp_path / "cells" / "xnli" / "test-de.json").write_text('{"key": ')  # cut short: computed again
    (tmp_path / "cells" / "tatoeba" / "test-de.json").write_text("[]")  # of another call: not told as a result
    transfer(model, ["xnli"], **given)
    assert set(pd.read_csv(tmp_path / "results.csv")["target"]) == {"xnli"}


def test_the_model_is_loaded_once_for_all_retrieval_languages(model, samples, tmp_path, monkeypatch):
    """It was loaded, and its files hashed, once a language."""
    from diversity.encoders import hidden_states

    loads, real = [], hidden_states.load_model
    monkeypatch.setattr(hidden_states, "load_model", lambda name: (loads.append(name), real(name))[1])
    rows = transfer(model, ["tatoeba", "bucc2018"], data=samples, output=tmp_path).rows
    assert rows["language"].nunique() > 2
    assert loads == [model]


def test_languages_that_a_target_lacks_are_left_out_with_a_note(model, samples, tmp_path):
    """`--languages en,de --targets xnli,tatoeba` was an error: Tatoeba has no English."""
    notes = []
    given = {"data": samples, "output": tmp_path, "settings": QUICK, "notify": notes.append}
    rows = transfer(model, ["xnli", "tatoeba"], languages=["en", "de"], **given).rows
    assert set(zip(rows["target"], rows["language"], strict=True)) == {
        ("xnli", "en"),
        ("xnli", "de"),
        ("tatoeba", "de"),
    }
    assert notes == ["tatoeba has no en: left out"]
    with pytest.raises(InputError, match="unknown language of xnli, tatoeba 'xx'"):
        transfer(model, ["xnli", "tatoeba"], languages=["de", "xx"], **given)


def test_a_layer_is_an_index_or_a_fraction_as_it_is_written(model, samples, tmp_path):
    """`--layer 14` and `--layer -1` were refused, and `--layer 1` meant the last layer."""
    shown = {}
    for layer in ("1", "-1", "1.0"):
        out = tmp_path / layer
        arguments = ["--model", model, "--data", str(samples), "--targets", "tatoeba", "--languages", "de"]
        with pytest.raises(SystemExit) as stop:
            main(["transfer", *arguments, "--output", str(out), "--layer", layer])
        assert not stop.value.code
        shown[layer] = pd.read_csv(out / "results.csv")["layer"].tolist()
    assert shown == {"1": [1], "-1": [2], "1.0": [2]}


def test_prediction_leaves_the_model_where_it_was(done, samples, monkeypatch):
    """`predict` moved the caller's model to the GPU and left it there."""
    finetuned = load_finetuned(done.folder / "models" / "mnli")
    moved = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(type(finetuned.network), "cuda", lambda self: moved.append("cuda"))
    monkeypatch.setattr(type(finetuned.network), "to", lambda self, device: moved.append(str(device)))
    rows = list(sources.rows(catalog.task("xnli"), Rows(samples, "test", ("sw",))))
    finetuned.predict(rows[:2])
    assert moved == ["cuda", "cpu"]


def test_a_dry_run_checks_and_does_nothing(model, samples, tmp_path, capsys):
    table = plan_transfer(model, ["xnli", "tatoeba"], data=samples, settings=QUICK, languages=["de"])
    assert table["target"].tolist() == ["xnli", "tatoeba"]
    assert table["steps"].tolist()[0] == 2
    arguments = ["--model", model, "--data", str(samples), "--output", str(tmp_path / "o"), "--dry-run"]
    for targets, more, said in (
        ("xnli", ["--steps", "2", "--max-length", "48"], "training: about"),
        ("tatoeba", ["--layer", "99"], "expected a layer from -3 to 2"),
        ("xnli,tatoeba", ["--layer", "99", "--steps", "2"], "expected a layer from -3 to 2"),
        ("xnli", ["--max-length", "4000"], "at most 64 tokens"),
    ):
        with pytest.raises(SystemExit):
            main(["transfer", *arguments, "--targets", targets, *more])
        printed = capsys.readouterr()
        assert said in printed.out + printed.err
    assert not (tmp_path / "o").exists()


def test_what_is_tested_on_is_neither_trained_on_nor_selected_by(model, samples, tmp_path):
    """Questions on passages of XQuAD were among the rows that train and select, without a word."""
    data = tmp_path / "data"
    shutil.copytree(samples, data)
    (xquad,) = (p for p in data.rglob("xquad.en.json"))
    for path in (data / "squad_v1").glob("*.json"):
        content = json.loads(path.read_text("utf8"))
        content["data"] += json.loads(xquad.read_text("utf8"))["data"]
        path.write_text(json.dumps(content), "utf8")
    done = transfer(model, ["xquad"], data=data, output=tmp_path / "out", settings=QUICK, languages=["de"])
    about = json.loads((done.folder / "models" / "squad_v1" / "training.json").read_text("utf8"))["data"]["squad_v1"]
    questions = len(list(sources.rows(catalog.task("xquad"), Rows(data, "test"))))
    assert about["removed"]["tested_on"] == about["tested_on"] == questions
    assert about["dev"]["tested_on"] == questions
    assert about["trained_on"] == about["rows"] - questions


def test_a_target_of_which_all_training_rows_are_tested_on_is_refused(model, samples, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(samples / "xquad", data / "xquad")
    (xquad,) = (p for p in data.rglob("xquad.en.json"))
    (data / "squad_v1").mkdir()
    shutil.copyfile(xquad, data / "squad_v1" / "dev-v1.1.json")
    with pytest.raises(InputError, match="expected rows that no target is tested on, found none"):
        transfer(model, ["xquad"], data=data, output=tmp_path / "out", settings=QUICK, languages=["de"])


def test_a_dry_run_finds_an_output_of_another_run(done, model, samples):
    """It was found out by the run itself."""
    other = replace(QUICK, changes={**SHORT, "learning_rate": 0.5})
    with pytest.raises(InputError, match=r"models/mnli: expected no run or this one.*learning_rate is 1e-05, not 0.5"):
        plan_transfer(model, ["xnli"], data=samples, settings=other, output=done.folder)
    plan_transfer(model, ["xnli"], data=samples, settings=QUICK, output=done.folder)


@pytest.mark.parametrize("target", ["tatoeba", "xnli"])
def test_a_changed_prediction_is_made_again(model, samples, tmp_path, target):
    """A file of predictions with a flipped bit counted as finished, in silence, where a model was trained for it."""
    given = {"data": samples, "output": tmp_path, "languages": ["de"], "settings": QUICK}
    first = transfer(model, [target], **given).rows
    file = tmp_path / "predictions" / target / "test-de.tsv"
    whole = file.read_bytes()
    file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    again = transfer(model, [target], **given).rows
    assert file.read_bytes() == whole
    assert again["value"].tolist() == first["value"].tolist()


@pytest.mark.parametrize("command", ["transfer", "retrieve"])
def test_a_seed_that_no_table_holds_is_refused_before_any_work(command, model, samples, tmp_path, capsys):
    """Everything was trained and scored, and then there was a traceback and no table."""
    arguments = ["--model", model, "--targets", "tatoeba", "--data", str(samples), "--seed", str(2**63)]
    with pytest.raises(SystemExit) as stop:
        main([command, *arguments, "--output", str(tmp_path / "o")])
    assert stop.value.code == 2
    assert f"{2**63 - 1}" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["heads.safetensors", "model.safetensors", "training.json"])
def test_a_file_of_a_fine_tuned_model_that_was_cut_short_is_one_line(done, tmp_path, name):
    """Tracebacks: SafetensorError, JSONDecodeError."""
    folder = tmp_path / "mnli"
    shutil.copytree(done.folder / "models" / "mnli", folder)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"expected .*found|expected an encoder"):
        load_finetuned(folder)


def test_a_layer_that_the_model_has_not_is_found_before_any_training(model, samples, tmp_path, monkeypatch):
    """The layer was looked for once the other targets were trained."""
    monkeypatch.setattr(TransferPlan, "finetune", lambda *_: pytest.fail("trained"))
    settings = replace(QUICK, vectors=SentenceVectors(layer=9))
    with pytest.raises(InputError, match="expected a layer from -3 to 2"):
        transfer(model, ["xnli", "tatoeba"], data=samples, output=tmp_path / "o", settings=settings, languages=["de"])


@pytest.mark.skipif(resource is None, reason="this system has no limit of the size of files")
@pytest.mark.parametrize("limit", [2_000, 40_000, 100_000])
def test_what_cannot_be_written_is_one_line_and_the_same_call_goes_on(model, samples, tmp_path, capsys, limit):
    """A limit of the size of files stands for a full disk: from some file on nothing more can be written."""
    arguments = ["transfer", "--model", model, "--targets", "xnli,tatoeba", "--languages", "sw", "--data", str(samples)]
    arguments += ["--steps", "2", "--batch", "4", "--max-length", "48", "--save-every", "1", "--dev-every", "0"]
    arguments += ["--output", str(tmp_path / "o"), "--cache", str(tmp_path / "cache")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert "File too large" in lines[-1] or "could not be written whole" in lines[-1]
    assert str(tmp_path) in lines[-1]
    assert sum(line.startswith("diversity: ") for line in lines) == 1
    assert not (tmp_path / "o" / RESULTS).exists()
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert not stop.value.code
    whole = transfer(
        model, ["xnli", "tatoeba"], data=samples, output=tmp_path / "whole", languages=["sw"],
        settings=TransferSettings(changes={k: v for k, v in SHORT.items() if k != "tokens"}),
    )  # fmt: skip
    assert (tmp_path / "o" / RESULTS).read_bytes() == (whole.folder / RESULTS).read_bytes()
