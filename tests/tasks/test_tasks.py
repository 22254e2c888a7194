"""Every task and target of the catalog: what it says about itself, and its rows in the written samples."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

import pytest

from diversity import catalog, types
from diversity.data import sources
from diversity.types import Answer, Classification, InputError, MultipleChoice, Retrieval, Rows, Span, Tagging

TASKS = catalog.names("tasks")

# Written out from google-research/xtreme 838c13b, not taken from the package.
INTERMEDIATE = "anli_plus ccg commonsenseqa cosmosqa hellaswag mnli qqp squad_v1 squad_v2".split()
LANGUAGES = {
    "pawsx": "de en es fr ja ko zh",
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "xquad": "en es de el ru tr ar vi th zh hi",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
    "bucc2018": "de fr ru zh",
    "tatoeba": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu",
    "panx": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu "
    "ms en yo my",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
}
COUNTS = dict(pawsx=7, xnli=15, xquad=11, mlqa=7, tydiqa=9, bucc2018=4, tatoeba=36, panx=40, udpos=33)
KINDS = {
    "classification": (Classification, "accuracy"),
    "multiple_choice": (MultipleChoice, "accuracy"),
    "span": (Span, "f1"),
    "tagging": (Tagging, "f1"),
    "retrieval": (Retrieval, None),
}


def parts_of(task):
    return [(split, part) for split, parts in task.splits.items() for part in parts]


def hubs_of(task):
    return [(split, part, part.hub) for split, part in parts_of(task) if part.hub]


# --- What a task says about itself -----------------------------------------------------------------------


def test_there_are_nine_intermediate_tasks_and_nine_targets():
    assert sorted(TASKS) == sorted([*INTERMEDIATE, *LANGUAGES])
    assert [t for t in TASKS if catalog.task(t).role == "intermediate"] == sorted(INTERMEDIATE)
    assert [t for t in TASKS if catalog.task(t).role == "target"] == sorted(LANGUAGES)


@pytest.mark.parametrize("name", TASKS)
def test_metadata_is_complete(name):
    task = catalog.task(name)
    assert task.name == name
    assert task.title.strip()
    assert task.licence.strip()
    assert re.search(r"\b(19|20)\d\d\b", task.citation), "a citation has a year"
    assert re.fullmatch(r"https://[^\s/]+\.[^\s]+", task.url)
    assert task.splits
    assert all(task.splits.values())


@pytest.mark.parametrize("name", TASKS)
def test_the_text_recipe_names_fields_of_the_examples(name):
    task = catalog.task(name)
    example, _ = KINDS[task.kind]
    assert task.fields
    assert set(task.fields) <= {f.name for f in dataclasses.fields(example)} - {
        "id",
        "language",
        "label",
        "tags",
        "answers",
    }
    assert task.recipe == "v1:" + "+".join(task.fields)


@pytest.mark.parametrize("name", TASKS)
def test_the_metric_is_the_one_of_its_kind(name):
    expected = {"ccg": "accuracy", "bucc2018": "f1", "tatoeba": "accuracy"}
    task = catalog.task(name)
    assert task.metric == expected.get(name, KINDS[task.kind][1])


@pytest.mark.parametrize("name", TASKS)
def test_labels_are_closed_sets_but_for_spans_sentences_and_supertags(name):
    labels = catalog.task(name).labels
    expected = {
        "anli_plus": 3, "mnli": 3, "xnli": 3, "qqp": 2, "pawsx": 2, "hellaswag": 4, "cosmosqa": 4, "commonsenseqa": 5,
        "panx": 7, "udpos": 17,
    }  # fmt: skip
    assert len(labels) == expected.get(name, 0)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_target_has_xtremes_languages(name):
    languages = catalog.task(name).languages
    assert sorted(languages) == sorted(LANGUAGES[name].split())
    assert len(languages) == COUNTS[name]
    if "en" in languages:
        assert languages[0] == "en"


@pytest.mark.parametrize("name", INTERMEDIATE)
def test_intermediate_tasks_are_english(name):
    assert catalog.task(name).languages == ("en",)


@pytest.mark.parametrize("name", TASKS)
def test_a_part_has_rows_in_languages_of_its_task(name):
    task = catalog.task(name)
    for _, part in parts_of(task):
        assert part.languages
        assert set(part.languages) <= set(task.languages)
        assert len(part.folders) >= 1
    assert {lang for _, part in parts_of(task) for lang in part.languages} == set(task.languages)


@pytest.mark.parametrize("name", TASKS)
def test_every_hub_is_pinned_to_a_full_commit(name):
    for _, _, hub in hubs_of(catalog.task(name)):
        assert re.fullmatch(r"[\w-]+/[\w.-]+", hub.repo)
        assert re.fullmatch(r"[0-9a-f]{40}", hub.revision)


@pytest.mark.parametrize("name", TASKS)
def test_the_hub_has_a_configuration_for_each_language_of_a_part(name):
    for _, part, hub in hubs_of(catalog.task(name)):
        assert all(hub.config_of(language) for language in part.languages)


# Names of google/xtreme's configurations: UD's names of languages, and the codes of XTREME's `lang3_dict`.
UD_NAMES = (
    "af Afrikaans ar Arabic eu Basque bg Bulgarian nl Dutch en English et Estonian fi Finnish fr French de German el Greek "
    "he Hebrew hi Hindi hu Hungarian id Indonesian it Italian ja Japanese kk Kazakh ko Korean zh Chinese mr Marathi "
    "fa Persian pt Portuguese ru Russian es Spanish tl Tagalog ta Tamil te Telugu th Thai tr Turkish ur Urdu vi Vietnamese "
    "yo Yoruba"
).split()
CODES = (
    "af afr ar ara bg bul bn ben de deu el ell es spa et est eu eus fa pes fi fin fr fra he heb hi hin hu hun id ind it ita "
    "ja jpn jv jav ka kat kk kaz ko kor ml mal mr mar nl nld pt por ru rus sw swh ta tam te tel th tha tl tgl tr tur ur urd "
    "vi vie zh cmn"
).split()


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("udpos", {lang: f"udpos.{n}" for lang, n in zip(UD_NAMES[::2], UD_NAMES[1::2], strict=True)}),
        ("tatoeba", {lang: f"tatoeba.{code}" for lang, code in zip(CODES[::2], CODES[1::2], strict=True)}),
        ("panx", {lang: f"PAN-X.{lang}" for lang in LANGUAGES["panx"].split()}),
        ("pawsx", {lang: f"PAWS-X.{lang}" for lang in LANGUAGES["pawsx"].split()}),
        ("xquad", {lang: f"XQuAD.{lang}" for lang in LANGUAGES["xquad"].split()}),
        ("mlqa", {lang: f"MLQA.{lang}.{lang}" for lang in LANGUAGES["mlqa"].split()}),
        ("xnli", dict.fromkeys(LANGUAGES["xnli"].split(), "XNLI")),
        ("tydiqa", dict.fromkeys(LANGUAGES["tydiqa"].split(), "tydiqa")),
    ],
)
def test_configurations_of_the_benchmark_on_the_hub(name, config):
    hubs = [(part, hub) for _, part, hub in hubs_of(catalog.task(name)) if hub.repo == "google/xtreme"]
    assert hubs
    for part, hub in hubs:
        assert {lang: hub.config_of(lang) for lang in part.languages} == config


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnli", {("default", "train"), ("default", "validation_matched"), ("default", "validation_mismatched")}),
        ("qqp", {("qqp", "train"), ("qqp", "validation")}),
        ("squad_v1", {("plain_text", "train"), ("plain_text", "validation")}),
        ("squad_v2", {("squad_v2", "train"), ("squad_v2", "validation")}),
        ("hellaswag", {("default", "train"), ("default", "validation")}),
        ("cosmosqa", {("default", "train"), ("default", "validation")}),
        ("commonsenseqa", {("default", "train"), ("default", "validation"), ("default", "test")}),
    ],
)
def test_splits_of_the_intermediate_tasks_on_the_hub(name, expected):
    assert {(hub.config, hub.split) for _, _, hub in hubs_of(catalog.task(name))} == expected


def test_one_repository_is_pinned_to_one_commit():
    pins = {}
    for name in TASKS:
        for _, _, hub in hubs_of(catalog.task(name)):
            pins.setdefault(hub.repo, set()).add(hub.revision)
    assert {repo for repo, commits in pins.items() if len(commits) != 1} == set()
    assert len(pins) == 10


def test_only_two_tasks_have_no_rows_on_the_hub():
    assert [t for t in TASKS if not hubs_of(catalog.task(t))] == ["bucc2018", "ccg"]


@pytest.mark.parametrize("name", TASKS)
def test_hashes_of_released_files_are_sha256(name):
    assert all(re.fullmatch(r"[0-9a-f]{64}", h) for h in catalog.task(name).hashes.values())


@pytest.mark.parametrize("name", TASKS)
def test_rows_are_known_for_splits_and_languages_that_there_are(name):
    task = catalog.task(name)
    assert set(task.rows) <= set(task.splits)
    for split, known in task.rows.items():
        if not isinstance(known, int):
            assert set(known) <= set(task.languages)
            assert all(task.expected(split, lang) == n > 0 for lang, n in known.items())


@pytest.mark.parametrize(
    ("name", "split", "language", "rows"),
    [
        ("anli_plus", "train", "en", 1_104_934),
        ("mnli", "train", "en", 392_702),
        ("qqp", "train", "en", 363_846),
        ("squad_v2", "train", "en", 130_319),
        ("squad_v1", "train", "en", 87_599),
        ("hellaswag", "train", "en", 39_905),
        ("cosmosqa", "train", "en", 25_262),
        ("commonsenseqa", "train", "en", 9_741),
        ("ccg", "train", "en", None),
        ("xnli", "test", "sw", 5_010),
        ("mlqa", "test", "de", 4_517),
        ("mlqa", "dev", "vi", 511),
        ("tydiqa", "test", "bn", 113),
        ("tatoeba", "test", "ka", 2 * 746),
        ("tatoeba", "test", "fr", 2 * 1_000),
        ("panx", "dev", "yo", 100),
        ("panx", "train", "et", 15_000),
        ("panx", "test", "ms", 1_000),
        ("xquad", "test", "th", 1_190),
        ("udpos", "test", "de", None),
        ("mnli", "no such split", "en", None),
    ],
)
def test_sizes_of_the_releases(name, split, language, rows):
    assert catalog.task(name).expected(split, language) == rows


def test_tasks_that_contain_others_say_so():
    assert {n: catalog.task(n).contains for n in TASKS if catalog.task(n).contains} == {
        "anli_plus": ("mnli",),
        "squad_v2": ("squad_v1",),
    }


def test_an_unknown_task_has_near_matches():
    with pytest.raises(InputError, match=r"unknown task 'squad': did you mean .*squad_v[12]"):
        catalog.task("squad")
    with pytest.raises(InputError, match=r"unknown task 'qzx': expected one of anli_plus, bucc2018, .*xquad$"):
        catalog.task("qzx")


def test_files_with_an_underscore_are_no_tasks():
    assert not [t for t in TASKS if t.startswith("_")]
    with pytest.raises(InputError):
        catalog.task("_nli")


# --- The written samples ---------------------------------------------------------------------------------

# task -> split -> language(s) -> rows; counted in the files by hand.
SAMPLES = {
    "anli_plus": {"train": {"en": 144}, "dev": {"en": 56}},  # 3 x 16 + 48 + 48; 3 x 8 + 16 + 16
    "mnli": {"train": {"en": 48}, "dev": {"en": 16}, "dev_mismatched": {"en": 16}},
    "qqp": {"train": {"en": 48}, "dev": {"en": 16}},
    "squad_v1": {"train": {"en": 48}, "dev": {"en": 16}},
    "squad_v2": {"train": {"en": 48}, "dev": {"en": 16}},
    "hellaswag": {"train": {"en": 48}, "dev": {"en": 16}},
    "ccg": {"train": {"en": 40}, "dev": {"en": 12}},
    "cosmosqa": {"train": {"en": 40}, "dev": {"en": 16}},
    "commonsenseqa": {"train": {"en": 48}, "dev": {"en": 16}, "test": {"en": 8}},
    "xnli": {
        "train": {"en": 48},
        "dev": {"en ar de el hi ru sw th tr zh": 12},
        "test": {"en ar de el hi ru sw th tr zh": 12},
    },
    "pawsx": {"train": {"en": 32}, "dev": {"en de es fr ja ko zh": 12}, "test": {"en de es fr ja ko zh": 12}},
    "udpos": {"train": {"en": 40}, "dev": {"en": 12}, "test": {"en ar de hi ja ru ta tr zh": 10}},
    "panx": {"train": {"en": 40}, "dev": {"en": 12}, "test": {"en ar de el hi ja ru sw th yo": 10}},
    "xquad": {"train": {"en": 48}, "dev": {"en": 16}, "test": {"en de el ru ar vi th zh hi": 12}},
    "mlqa": {"train": {"en": 48}, "dev": {"en es de ar hi vi zh": 6}, "test": {"en es de ar hi vi zh": 6}},
    "tydiqa": {"train": {"en": 24}, "test": {"en ar bn fi id ko ru sw te": 6}},
    "bucc2018": {"dev": {"de fr ru zh": 40}, "test": {"de fr ru zh": 40}},
    "tatoeba": {"test": {"ar te de el hi ru ja ka ko th sw zh": 32}},
}
HERE = [
    (task, split, language, rows)
    for task, splits in SAMPLES.items()
    for split, languages in splits.items()
    for names, rows in languages.items()
    for language in names.split()
]


@pytest.fixture(scope="module")
def sample_rows(samples):
    """A function that reads a sample, once."""
    known = {}

    def read(task, split, language):
        key = task, split, language
        if key not in known:
            known[key] = list(sources.rows(catalog.task(task), Rows.of(samples, split=split, languages=[language])))
        return known[key]

    return read


def test_every_task_has_a_sample_and_no_sample_is_forgotten(samples):
    there = {
        (name, split, language)
        for name in TASKS
        for split in catalog.task(name).splits
        for language in catalog.task(name).languages
        if sources.find(catalog.task(name), samples, split, language)
    }
    assert there == {(t, s, lang) for t, s, lang, _ in HERE}
    assert {t for t, *_ in HERE} == set(TASKS)


@pytest.mark.parametrize(("task", "split", "language", "rows"), HERE)
def test_a_sample_is_read_whole_and_its_labels_are_the_tasks(task, split, language, rows, sample_rows):
    found = sample_rows(task, split, language)
    noun = catalog.task(task)
    assert len(found) == rows
    assert {type(e) for e in found} == {KINDS[noun.kind][0]}
    sides = {language, "en"} if noun.kind == "retrieval" else {language}
    assert {e.language for e in found} == sides
    assert len({e.id for e in found}) == len(found)
    assert all(sources.text_of(e, noun.fields).strip() for e in found)
    if noun.labels:
        labels = {label for e in found for label in sources.labels_of(e) or ()}
        assert labels <= set(noun.labels)
        if split != "test" or task != "commonsenseqa":
            assert len(labels) > 1


@pytest.mark.parametrize(("task", "split", "language", "rows"), HERE)
def test_the_labels_of_a_sample_are_no_placeholders(task, split, language, rows, sample_rows):
    found = sample_rows(task, split, language)
    withheld = [e for e in found if sources.labels_of(e) is None]
    assert len(withheld) == (rows if (task, split) == ("commonsenseqa", "test") else 0)


SPANS = [case for case in HERE if catalog.task(case[0]).kind == "span"]


@pytest.mark.parametrize(("task", "split", "language", "rows"), SPANS)
def test_answers_stand_at_their_offsets(task, split, language, rows, sample_rows):
    found = sample_rows(task, split, language)
    answers = [(e.context, a) for e in found for a in e.answers]
    assert len(answers) >= (rows if task != "squad_v2" else 1)
    assert all(context[a.start : a.start + len(a.text)] == a.text != "" for context, a in answers)
    unanswerable = sum(not e.answers for e in found)
    assert (unanswerable > 0) == (task == "squad_v2")


CHOICES = [case for case in HERE if catalog.task(case[0]).kind == "multiple_choice"]


@pytest.mark.parametrize(("task", "split", "language", "rows"), CHOICES)
def test_there_are_as_many_choices_as_labels(task, split, language, rows, sample_rows):
    labels = catalog.task(task).labels
    for example in sample_rows(task, split, language):
        assert len(example.choices) == len(labels)
        assert example.label is None or 0 <= example.label < len(labels)


TAGGED = [case for case in HERE if catalog.task(case[0]).kind == "tagging"]


@pytest.mark.parametrize(("task", "split", "language", "rows"), TAGGED)
def test_every_word_has_a_tag(task, split, language, rows, sample_rows):
    assert all(len(e.tokens) == len(e.tags) > 0 for e in sample_rows(task, split, language))


@pytest.mark.parametrize("language", "ar te de el hi ru ja ka ko th sw zh".split())
def test_each_sentence_of_tatoeba_has_one_translation_of_the_same_number(language, sample_rows):
    found = {e.id: e for e in sample_rows("tatoeba", "test", language)}
    for n in range(16):
        assert found[f"{language}-{n}"].matches == (f"en-{n}",)
        assert found[f"en-{n}"].matches == (f"{language}-{n}",)


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("language", LANGUAGES["bucc2018"].split())
def test_the_gold_pairs_of_bucc_are_sentences_of_both_sides(language, split, sample_rows):
    found = sample_rows("bucc2018", split, language)
    english = {e.id for e in found if e.language == "en"}
    pairs = [(e.id, m) for e in found for m in e.matches]
    assert len(english) == 20
    assert len(pairs) == 8
    assert {m for _, m in pairs} <= english


def script(text):
    """The first words of the Unicode names of a text's letters."""
    return {unicodedata.name(c, "?").split()[0] for c in text if unicodedata.category(c) == "Lo" or c.isalpha()}


