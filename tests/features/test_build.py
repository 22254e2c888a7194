"""Features: the same sequences as the tokenizers' own, windows that miss nothing, and labels where they belong."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity import catalog
from diversity.data import sources
from diversity.features import subwords as tokens
from diversity.features.build import IGNORE, FeatureSettings, build, label_set
from diversity.types import Answer, Classification, InputError, MultipleChoice, Rows, Span, Tagging, Text

specification = importlib.util.spec_from_file_location("subwords", Path(__file__).parents[1] / "subwords.py")
subwords = importlib.util.module_from_spec(specification)
specification.loader.exec_module(subwords)
every_tokenizer = pytest.mark.parametrize("name", subwords.NAMES)
TEXT = subwords.TEXT


def unpadded(encoding):
    """Ids, types and overflowing windows of a transformers tokenizer, without the padding that its file may ask for."""
    return [
        [i for i, m in zip(ids, mask, strict=True) if m]
        for ids, mask in zip(encoding["input_ids"], encoding["attention_mask"], strict=True)
    ]


def sequences(found):
    return [found.ids[a:b].tolist() for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]


def pieces(found, name):
    """The subwords of each sequence, as the tokenizer writes them."""
    return [subwords.tokenizer(name).convert_ids_to_tokens(s) for s in sequences(found)]


def pairs():
    rng = np.random.default_rng(0)
    texts = TEXT + [" ".join(rng.choice(" ".join(TEXT).split(), n)) for n in (1, 3, 9, 27, 60)]
    return [(a, b) for a in texts for b in texts]


# --- Classification ----------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("length", [12, 31, 256])
def test_pairs_are_those_of_the_tokenizer_cut_from_the_longer_text(name: str, length: int) -> None:
    tokenizer = subwords.tokenizer(name)
    rows = [Classification(str(i), "en", a, b, None) for i, (a, b) in enumerate(pairs())]
    found = build(rows, tokenizer, FeatureSettings(kind="classification", labels=["no", "yes"], max_length=length))
    ours, both = sequences(found), ([r.text for r in rows], [r.text_pair for r in rows])
    assert ours == unpadded(tokenizer(*both, truncation="longest_first", max_length=length))
    assert max(map(len, ours)) <= length
    types = tokenizer(
        [rows[1].text], [rows[1].text_pair], truncation=True, max_length=length, return_token_type_ids=True
    )
    expected = types["token_type_ids"][0][: found.lengths[1]] if name == "wordpiece" else [0] * found.lengths[1]
    assert found.types[found.starts[1] : found.starts[2]].tolist() == expected
    assert (found.labels == IGNORE).all()


@every_tokenizer
def test_single_texts_and_pairs_may_stand_in_one_task(name: str) -> None:
    tokenizer = subwords.tokenizer(name)
    rows = [
        Classification("a", "en", TEXT[0], None, "yes"),
        Classification("b", "en", TEXT[1], TEXT[2], "no"),
        Classification("c", "en", TEXT[3], None, None),
        Classification("d", "en", TEXT[4], "", "yes"),
    ]
    found = build(rows, tokenizer, FeatureSettings(kind="classification", labels=["no", "yes"], max_length=20))
    alone = unpadded(tokenizer([TEXT[0], TEXT[3]], truncation=True, max_length=20))
    both = unpadded(tokenizer([TEXT[1], TEXT[4]], [TEXT[2], ""], truncation=True, max_length=20))
    assert sequences(found) == [alone[0], both[0], alone[1], both[1]]
    assert found.labels.tolist() == [1, 0, IGNORE, 1]


def test_the_settings_of_a_tokenizer_are_not_used_and_not_changed() -> None:
    tokenizer = subwords.wordpiece()
    before = tokenizer.backend_tokenizer.to_str()
    assert tokenizer.backend_tokenizer.padding is not None, "this test is for a file that asks for padding"
    found = build([Text("1", "en", "word " * 200)], tokenizer, FeatureSettings(kind="mlm", max_length=500))
    assert found.lengths.tolist() == [202]
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_label_outside_of_the_set_names_the_row_and_near_matches() -> None:
    rows = [Classification("r7", "en", "a", "b", "entailement")]
    with pytest.raises(InputError, match=r"row r7: unknown label 'entailement': did you mean entailment\?"):
        build(
            rows,
            subwords.tokenizer("bytes"),
            FeatureSettings(kind="classification", labels=["entailment", "neutral"], max_length=9),
        )
    found = build(
        rows,
        subwords.tokenizer("bytes"),
        FeatureSettings(kind="classification", labels=["x"], max_length=9, unseen="ignore"),
    )
    assert found.labels.tolist() == [IGNORE]


def test_a_lone_surrogate_is_one_unknown_character() -> None:
    rows = [Span("1", "en", "who\ud800?", "ab \udc00 Nora Vale", (Answer("Nora", 5),))]
    found = build(rows, subwords.tokenizer("bytes"), FeatureSettings(kind="span", max_length=64))
    first, last = found.labels[0]
    assert found.align[first, 0] in (4, 5)
    assert found.align[last, 1] == 9


# --- Multiple choice ---------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("length", [40, 64, 256])
def test_choices_keep_whole_and_the_context_is_cut(name: str, length: int) -> None:
    tokenizer = subwords.tokenizer(name)
    context, question, choices = " ".join(TEXT[:3]), "Who?", ("Nora", "Marta Hale", "no one")
    rows = [
        MultipleChoice("1", "en", context, question, choices, 1),
        MultipleChoice("2", "en", "", question, choices[:2], None),
    ]
    found = build(rows, tokenizer, FeatureSettings(kind="multiple_choice", max_length=length))
    expected = [([context], [f"{question} {c}"]) for c in choices] + [([question], [c]) for c in choices[:2]]
    theirs = [unpadded(tokenizer(a, b, truncation="only_first", max_length=length))[0] for a, b in expected]
    assert sequences(found) == theirs
    assert found.groups.tolist() == [0, 3, 5]
    assert found.labels.tolist() == [1, IGNORE]
    assert found.example.tolist() == [0, 1]


def test_what_choices_share_is_cut_before_them() -> None:
    long = "and so on " * 20
    row = MultipleChoice("1", "en", "Context.", long, ("yes", "never"), 0)
    found = pieces(
        build([row], subwords.tokenizer("wordpiece"), FeatureSettings(kind="multiple_choice", max_length=12)),
        "wordpiece",
    )
    assert [s[-2] for s in found] == ["yes", "never"]
    assert [s[1] for s in found] == ["[SEP]", "[SEP]"], "nothing of the context is left"
    assert [len(s) for s in found] == [12, 12]


def test_a_right_choice_that_is_not_there_is_an_error() -> None:
    row = MultipleChoice("1", "en", "c", "q", ("a", "b"), 2)
    with pytest.raises(InputError, match="row 1: expected a right choice among 2, found 2"):
        build([row], subwords.tokenizer("bytes"), FeatureSettings(kind="multiple_choice", max_length=9))


# --- Spans -------------------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize(("length", "doc_stride"), [(40, 10), (48, 7), (64, 1000), (200, 128)])
def test_windows_are_those_of_the_tokenizer(name: str, length: int, doc_stride: int) -> None:
    tokenizer = subwords.tokenizer(name)
    question, context = "Who is it?", " ".join(TEXT)
    found = build(
        [Span("1", "en", question, context, ())],
        tokenizer,
        FeatureSettings(kind="span", max_length=length, doc_stride=doc_stride),
    )
    specials = tokenizer.num_special_tokens_to_add(pair=True)
    room = length - specials - len(tokenizer(question, add_special_tokens=False, padding=False)["input_ids"])
    theirs = tokenizer(
        [question],
        [context],
        truncation="only_second",
        max_length=length,
        stride=room - min(doc_stride, room),  # there it is the overlap
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert sequences(found) == unpadded(theirs)
    for u, offsets in enumerate(theirs["offset_mapping"]):
        own = found.align[found.starts[u] : found.starts[u + 1]].tolist()
        owners = theirs.sequence_ids(u)
        for ours, (a, b), owner in zip(own, offsets, owners, strict=False):
            assert owner != 1 or ours[1] == b
            assert ours == [-1, -1] if owner != 1 else context[ours[0] : ours[1]].strip() == context[a:b].strip()


@every_tokenizer
def test_an_answer_is_labelled_in_every_window_that_has_all_of_it(name: str) -> None:
    context = " ".join(TEXT)
    answers = ["Nora Vale", "12 November", "φάρος", "1874 में", "สูง 41", "蜡烛", "미터", "Marta", "41미터이다."]
    rows = [Span(a, "en", "Who?", context, (Answer(a, context.index(a)), Answer("M", 0))) for a in answers]
    found = build(rows, subwords.tokenizer(name), FeatureSettings(kind="span", max_length=60, doc_stride=20))
    whole = build(rows, subwords.tokenizer(name), FeatureSettings(kind="span", max_length=4000))

    def covering(features, u):
        gold = rows[features.example[u]].answers[0]
        align = features.align[features.starts[u] : features.starts[u + 1]].tolist()
        return [i for i, (a, b) in enumerate(align) if a < gold.start + len(gold.text) and b > gold.start and b > a]

    assert len(whole) == len(rows)
    for u in range(len(found)):
        tokens, expected = covering(found, u), covering(whole, found.example[u])
        assert found.labels[u].tolist() == ([tokens[0], tokens[-1]] if len(tokens) == len(expected) else [0, 0])
    assert {int(e) for e in found.example[found.labels[:, 1] > 0]} == set(range(len(rows)))


def test_no_answer_and_withheld_answers() -> None:
    rows = [
        Span("1", "en", "Who?", TEXT[0], ()),
        Span("2", "en", "Who?", TEXT[0], None),
        Span("3", "en", "Who?", "a \u200b b", (Answer("\u200b", 2),)),  # BERT takes it away: no token can be pointed at
    ]
    found = build(rows, subwords.tokenizer("wordpiece"), FeatureSettings(kind="span", max_length=64))
    assert found.labels.tolist() == [[0, 0], [IGNORE, IGNORE], [IGNORE, IGNORE]]


def test_a_long_question_is_cut() -> None:
    rows = [Span("1", "en", "why " * 300, TEXT[0], ())]
    found = build(rows, subwords.tokenizer("wordpiece"), FeatureSettings(kind="span", max_length=384))
    assert pieces(found, "wordpiece")[0][:66].count("why") == 64
    short = build(rows, subwords.tokenizer("wordpiece"), FeatureSettings(kind="span", max_length=23))
    assert short.lengths.max() == 23
    assert pieces(short, "wordpiece")[0].count("why") == 10, "half of what is left beside the special tokens"


# --- Tagging -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wordpiece", "metaspace"])
def test_words_become_the_sub_words_that_the_tokenizer_makes_of_each(name: str) -> None:
    tokenizer = subwords.tokenizer(name)
    rows = [Tagging(str(i), "en", tuple(t.split()), None) for i, t in enumerate(TEXT)]
    found = build(rows, tokenizer, FeatureSettings(kind="tagging", max_length=256))
    theirs = tokenizer([list(r.tokens) for r in rows], is_split_into_words=True, padding=False, truncation=False)
    assert sequences(found) == theirs["input_ids"]
    for u in range(len(rows)):
        own = found.align[found.starts[u] : found.starts[u + 1]].tolist()
        assert [w for w in own if w >= 0] == list(range(len(rows[u].tokens)))
        for place, word in enumerate(own):
            if word >= 0:
                assert theirs.word_ids(u)[place] == word
                before = theirs.tokens(u)[place - 1]
                assert theirs.word_ids(u)[place - 1] != word or before == "▁", "the first one that covers a character"


@every_tokenizer
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_word_is_predicted_once_with_its_tag(name: str, data: st.DataObject) -> None:
    vocabulary = [*" ".join(TEXT).split(), "\u200b", "\x00", "\u00ad", "New York", "a\u0301", "\ufeff", " ", "", "□"]
    sentence = st.lists(st.sampled_from(vocabulary), min_size=1, max_size=70)
    sentences = data.draw(st.lists(sentence, min_size=1, max_size=5))
    tags = [tuple(data.draw(st.sampled_from("ABC")) for _ in s) for s in sentences]
    length = data.draw(st.integers(3, 40))
    rows = [Tagging(str(i), "en", tuple(s), t) for i, (s, t) in enumerate(zip(sentences, tags, strict=True))]
    found = build(rows, subwords.tokenizer(name), FeatureSettings(kind="tagging", labels="ABC", max_length=length))
    assert found.lengths.max() <= length
    seen = {}
    for u in range(len(found)):
        for place in range(found.starts[u], found.starts[u + 1]):
            if (word := found.align[place]) >= 0:
                assert (found.example[u], word) not in seen
                seen[found.example[u], word] = "ABC"[found.labels[place]]
            else:
                assert found.labels[place] == IGNORE
    assert seen == {(i, j): tag for i, t in enumerate(tags) for j, tag in enumerate(t)}


def test_windows_give_context_on_both_sides() -> None:
    words = ("light", "tower", "house") * 200
    found = build(
        [Tagging("1", "en", words, None)],
        subwords.tokenizer("wordpiece"),
        FeatureSettings(kind="tagging", max_length=66),
    )
    assert len(found) == 1 + -(-(600 - 64) // 32)
    for u in range(len(found)):
        predicting = np.flatnonzero(found.align[found.starts[u] : found.starts[u + 1]] >= 0) - 1
        assert u == 0 or predicting.min() >= 16
        assert u == len(found) - 1 or predicting.max() < 64 - 16


@pytest.mark.parametrize("word", ["\u200b", "\x00", "\u00ad", "\u200d\u200c", ""])
def test_a_word_that_becomes_nothing_is_given_the_unknown_token(word: str) -> None:
    tokenizer = subwords.tokenizer("wordpiece")
    rows = [Tagging("1", "en", (word, "tower", word, word, "light"), tuple("ABCAB"))] * 2
    found = build(rows, tokenizer, FeatureSettings(kind="tagging", labels="ABC", max_length=16))
    expected = ["[CLS]", "[UNK]", "tower", "[UNK]", "[UNK]", "light", "[SEP]"]
    assert pieces(found, "wordpiece") == [expected] * 2
    assert found.labels.tolist() == [IGNORE, 0, 1, 2, 0, 1, IGNORE] * 2


def test_an_unknown_tag_names_row_and_word_and_open_sets_are_learnt() -> None:
    train = [Tagging("1", "en", ("the", "cat"), ("NP/N", "N"))]
    dev = [Tagging("9", "en", ("the", "cat", "sat"), ("NP/N", "N", "S\\NP"))]
    labels = label_set(train)
    assert labels == ("N", "NP/N")
    tokenizer = subwords.tokenizer("wordpiece")
    with pytest.raises(InputError, match=r"row 9, word 3 \('sat'\): unknown label 'S\\\\NP'"):
        build(dev, tokenizer, FeatureSettings(kind="tagging", labels=labels, max_length=16))
    found = build(dev, tokenizer, FeatureSettings(kind="tagging", labels=labels, max_length=16, unseen="ignore"))
    assert found.labels.tolist() == [IGNORE, 1, 0, IGNORE, IGNORE]
    assert found.align.tolist() == [-1, 0, 1, 2, -1], "it is predicted all the same"


# --- Masked language modelling, and the whole --------------------------------------------------------


@every_tokenizer
def test_texts_are_cut_without_overlap_and_empty_ones_left_out(name: str) -> None:
    rows = [Text("1", "en", TEXT[0]), Text("2", "en", " " if name == "wordpiece" else ""), Text("3", "en", TEXT[1])]
    found = build(rows, subwords.tokenizer(name), FeatureSettings(kind="mlm", max_length=10))
    whole = tokens.pool(tokens.adapter(subwords.tokenizer(name)), [TEXT[0], TEXT[1]])
    assert [i for s in sequences(found) for i in s[1:-1]] == whole.ids.tolist()
    assert sorted(set(found.example.tolist())) == [0, 2]
    assert found.lengths.max() == 10
    assert (found.labels == IGNORE).all()
    assert len(found.labels) == len(found)


def test_blocks_join_to_what_one_block_gives(monkeypatch, samples) -> None:
    from diversity.features import build as features

    tokenizer = tokens.adapter(subwords.tokenizer("wordpiece"))
    for name, split, options in [
        ("mnli", "train", {}),
        ("commonsenseqa", "train", {}),
        ("squad_v2", "train", {"max_length": 40, "doc_stride": 9}),
        ("udpos", "train", {"max_length": 10}),
    ]:
        task = catalog.task(name)
        rows = list(sources.rows(task, Rows.of(samples, split=split)))
        given = {"kind": task.kind, "labels": task.labels, "max_length": 64, **options}
        whole = build(rows, tokenizer, FeatureSettings(**given))
        monkeypatch.setattr(features, "BLOCK", 7)
        parts = build(rows, tokenizer, FeatureSettings(**given))
        monkeypatch.undo()
        for field in ("ids", "types", "starts", "groups", "example", "labels", "align"):
            a, b = getattr(whole, field), getattr(parts, field)
            assert (a is None and b is None) or (np.array_equal(a, b) and a.dtype == b.dtype), (name, field)
        assert whole.example[-1] == len(rows) - 1


def test_what_cannot_be_built_is_an_input_error() -> None:
    fast = subwords.tokenizer("wordpiece")
    row = Text("1", "en", "a")
    for message, rows, tokenizer, options in [
        ("expected rows to tokenise, found none", [], fast, {"kind": "mlm"}),
        ("expected a kind among classification, .*, found 'retrieval'", [row], fast, {"kind": "retrieval"}),
        ("expected Span rows for span, found Text", [row], fast, {"kind": "span"}),
        ("maximum length of at least 3 tokens, found 2", [row], fast, {"kind": "mlm", "max_length": 2}),
        ("expected a fast tokenizer .* found builtins.object", [row], object(), {"kind": "mlm"}),
        ("stride and a question of at least 1", [row], fast, {"kind": "mlm", "doc_stride": 0}),
    ]:
        with pytest.raises(InputError, match=message):
            build(rows, tokenizer, FeatureSettings(**{"max_length": 8, **options}))
    with pytest.raises(InputError, match="row 1: expected words, found none"):
        build([Tagging("1", "en", (), ())], fast, FeatureSettings(kind="tagging", max_length=8))
    with pytest.raises(InputError, match="row 1: expected a tag for each of 1 words, found 2"):
        build([Tagging("1", "en", ("a",), ("X", "X"))], fast, FeatureSettings(kind="tagging", labels="X", max_length=8))


def test_a_tokenizer_that_starts_with_a_text_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<sep>": 2, "<cls>": 3}, unk_token="a"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    row = Text("1", "en", "a")
    for single, pair in [("$A", "$A $B"), ("$A <sep> <cls>", "$A <sep> $B <sep> <cls>")]:  # GPT-2, XLNet
        plain.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=[("<sep>", 2), ("<cls>", 3)]
        )
        with pytest.raises(InputError, match=r"starts with a special token such as \[CLS\], found 'a'"):
            build(
                [row],
                PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="a"),
                FeatureSettings(kind="mlm", max_length=8),
            )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9), st.integers(1, 12), st.integers(1, 12))
def test_windows_cover_each_token_and_begin_step_apart(lengths: list[int], room: int, step: int) -> None:
    step = min(step, room)
    text, begin, length = tokens.windows(np.array(lengths), room, step)
    for i, n in enumerate(lengths):
        own = [(b, b + k) for b, k in zip(begin[text == i], length[text == i], strict=True)]
        assert {t for a, b in own for t in range(a, b)} == set(range(n))
        assert [a for a, _ in own] == [k * step for k in range(len(own))]
        assert all(b - a == room for a, b in own[:-1])
        assert len(own) == 1 or own[-2][1] < n, "no window that adds nothing"
