"""The readers on real data in the formats of the releases: `DIVERSITY_DATA` names its folder; without it all is skipped.

What is expected was counted in the files by others (their manifest), not by these readers.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

import pytest

from diversity import catalog
from diversity.data import check, sources
from diversity.data.conll import conll, conllu, supertags
from diversity.data.lines import blocks
from diversity.tasks.ccg import pmb
from diversity.types import BadRow, Rows

XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
PANX_10000 = "ar bg de el en es et eu fa fi fr he hu id it ja ka ko nl pt ru tr vi zh"
PANX_1000 = "af bn hi kk ml mr ms sw ta te tl ur"
TATOEBA_1000 = (
    "ar he vi id af nl de el bn hi ur fa fr it pt es bg ru ja ko zh tr fi hu"  # and no ka, eu, ml, mr, tl, et
)
UDPOS_DEV = dict(
    af=194, ar=909, bg=1115, de=19233, el=403, en=3974, es=3054, et=3125, eu=1798, fa=599, fi=3239, fr=2903, he=484,
    hi=1659, hu=441, id=559, it=2278, ja=511, ko=3016, mr=46, nl=1394, pt=1770, ru=8108, ta=80, te=131, tr=988, ur=552,
    vi=800, zh=1000,
)  # fmt: skip
UDPOS_TEST = dict(
    af=425, ar=1000, bg=1116, de=977, el=456, en=2077, es=427, et=3207, eu=1799, fa=600, fi=1555, fr=416, he=491, hi=1000,
    hu=449, id=557, it=482, ja=543, kk=1047, ko=989, mr=47, nl=1761, pt=1167, ru=601, ta=120, te=146, th=1000, tl=128,
    tr=1100, ur=535, vi=800, yo=317, zh=500,
)  # fmt: skip


def each(languages, rows):
    return dict.fromkeys(languages.split(), rows)


# (task, split) -> language -> rows
ROWS = {
    ("anli_plus", "dev"): {"en": 1000 + 1000 + 1198 + 9815 + 9842},
    ("mnli", "dev"): {"en": 9815},
    ("qqp", "train"): {"en": 10_000},
    ("qqp", "dev"): {"en": 10_000},
    ("squad_v1", "train"): {"en": 8494},
    ("squad_v1", "dev"): {"en": 2910},
    ("squad_v2", "train"): {"en": 4908},
    ("squad_v2", "dev"): {"en": 1170},
    ("hellaswag", "dev"): {"en": 10_042},
    ("ccg", "train"): {"en": 7745},
    ("ccg", "dev"): {"en": 1174},
    ("ccg", "test"): {"en": 1053},
    ("cosmosqa", "dev"): {"en": 2985},
    ("commonsenseqa", "train"): {"en": 9741},
    ("commonsenseqa", "dev"): {"en": 1221},
    ("commonsenseqa", "test"): {"en": 1140},
    ("xnli", "dev"): each(XNLI, 2490),
    ("pawsx", "dev"): each("de en es fr ja ko zh", 2000),
    ("pawsx", "test"): each("en es fr ja ko", 1983),
    ("udpos", "train"): {"en": 21_253},
    ("udpos", "dev"): UDPOS_DEV,
    ("udpos", "test"): UDPOS_TEST,
    ("panx", "train"): {"en": 20_000},
    ("panx", "dev"): {**each(PANX_10000, 10_000), **each(PANX_1000, 1000), **each("jv my yo", 100)},
    ("panx", "test"): each("de en fr nl pt", 10_000),
    ("xquad", "train"): {"en": 8494},  # SQuAD's
    ("xquad", "dev"): {"en": 2910},
    ("xquad", "test"): each("ar de el en es hi ru th tr vi zh", 1190),
    ("mlqa", "train"): {"en": 8494},
    ("mlqa", "dev"): dict(ar=517, de=512, en=1148, es=500, hi=507, vi=511, zh=504),
    ("tydiqa", "train"): dict(en=3696, ko=1625, sw=2755),
    ("tydiqa", "test"): dict(ar=921, bn=113, en=440, fi=782, id=565, ko=276, ru=812, sw=499, te=669),
    ("bucc2018", "dev"): {"zh": 8624 + 13_589},
    ("tatoeba", "test"): {
        **each(TATOEBA_1000, 2 * 1000),
        **{k: 2 * n for k, n in dict(jv=205, kk=575, sw=390, ta=307, te=234, th=548).items()},
    },
}


@pytest.fixture(scope="module")
def found(real):
    """A function that says where a set is; skips where it is not."""

    def found(task, split, language):
        parts = sources.find(catalog.task(task), real, split, language)
        if not parts:
            pytest.skip(f"DIVERSITY_DATA has no {task} ({split}, {language})")
        return parts

    return found


@pytest.fixture
def here(real):
    """A function that gives a file below the folder of real data; skips where it is not."""

    def here(name):
        if not (real / name).exists():
            pytest.skip(f"DIVERSITY_DATA has no {name}")
        return real / name

    return here


def read(task, real, split, language, bad=None):
    return sources.rows(catalog.task(task), Rows.of(real, split=split, languages=[language], bad=bad))


@pytest.mark.parametrize(("task", "split"), ROWS)
def test_every_set_is_read_without_a_bad_row_and_whole(task, split, real, found):
    noun = catalog.task(task)
    for language, rows in ROWS[task, split].items():
        found(task, split, language)
        bad, count, withheld = [], 0, 0
        for example in read(task, real, split, language, bad):
            count += 1
            labels = sources.labels_of(example)
            withheld += labels is None
            assert sources.text_of(example, noun.fields)
        assert (language, count, bad) == (language, rows, [])
        assert withheld == (rows if (task, split) in (("tydiqa", "test"), ("commonsenseqa", "test")) else 0)


def test_no_set_that_is_there_is_left_out(real):
    if not all((real / name).is_dir() for name in ("anli", "mnli", "snli", "udpos", "xquad")):
        pytest.skip("DIVERSITY_DATA does not have all sets")
    there = {
        (name, split, language)
        for name in catalog.names("tasks")
        for split in catalog.task(name).splits
        for language in catalog.task(name).languages
        if sources.find(catalog.task(name), real, split, language)
    }
    assert there == {(t, s, language) for (t, s), languages in ROWS.items() for language in languages}


# --- Universal Dependencies ------------------------------------------------------------------------------

TREEBANKS = {
    "ar": "UD_Arabic-PUD/ar_pud",
    "de": "UD_German-GSD/de_gsd",
    "en": "UD_English-EWT/en_ewt",
    "fi": "UD_Finnish-TDT/fi_tdt",
    "hi": "UD_Hindi-PUD/hi_pud",
    "zh": "UD_Chinese-GSD/zh_gsd",
}


def sentences_of(path):
    """The sentences of a CoNLL-U file, read apart from the reader: (syntactic words with tags, written words).

    A written word is its form and the tags of its parts.
    """
    for _, block in blocks(path):
        rows = [line.split("\t") for line in block if not line.startswith("#")]
        words = {int(r[0]): (r[1], r[3]) for r in rows if r[0].isdigit()}
        ranges = {int(r[0].split("-")[0]): (int(r[0].split("-")[1]), r[1]) for r in rows if "-" in r[0]}
        written, inside = [], 0
        for i, (form, tag) in words.items():
            if i in ranges:
                inside, fused = ranges[i]
                written.append((fused, [words[k][1] for k in range(i, inside + 1)]))
            elif i > inside:
                written.append((form, [tag]))
        yield list(words.values()), written


# Sentences, and those with a multiword token, counted with awk. Chinese has none: there the two files are the same.
@pytest.mark.parametrize(("language", "sentences", "with_fused"), [("de", 977, 235), ("fi", 1555, 24), ("zh", 500, 0)])
def test_conllu_is_the_tab_separated_file_but_for_multiword_tokens(language, sentences, with_fused, here):
    """`test-xx.from_ud_current.tsv` has the syntactic words (im is in dem); XTREME and the reader have the written ones."""
    treebank = here(f"ud_conllu/{TREEBANKS[language]}-ud-test.conllu")
    split = list(conll(token=0, tag=1)(here(f"udpos/test-{language}.from_ud_current.tsv"), language))
    read = list(conllu(treebank, language))
    raw = list(sentences_of(treebank))
    assert len(read) == len(split) == len(raw) == sentences
    assert sum(len(words) != len(written) for words, written in raw) == with_fused
    for example, line, (words, written) in zip(read, split, raw, strict=True):
        # The file: syntactic words, with a no-break space where a word has a space in it.
        assert [(w.replace("\u00a0", " "), t) for w, t in zip(line.tokens, line.tags, strict=True)] == words
        # The reader: written words without spaces, and of a word of several parts the tag of one of them.
        assert list(example.tokens) == [form.replace(" ", "") for form, _ in written]
        assert all(tag in tags for tag, (_, tags) in zip(example.tags, written, strict=True))
        if len(words) == len(written):
            assert tuple(w.replace("\u00a0", "").replace(" ", "") for w in line.tokens) == example.tokens
            assert line.tags == example.tags


@pytest.mark.parametrize(
    ("language", "sentences", "same_words", "fused"),
    [("fi", 1364, 1364, 18), ("de", 799, 794, 158)],
)
def test_multiword_tokens_are_tagged_as_in_xtremes_own_files(language, sentences, same_words, fused, here):
    """XTREME's `dev-xx.tsv` was made by its converter from UD 2.5. The treebank is of a later release, which revised some
    words and tags; of the words that were fused, the tags are all the same.
    """
    theirs = defaultdict(list)
    for example in conll(token=0, tag=1)(here(f"udpos/dev-{language}.tsv"), language):
        theirs[example.tokens].append(example.tags)
    treebank = here(f"ud_conllu/{TREEBANKS[language]}-ud-dev.conllu")
    count = Counter()
    for example, (_, written) in zip(conllu(treebank, language), sentences_of(treebank), strict=True):
        count["sentences"] += 1
        if example.tokens in theirs:
            count["same words"] += 1
            places = [n for n, (_, tags) in enumerate(written) if len(tags) > 1]
            count["fused"] += len(places)
            ours = [example.tags[n] for n in places]
            count["same tag"] += max(
                sum(a == tags[n] for a, n in zip(ours, places, strict=True)) for tags in theirs[example.tokens]
            )
    assert (count["sentences"], count["same words"]) == (sentences, same_words)
    assert count["fused"] == count["same tag"] == fused


# --- Question answering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", "en es de el ru tr ar vi th zh hi".split())
def test_xquad_has_1190_questions_with_answers_at_their_offsets(language, real, found):
    found("xquad", "test", language)
    examples = list(read("xquad", real, "test", language))
    assert len({e.id for e in examples}) == 1190
    assert all(len(e.answers) == 1 for e in examples)
    assert all(e.context[a.start : a.start + len(a.text)] == a.text != "" for e in examples for a in e.answers)


def test_xquads_questions_are_the_same_in_every_language(real, found):
    ids = []
    for language in ("en", "th", "zh"):
        found("xquad", "test", language)
        ids.append([e.id for e in read("xquad", real, "test", language)])
    assert ids[0] == ids[1] == ids[2]


@pytest.mark.parametrize("language", "en ar bn fi id ko ru sw te".split())
def test_the_answers_of_tydiqas_dev_set_are_seen_to_be_withheld(language, real, found):
    found("tydiqa", "test", language)
    checked = [r for r in check.check(["tydiqa"], data=real) if (r.split, r.language) == ("test", language)]
    rows = ROWS["tydiqa", "test"][language]
    assert [(r.status, r.rows, r.expected) for r in checked] == [("labels withheld", rows, rows)]


@pytest.mark.parametrize(("split", "unanswerable"), [("train", 2540), ("dev", 628)])
def test_squad_v2_has_its_unanswerable_questions(split, unanswerable, real, found):
    found("squad_v2", split, "en")
    assert sum(e.answers == () for e in read("squad_v2", real, split, "en")) == unanswerable


# --- Hashes, labels, sides -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "name", "digest"),
    [
        ("cosmosqa", "valid.csv", "a6a94fc1463ca82bb10f98ef68ed535405e6f5c36e044ff8e136b5c19dea63f3"),
        ("commonsenseqa", "train_rand_split.jsonl", "58ffa3c8472410e24b8c43f423d89c8a003d8284698a6ed7874355dedd09a2fb"),
        ("commonsenseqa", "dev_rand_split.jsonl", "3210497fdaae614ac085d9eb873dd7f4d49b6f965a93adadc803e1229fd8a02a"),
    ],
)
def test_files_are_the_released_ones_and_are_seen_to_be(task, name, digest, real, here):
    path = here(f"{task}/{name}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest == catalog.task(task).hashes[name]
    checked = [r for r in check.check([task], data=real) if "test" not in r.split]
    assert {(r.status, r.detail) for r in checked} == {("whole", "files are the released ones")}


@pytest.mark.parametrize(
    ("task", "split", "counts"),
    [
        ("mnli", "dev", {"entailment": 3479, "neutral": 3123, "contradiction": 3213}),
        ("xnli", "dev", {"entailment": 830, "neutral": 830, "contradiction": 830}),
        ("qqp", "train", {"duplicate": 5000, "not_duplicate": 5000}),
    ],
)
def test_labels_are_distributed_as_published(task, split, counts, real, found):
    """MultiNLI's are the known counts of dev_matched; XNLI has 830 of each; QQP here is the balanced partition."""
    found(task, split, "en")
    assert Counter(e.label for e in read(task, real, split, "en")) == counts


