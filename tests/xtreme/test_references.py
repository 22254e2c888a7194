"""Gold labels from the toolkit's data: of the written samples, and of real data where it is there."""

import pytest

import diversity
from diversity import catalog
from diversity.data import sources
from diversity.types import InputError
from diversity.xtreme import layout, references
from diversity.xtreme.benchmark import XTREME
from diversity.xtreme.scores import scores_of

FORMS = {task: catalog.task(task).output_type for task in XTREME.tasks}


def as_predictions(task, gold):
    """The gold as somebody would predict it: the first answer to each question."""
    return {id: answers[0] for id, answers in gold} if FORMS[task] == "answers" else gold


def here(data):
    """Every (task, split, language) of the benchmark that a folder of data holds."""
    for task, languages in XTREME.languages.items():
        for split in ("dev", "test") if task != "xquad" else ("test",):  # the dev set of xquad is SQuAD's
            for language in languages:
                if sources.find(catalog.task(task), data, split, language):
                    yield task, split, language


def gold_of(task, data, split, language):
    """Gold labels, or None where they are withheld."""
    try:
        return references.gold(task, data, split, language)
    except InputError as error:
        if "withheld" in str(error):  # as in what XTREME's download leaves of its test sets
            return None
        raise


def test_gold_scores_100_on_the_samples(samples):
    seen = set()
    for task, split, language in here(samples):
        if (gold := gold_of(task, samples, split, language)) is not None:
            found = scores_of(task, language, gold, as_predictions(task, gold))
            assert set(found.values()) == {100.0}, (task, split, language)
            seen.add(task)
    assert seen >= {"xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tatoeba"}


def test_tatoeba_asks_for_the_line_of_the_foreign_sentence(write):
    write("tatoeba/tatoeba.swh-eng.swh", "moja\nmbili\ntatu\n")
    path = write("tatoeba/tatoeba.swh-eng.eng", "one\ntwo\nthree\n")
    assert references.gold("tatoeba", path.parent.parent, "test", "sw") == ["0", "2", "1"]  # one, three, two: sorted


def test_bucc_asks_for_pairs_foreign_id_first(write):
    write("bucc2018/zh-en.dev.zh", "zh-1\t一\nzh-2\t二\n")
    write("bucc2018/zh-en.dev.en", "en-7\tone\nen-8\tother\n")
    path = write("bucc2018/zh-en.dev.gold", "zh-1\ten-7\n")
    assert references.gold("bucc2018", path.parent.parent, "dev", "zh") == [("zh-1", "en-7")]


def test_withheld_labels_are_refused(write):
    path = write("xnli/test-sw.tsv", "Paka analala.\tMnyama analala.\n" * 3)
    with pytest.raises(InputError, match=r"^xnli: expected gold labels, .* withheld"):
        references.gold("xnli", path.parent.parent, "test", "sw")
    path = write("tatoeba/tatoeba.swh-eng.swh", "moja\n")
    with pytest.raises(InputError, match="expected the English side"):
        references.gold("tatoeba", path.parent.parent, "test", "sw")
    with pytest.raises(InputError, match="did you mean xnli"):
        references.gold("xnly", path.parent.parent)


def test_predictions_are_scored_on_a_split_of_the_data(samples, tmp_path):
    languages = [lang for task, split, lang in here(samples) if (task, split) == ("pawsx", "dev")]
    for language in languages:
        gold = references.gold("pawsx", samples, "dev", language)
        layout.write_predictions(tmp_path, "pawsx", language, gold, split="dev")
    found = diversity.evaluate(tmp_path, data=samples, split="dev", languages=languages)
    assert found.as_json()["pawsx"]["avg_accuracy"] == 100
    with pytest.raises(InputError, match=r"pawsx/test-\w\w.tsv: expected predictions of pawsx"):
        diversity.evaluate(tmp_path, data=samples, split="test,dev", languages=languages)


# Gold answers of which nothing is left when articles are taken away: exact match is 1 then, F1 is 0.
ARTICLES_ALONE = {("mlqa", "dev", "es"): 1}


@pytest.mark.parametrize("task", FORMS)
def test_gold_scores_100_on_real_data(task, real):
    found = 0
    for name, split, language in here(real):
        if name != task or (task == "panx" and language not in ("ar", "de", "en", "th", "zh", "yo")):
            continue
        if (gold := gold_of(task, real, split, language)) is None:
            continue
        found += 1
        lost = 100 * ARTICLES_ALONE.get((task, split, language), 0) / len(gold)
        for metric, value in scores_of(task, language, gold, as_predictions(task, gold)).items():
            expected = 100 - lost if metric == "f1" else 100
            assert value == pytest.approx(expected, abs=1e-9), (split, language, metric)
    if not found:
        pytest.skip(f"DIVERSITY_DATA has no labels of {task}")