def test_the_samples_of_the_targets_cover_many_languages_and_scripts(sample_rows):
    seen, scripts = set(), set()
    for task, split, language, _ in HERE:
        if catalog.task(task).role == "target":
            seen.add(language)
            for example in sample_rows(task, split, language):
                scripts |= script(sources.text_of(example, catalog.task(task).fields))
    assert len(seen) >= 20
    assert {
        "LATIN", "CYRILLIC", "GREEK", "ARABIC", "DEVANAGARI", "BENGALI", "TELUGU", "TAMIL", "THAI", "GEORGIAN",
        "HANGUL", "HIRAGANA", "KATAKANA", "CJK",
    } <= scripts  # fmt: skip


# --- First rows, copied by hand from the files -----------------------------------------------------------

BEES = (
    "Honey bees live in colonies that may hold more than fifty thousand insects in midsummer. Nearly all of them are "
    "workers, which are sterile females. A single queen lays the eggs, and in spring a few hundred males, called drones, "
    "are raised. Drones do not gather food and have no sting; their only task is to mate with young queens from other "
    "colonies. In autumn, when nectar becomes scarce, the workers drive the drones out of the hive, where they soon die of "
    "cold or hunger."
)
OCTOPUS = (
    "An octopus has eight arms lined with suckers, a soft body without any bones, and a hard beak with which it bites into "
    "crabs and mussels. Two thirds of its nerve cells lie in the arms, so that an arm can taste and grasp without waiting "
    "for orders from the brain. Three hearts pump its blood: two serve the gills and one the rest of the body. The blood "
    "is blue because oxygen is carried by a protein that contains copper instead of iron."
)
GOLDEN = {
    ("anli_plus", "train", "en"): Classification(
        "22b75273-c610-4c83-a634-12148372cd7f",
        "en",
        "Lake Oreva is a freshwater lake in the west of the province. With an area of 212 square kilometres it is the "
        "second largest lake of the country, after Lake Tamsk. It freezes over in most winters, and its only outlet is the "
        "river Dun.",
        "Lake Tamsk covers more than 212 square kilometres.",
        "entailment",
    ),
    ("mnli", "train", "en"): Classification(
        "31428n",
        "en",
        "Auditors found that travel vouchers were approved by supervisors who had not seen the receipts.",
        "Several employees were dismissed because of the audit.",
        "neutral",
    ),
    ("qqp", "train", "en"): Classification(
        "136795",
        "en",
        "How can I stop biting my nails?",
        "What is the best way to quit nail biting?",
        "duplicate",
    ),
    ("squad_v1", "train", "en"): Span(
        "d245d174ee9d485e73b14715", "en", "What are male honey bees called?", BEES, (Answer("drones", 220),)
    ),
    ("squad_v2", "train", "en"): Span(
        "c4552ba418b66e027bb0ff12", "en", "How many hearts does an octopus have?", OCTOPUS, (Answer("Three", 262),)
    ),
    ("hellaswag", "train", "en"): MultipleChoice(
        "740",
        "en",
        "[header] How to make a pillow fort [title] Ask your parents which cushions you may use. [step] Sofa cushions make "
        "the best walls.",
        "",
        (
            "[title] Mix the cushions with cement. [step] The fort should last for a century and will need a permit from "
            "the town.",
            "[title] Give the cushions to charity. [step] Now you can move in.",
            "[title] Drape a large blanket over the top. [step] Two chairs will hold it up at the corners.",
            "[title] Ask your parents to be the walls. [step] They have to stand still until Friday.",
        ),
        2,
    ),
    ("ccg", "train", "en"): Tagging(
        "train.conll:1",
        "en",
        ("The", "old", "fisherman", "repaired", "his", "boat", "."),
        ("np/n", "n/n", "n", "(s:dcl\\np)/np", "np/(n/pp)", "n/pp", "."),
    ),
    ("cosmosqa", "train", "en"): MultipleChoice(
        "38B607E0FA272F9466A3E5F2706AE9##3AC13D8AE3999F4904491B72834F84##A1ED96C960ECC2##Blog_2992028##q1_a1##"
        "38488560031DEF941C705121C86CEA",
        "en",
        "So we finally moved in on Saturday. The van was two hours late, it rained the whole time, and my brother dropped "
        "the box with all the plates. I should have been in tears but honestly, when we sat on the bare floor that night "
        "eating noodles out of the carton, I couldn't stop grinning.",
        "Why was the writer grinning at the end of the day?",
        (
            "None of the above choices .",
            "They were happy to be in their new home.",
            "They had won some money.",
            "They were laughing at the driver of the van.",
        ),
        1,
    ),
    ("commonsenseqa", "train", "en"): MultipleChoice(
        "f5a25a2a37dff3296395c7b0c7a70c56",
        "en",
        "",
        "What would you carry when dark clouds are gathering and you have to walk to work?",
        ("ladder", "pillow", "sunscreen", "trumpet", "umbrella"),
        4,
    ),
    ("commonsenseqa", "test", "en"): MultipleChoice(
        "b2b88ec2cfa0a810fa8d2132730d152d",
        "en",
        "",
        "What does a captain drop so that the ship will stay where it is?",
        ("anchor", "sail", "lifeboat", "cargo", "compass"),
        None,
    ),
    ("xnli", "train", "en"): Classification(
        "31428n",
        "en",
        "Auditors found that travel vouchers were approved by supervisors who had not seen the receipts.",
        "Several employees were dismissed because of the audit.",
        "neutral",
    ),
    ("xnli", "test", "th"): Classification(
        "test-th.tsv:1",
        "th",
        "ห้องสมุดปิดซ่อมแซม เด็กๆ จึงอ่านหนังสือของตนในสวนสาธารณะ",
        "เด็กๆ อ่านหนังสือกลางแจ้ง",
        "entailment",
    ),
    ("pawsx", "dev", "ja"): Classification(
        "dev-ja.tsv:1",
        "ja",
        "この橋はオスカー・リンドクヴィストによって設計され、1874年に技師のマルタ・ヘイルによって建設された。",
        "1874年、技師のマルタ・ヘイルが、オスカー・リンドクヴィストの設計したこの橋を建設した。",
        "1",
    ),
    ("udpos", "test", "zh"): Tagging(
        "test-zh.tsv:1",
        "zh",
        ("我", "昨天", "买", "了", "一", "本", "书", "。"),
        ("PRON", "NOUN", "VERB", "AUX", "NUM", "NOUN", "NOUN", "PUNCT"),
    ),
    ("panx", "train", "en"): Tagging(
        "train-en.tsv:1",
        "en",
        ("Anna", "Kolm", "was", "born", "in", "Teldorf", "."),
        ("B-PER", "I-PER", "O", "O", "O", "B-LOC", "O"),
    ),
    ("xquad", "test", "th"): Span(
        "00ce90dd7de650a0f141484f",
        "th",
        "ใครออกแบบประภาคารพอร์ตเซลบี",
        "มาร์ทา เฮลออกแบบประภาคารพอร์ตเซลบีในปี ค.ศ. 1874 หอคอยสูง 41 เมตร และสร้างจากหินสีขาวจากเกาะรินนา "
        "ชาวเรือเรียกประภาคารนี้ว่า “เทียนไข” เพราะแสงของมันเป็นสีเหลือง",
        (Answer("มาร์ทา เฮล", 0),),
    ),
    ("mlqa", "test", "zh"): Span(
        "1abba42da58e472c722926be70a62e2bfbd27ee1",
        "zh",
        "奥林奶酪是用什么奶制成的？",
        "奥林奶酪用山羊奶制成，要在山洞里熟成六个月。山洞里的温度全年保持在9度。奶酪的外皮要用盐和杜松子擦拭。",
        (Answer("山羊奶", 5),),
    ),
    ("tydiqa", "test", "en"): Span(
        "english-532224688723853025-0",
        "en",
        "Who recorded the song “Winter Train”?",
        "Lena Marsh recorded the song “Winter Train” in 1968. It was played on the radio every hour for a week.",
        (Answer("Lena Marsh", 0),),
    ),
    ("bucc2018", "dev", "de"): Retrieval("de-000000001", "de", "Der See war bis April zugefroren.", ()),
    ("tatoeba", "test", "ar"): Retrieval("ar-0", "ar", "ما اسمك؟", ("en-0",)),
}