def test_xnlis_rows_are_the_same_pairs_in_every_language(real, found):
    labels = []
    for language in ("en", "sw", "th", "ur"):
        found("xnli", "dev", language)
        labels.append([e.label for e in read("xnli", real, "dev", language)])
    assert labels[0] == labels[1] == labels[2] == labels[3]


def test_no_cell_of_xtremes_files_keeps_its_quoting(real, found):
    for language in ("es", "fr", "ko"):
        found("pawsx", "dev", language)
        texts = [t for e in read("pawsx", real, "dev", language) for t in (e.text, e.text_pair)]
        assert sum('"' in t for t in texts) > 200
        assert not [t for t in texts if t.startswith('"') and t.endswith('"') and '""' in t]


def test_the_pairs_of_bucc_are_sentences_of_both_sides(real, found):
    found("bucc2018", "dev", "zh")
    examples = list(read("bucc2018", real, "dev", "zh"))
    sides = Counter(e.language for e in examples)
    english = {e.id for e in examples if e.language == "en"}
    pairs = [(e.id, m) for e in examples for m in e.matches]
    assert sides == {"zh": 8624, "en": 13_589}
    assert len(pairs) == len(set(pairs)) == 257
    assert {m for _, m in pairs} <= english


@pytest.mark.parametrize(
    ("language", "split", "foreign", "english"),
    [
        ("de", "dev", 3980, 3475),
        ("fr", "dev", 3972, 3475),
        ("ru", "dev", 3966, 3475),
        ("de", "test", 3979, 3474),
        ("fr", "test", 3972, 3474),
        ("ru", "test", 3966, 3474),
    ],
)
def test_a_set_in_buccs_format_is_read_from_the_folder_it_lies_in(language, split, foreign, english, here):
    examples = list(read("bucc2018", here("bucc_substitute"), split, language))
    assert Counter(e.language for e in examples) == {language: foreign, "en": english}
    assert sum(len(e.matches) for e in examples) == 1000


