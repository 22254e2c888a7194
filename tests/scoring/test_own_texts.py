"""Texts of one's own: from memory and from files, beside tasks; one line for what is none."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import diversity
from diversity import InputError, store
from diversity.cli import main
from diversity.encoders import language
from diversity.scoring import embedded

NEWS = [
    "Rain fell over Oslo on Monday.",
    "The bank raised its rates.",
    "A new bridge opened in Lima.",
    "The team won again.",
]
TALKS = ["Thank you all for coming.", "Today I want to speak about bees.", "Let us begin.", "Bees can count to four."]


def status(*arguments: str) -> int:
    """Exit status of a command."""
    with pytest.raises(SystemExit) as stopped:
        main([*arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def encoder():
    """Vectors that are a function of the letters of a text: no model is loaded."""

    class Letters:
        name = "letters"

        def encode(self, texts):
            rows = [[text.lower().count(c) + 0.01 for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
            return np.array(rows, dtype=np.float32)

    return Letters()


def test_texts_in_memory_are_scored_whatever_holds_them(encoder):
    forms = [
        {"news": NEWS, "talks": TALKS},
        {"news": pd.Series(NEWS), "talks": iter(TALKS)},
        {"news": np.array(NEWS, dtype=object), "talks": tuple(TALKS)},
    ]
    tables = [diversity.score(sets, encoder=encoder) for sets in forms]
    assert tables[0]["mixture"].unique().tolist() == ["news+talks"]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    own = embedded.from_arrays({"news": encoder.encode(NEWS), "talks": encoder.encode(TALKS)})
    np.testing.assert_allclose(diversity.score(own)["value"], tables[0]["value"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mnli", r"expected a list of task names, found one text: write \['mnli'\]"),
        ({"news": "one text"}, "news: expected a list of texts, found one text"),
        ({"news": [1, 2]}, "news: expected text, found the number 1 as number 1"),
        ({"news": {"a": 1}}, "news: expected a list of texts, found a mapping of a"),
        ({"news": np.eye(3)}, r"news: expected a list of texts, found an array of shape \(3, 3\): from_arrays takes"),
        (NEWS, r"expected names of tasks, or texts by .*, found the text 'Rain fell over Oslo on Monday.': write"),
        (pd.Series(NEWS), r'found the text .*: write {"mine": texts}'),
        (iter(NEWS), r"found a list_iterator: write"),
        ([], "found none"),
        ({}, "found none"),
        ({1: NEWS}, "found the name 1"),
        ({"news": ["", " "]}, "news: expected texts, found 2 blank rows"),
    ],
)
def test_mistakes_of_a_first_hour_get_the_line_that_helps(given, message, encoder):
    with pytest.raises(InputError, match=message):
        diversity.score(given, encoder=encoder)


def test_columns_of_other_libraries_are_lists_of_texts(encoder, tmp_path):
    polars, datasets = pytest.importorskip("polars"), pytest.importorskip("datasets")
    expected = diversity.score({"news": NEWS}, encoder=encoder)
    rows = datasets.Dataset.from_dict({"text": NEWS, "n": range(4)})
    for column in (
        polars.Series(NEWS),
        rows["text"],
        rows.to_iterable_dataset()["text"],
        polars.DataFrame({"t": NEWS})["t"],
    ):
        pd.testing.assert_frame_equal(diversity.score({"news": column}, encoder=encoder), expected)
    for missing in (
        pd.Series([*NEWS, None]),
        pd.Series([*NEWS, pd.NA]),
        polars.Series([*NEWS, None]),
        [*NEWS, float("nan")],
    ):
        (task,) = diversity.measure({"news": missing}, encoder=encoder).tasks.values()
        assert (task.moments.n, task.provenance["blank"]) == (4, 1)
    table = r"found a table of title, body: write"
    for frame in (pd.DataFrame, polars.DataFrame, datasets.Dataset.from_dict):
        frame = frame({"title": NEWS, "body": NEWS})
        with pytest.raises(InputError, match=rf"news: expected one column of texts, {table} table\['title'\]"):
            diversity.score({"news": frame}, encoder=encoder)
        with pytest.raises(InputError, match=rf"{table} {{'title': table\['title'\]}}"):
            diversity.score(frame, encoder=encoder)


def test_files_are_named_in_python_as_in_the_shell(write, encoder, monkeypatch, tmp_path):
    monkeypatch.chdir(write("news.csv", "title,body\n" + "".join(f"{i},{t}\n" for i, t in enumerate(NEWS))).parent)
    expected = diversity.score({"news": NEWS, "more": TALKS}, encoder=encoder)
    write("more.txt", "\n".join(TALKS))
    pd.testing.assert_frame_equal(diversity.score(["news.csv:body", "more.txt"], encoder=encoder), expected)
    frame = diversity.distances(["news.csv:body", "more.txt"], encoder=encoder)
    assert frame.index.tolist() == ["more", "news"]
    assert set(diversity.measure(["news.csv:body", "more.txt"], encoder=encoder).tasks) == {"news", "more"}
    beside = diversity.score({"news": NEWS}, mixtures=["both=news,mnli"], metrics=["cosine"])
    assert beside["tasks"].tolist() == [("mnli", "news")]


def test_the_name_of_a_task_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnli").mkdir()
    assert diversity.score(["mnli"], metrics=["hill"])["mixture"].tolist() == ["mnli"]


def test_a_design_takes_files_and_tasks(write, capsys, monkeypatch, tmp_path):
    folder = write("news.txt", "\n".join(NEWS)).parent
    write("talks.txt", "\n".join(TALKS))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DIVERSITY_CACHE", str(tmp_path / "cache"))
    arguments = ["design", "news.txt", "talks.txt", "--tasks", "mnli,ccg", "--size", "2", "--scheme", "closed"]
    assert status(*arguments, "--targets", "xnli", "--draws", "20", "--output", "plan.toml") == 0
    out, err = capsys.readouterr()
    assert "news+talks" in out
    assert "news, talks are sets of texts, and no task" in err


def test_files_stand_beside_tasks_in_one_call(write, tmp_path, capsys):
    news = write("news.csv", "title,body\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(NEWS)))
    talks = write("talks.jsonl", "\n".join(json.dumps({"text": t, "n": 1}) for t in [*TALKS, "", TALKS[0]]))
    out = tmp_path / "s.json"
    assert status("score", f"{news}:body", f"speech={talks}", "--tasks", "mnli", "--output", str(out),
                  "--plot", str(tmp_path / "s.png"),
                  "--cache", str(tmp_path / "cache")) == 0  # fmt: skip
    err = capsys.readouterr().err
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads(out.read_text())
    assert list(dict.fromkeys(r["mixture"] for r in rows)) == ["mnli", "news", "speech", "mnli+news+speech"]
    assert "note: speech: 1 of 6 rows are blank and left out; 1 of 5 texts repeat another one" in err
    same = diversity.score({"news": NEWS}, metrics=["cosine"])["value"].iloc[0]
    assert next(r["value"] for r in rows if (r["mixture"], r["metric"]) == ("news", "cosine")) == pytest.approx(same)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnli"], "expected a file of texts, found 'mnli': name tasks with --tasks mnli"),
        (["mnly"], "expected a file of texts, found 'mnly': name tasks with --tasks mnli"),
        (["a.cvs"], "a.cvs: expected a file, a folder or a glob of texts, found nothing: did you mean a.csv?"),
        (["a.csv:body", "--tasks", "mnli", "--encoder", "mini"], "there are none; all-MiniLM-L6-v2 has them"),
        (["no.txt"], "no.txt: expected a file, a folder or a glob of texts, found nothing"),
        (["a.csv:boddy"], "a.csv:2: unknown field 'boddy': did you mean body?"),
        (["a.csv:body", "a=a.csv:title"], "expected one set named a, found a.csv:body and a=a.csv:title: name one"),
        (["a.csv:body", "a.docx"], "a.docx: expected a file of texts"),
    ],
)
def test_one_line_for_what_is_no_file_of_texts(arguments, message, write, capsys, monkeypatch):
    monkeypatch.chdir(write("a.csv", "title,body\nx,y\n").parent)
    write("a.docx", "x")
    assert status("score", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_an_encoder_on_languages_that_it_was_not_made_for_says_so():
    english, mini = diversity.load_encoder("all-MiniLM-L6-v2"), diversity.load_encoder("mini")
    assert language.warning(english, NEWS) == language.warning(english, [f"{t} \U0001f600" for t in NEWS]) == ""
    for texts in (
        ["Sataa vettä ja tuulee kovasti pohjoisessa."],
        ["今日は雨が降っています。"],
        ["Mvua inanyesha leo asubuhi."],
    ):
        assert "is made for English, and these texts do not look like it" in language.warning(english, texts)
        assert language.warning(english, texts).endswith("try --encoder mini")
        assert language.warning(mini, texts) == ""
    amharic = language.warning(mini, ["ዛሬ ጠዋት ዝናብ እየዘነበ ነው።"])
    assert "mini is made for 40 languages, and these texts do not look like it (Ethiopic letters," in amharic
    assert amharic.endswith("take an encoder that knows them (--encoder owner/name)")


def test_declared_languages_decide_whether_an_encoder_was_made_for_them(samples):
    english, mini = diversity.load_encoder("all-MiniLM-L6-v2"), diversity.load_encoder("mini")
    assert language.warning(english, ["Mvua."], ["en"]) == ""
    made_for = "all-MiniLM-L6-v2 is made for English, and these texts are in sw, yo: try --encoder mini"
    assert language.warning(english, NEWS, ["en", "sw", "yo"]) == made_for
    assert language.warning(mini, NEWS, ["sw", "qu"]).startswith(
        "mini is made for 40 languages, and these texts are in qu"
    )
    card = (store.shipped() / "mini" / "README.md").read_text("utf8")
    assert set(re.search(r"^language: \[(.*)\]", card, re.MULTILINE)[1].split(", ")) == language.LANGUAGES["mini"]


def test_the_map_shows_as_many_texts_of_each_set(encoder):
    from diversity.scoring.plane import plane

    space = embedded.embed_texts(embedded.read_sets({"news": NEWS * 3, "talks": TALKS}), encoder)
    points = plane(space)
    assert points["task"].value_counts().to_dict() == {"news": 4, "talks": 4}
    rows = np.concatenate([r[:4] for r in space.rows])
    spread = np.linalg.eigvalsh(np.cov(rows.T))[::-1]  # a second way to the same share
    assert points["share"].iloc[0] == pytest.approx(spread[:2].sum() / spread.sum())
    figure = diversity.plot(space)
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == ["news", "talks", "news+talks"]


def test_vectors_stand_beside_texts_where_they_say_the_same_encoder(write, tmp_path, capsys):
    write("news.txt", "\n".join(NEWS))
    write("talks.txt", "\n".join(TALKS))
    both = [str(tmp_path / "news.txt"), str(tmp_path / "talks.txt")]
    shared = ["--format", "json", "--metrics", "cosine,vendi", "--cache", str(tmp_path / "cache")]
    assert status("score", *both, *shared, "--save-vectors", str(tmp_path / "v")) == 0
    texts = json.loads(capsys.readouterr().out)
    assert status("score", both[0], str(tmp_path / "v" / "talks.safetensors"), *shared) == 0
    beside = json.loads(capsys.readouterr().out)
    assert beside == texts
    assert status("score", "--tasks", "mnli", str(tmp_path / "v" / "talks.safetensors"), *shared) == 0
    assert "mnli+talks" in capsys.readouterr().out
    # another encoder, and none that is known
    arguments = ["score", both[0], str(tmp_path / "v" / "talks.safetensors"), *shared, "--max-length", "16"]
    assert status(*arguments) == 2
    assert "expected vectors of one encoder, found news with max_tokens 16" in capsys.readouterr().err
    np.save(tmp_path / "talks.npy", np.random.default_rng(0).normal(size=(9, 384)))
    arguments = ["score", both[0], str(tmp_path / "talks.npy"), *shared]
    assert status(*arguments) == 2
    err = capsys.readouterr().err
    assert "talks: expected vectors that say that they are of all-MiniLM-L6-v2" in err
    assert err.count("\n") == 1
    assert status(*arguments, "--same-encoder") == 0


def test_distances_stand_below_the_scores_where_they_are_asked_for(write, tmp_path, capsys):
    news, talks = write("news.txt", "\n".join(NEWS)), write("talks.txt", "\n".join(TALKS))
    shared = [str(news), str(talks), "--cache", str(tmp_path / "cache")]
    assert status("distances", *shared) == 0
    alone = capsys.readouterr().out
    assert status("score", *shared, "--distances") == 0
    assert capsys.readouterr().out.endswith("\n\n" + alone)
    assert status("score", *shared, "--distances", "--format", "csv") == 2
    assert "expected --format table with --distances" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diversity.score("mnli,qqp"), r"a list of task names, found one text: write \['mnli', 'qqp'\]"),
        (lambda: diversity.score(["mnli"], metrics="cosine,mst"), r"list of metrics, .* write \['cosine', 'mst'\]"),
        (lambda: diversity.score(["mnli"], mixtures="a=mnli"), "a list of mixtures, found one text"),
        (lambda: diversity.score(np.ones((3, 4))), "an array of shape .* from_arrays takes vectors"),
        (lambda: diversity.score({"a": np.ones((3, 4))}), "an array of shape .* from_arrays takes vectors"),
        (lambda: diversity.score({"a": "b.csv"}), r"a: expected a list of texts, found a file: write \['a=b.csv'\]"),
        (lambda: diversity.score({"a": "one text"}), r"found one text: write \['one text'\]"),
        (lambda: diversity.score(["nowhere.jsonl"]), "nowhere.jsonl: expected a file, a folder or a glob of texts"),
        (lambda: diversity.transfer("mini", "xnli", data="d", output="o"), r"a list of targets, .* write \['xnli'\]"),
        (lambda: diversity.retrieve("mini", "tatoeba", data="d"), "a list of targets, found one text"),
        (lambda: diversity.Hypothesis(targets="xnli").resolved(), "a list of targets, found one text"),
    ],
)
def test_one_text_or_an_array_in_place_of_a_list_gets_the_line_that_helps(call, message):
    with pytest.raises(InputError, match=message):
        call()