def test_every_task_has_a_golden_row():
    assert {task for task, _, _ in GOLDEN} == set(TASKS)


@pytest.mark.parametrize(("task", "split", "language"), GOLDEN)
def test_the_first_row_is_the_one_in_the_file(task, split, language, sample_rows):
    assert sample_rows(task, split, language)[0] == GOLDEN[task, split, language]


def test_a_bucc_sentence_is_matched_with_its_translation(sample_rows):
    found = {e.id: e for e in sample_rows("bucc2018", "dev", "de")}
    assert found["de-000000003"] == Retrieval(
        "de-000000003",
        "de",
        "Wissenschaftler haben in den Bergen eine neue Froschart entdeckt.",
        ("en-000000002",),
    )
    assert found["en-000000002"].text == "Scientists have found a new species of frog in the mountains."


def test_quotes_in_xtremes_files_are_text_where_no_writer_quoted_the_cell(sample_rows):
    found = sample_rows("xnli", "dev", "en")[9]
    assert found.text == '"Well, I don\'t eat meat," she said, "but I do like fish."'
    assert (found.text_pair, found.label) == ("She cooks fish every Friday.", "neutral")


def test_pairs_without_a_gold_label_are_left_out(samples):
    lines = (samples / "snli" / "snli_1.0" / "snli_1.0_train.jsonl").read_text().splitlines()
    assert (len(lines), sum('"gold_label": "-"' in line for line in lines)) == (50, 2)  # 48 are read, see above


def test_conllu_is_read_where_there_are_no_tab_separated_files(samples):
    task = catalog.task("udpos")
    (layout,) = [x for x in task.splits["test"][0].layouts if x.pattern.endswith(".conllu")]
    found = list(layout.read(samples / "udpos" / "UD_German-Sample" / "de_sample-ud-test.conllu", "de"))
    assert [" ".join(e.tokens) for e in found] == [
        "Anna fährt zum Bahnhof .",
        "Paul trinkt Tee und Anna Kaffee .",
        "Die Brücke wurde 1874 am Fluss gebaut .",
        "„ Das glaube ich nicht “ , sagte die alte Frau leise .",
    ]
    assert found[0].tags == ("PROPN", "VERB", "ADP", "NOUN", "PUNCT")
    assert found[2].tags == ("DET", "NOUN", "AUX", "NUM", "ADP", "NOUN", "VERB", "PUNCT")


def test_every_kind_of_example_is_a_frozen_noun():
    for kind in (Classification, MultipleChoice, Span, Tagging, Retrieval, types.Text):
        names = [f.name for f in dataclasses.fields(kind)]
        example = kind(**dict.fromkeys(names))
        with pytest.raises(dataclasses.FrozenInstanceError):
            example.id = "other"