@pytest.mark.parametrize(
    ("language", "split", "rows"),
    [("de", "train", 1741), ("de", "dev", 559), ("it", "train", 685), ("nl", "test", 491), ("en", "eval", 841)],
)
def test_other_files_of_the_parallel_meaning_bank_are_read(language, split, rows, here):
    found = list(pmb(here(f"ccg_pmb/4.0.0/{language}/gold/{split}.conll"), language))
    assert len(found) == rows
    assert not [i for i in found if isinstance(i, BadRow)]


@pytest.mark.parametrize(
    ("split", "categories", "tokens"), [("train", 294, 50_408), ("dev", 193, 7368), ("test", 180, 6821)]
)
def test_the_two_forms_of_the_parallel_meaning_bank_agree(split, categories, tokens, here):
    columns = list(pmb(here(f"ccg_pmb/4.0.0/en/gold/{split}.conll"), "en"))
    lines = list(supertags(here(f"ccg_pmb/ccg_tsv/ccg.{split}.tsv"), "en"))
    assert [e.tags for e in columns] == [e.tags for e in lines]
    assert [tuple(t.replace(" ", "~") for t in e.tokens) for e in columns] == [e.tokens for e in lines]
    assert len({t for e in columns for t in e.tags}) == categories
    assert sum(len(e.tokens) for e in columns) == tokens
