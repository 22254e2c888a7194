"""The making of the encoder: what is let into the corpus, the vocabulary, the student's start, and runs that are cut off."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from analyses.mini import corpus, evaluate, student, teacher, tokenizer, train

# "All human beings are born free and equal in dignity and rights." (Universal Declaration of Human Rights)
SENTENCES = dict(
    af="Alle menslike wesens word vry, met gelyke waardigheid en regte, gebore.",
    ar="يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    bg="Всички хора се раждат свободни и равни по достойнство и права.",
    bn="সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    de="Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    el="Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    en="All human beings are born free and equal in dignity and rights.",
    es="Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    et="Kõik inimesed sünnivad vabadena ja võrdsetena oma väärikuselt ja õigustelt.",
    eu="Gizon-emakume guztiak aske jaiotzen dira, duintasun eta eskubide berberak dituztela.",
    fa="تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند.",
    fi="Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
    fr="Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    he="כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    hi="सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    hu="Minden emberi lény szabadon születik és egyenlő méltósága és joga van.",
    id="Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama.",
    it="Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.",
    ja="すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。",
    jv="Saben uwong kalairake kanthi mardika lan darbe martabat lan hak-hak kang padha.",
    ka="ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.",
    kk="Барлық адамдар тумысынан азат және қадір-қасиеті мен құқықтары тең болып дүниеге келеді.",
    ko="모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    ml="മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി ജനിച്ചിട്ടുള്ളവരാണ്.",
    mr="सर्व मानवी व्यक्ति जन्मतःच स्वतंत्र आहेत व त्यांना समान प्रतिष्ठा व समान अधिकार आहेत.",
    ms="Semua manusia dilahirkan bebas dan samarata dari segi kemuliaan dan hak-hak.",
    my="လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့်လည်းကောင်း၊ မွေးဖွားလာသူများဖြစ်သည်။",
    nl="Alle mensen worden vrij en gelijk in waardigheid en rechten geboren.",
    pt="Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
    ru="Все люди рождаются свободными и равными в своем достоинстве и правах.",
    sw="Watu wote wamezaliwa huru, hadhi na haki zao ni sawa.",
    ta="மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    te="ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    th="มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    tl="Ang lahat ng tao'y isinilang na malaya at pantay-pantay sa karangalan at mga karapatan.",
    tr="Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    ur="تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔",
    vi="Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.",
    yo="Gbogbo ènìyàn ni a bí ní òmìnira; iyì àti ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba.",
    zh="人人生而自由，在尊严和权利上一律平等。",
)  # fmt: skip


# --- The corpus --------------------------------------------------------------------------------------


def test_an_evaluation_sentence_is_kept_out_however_it_is_written():
    """Case, punctuation, tokenisation, compatibility forms, and one sentence of a longer text are all seen through."""
    check = corpus.Filter(corpus.evaluation_keys(["Der Zug fährt um neun. Wir kommen ganz bestimmt zu spät!"]))
    assert not check.allows("Train?", "wir kommen  GANZ bestimmt zu spät")
    assert not check.allows("Wir kommen ganz bestimmt zu spät . Das ist eine andere Geschichte .")
    assert not check.allows("Ｗｉｒ kommen ganz bestimmt zu spät")
    assert check.allows("Wir kommen ganz bestimmt nicht zu spät.")
    assert check.allows("Der Zug fährt um neun.")  # too short to say where it is from
    assert check.dropped == {"evaluation": 3}


def test_vowel_signs_tell_sentences_apart():
    assert corpus.normal("कि") != corpus.normal("की")


@pytest.fixture
def released(write, tmp_path):
    """A folder of text and one of evaluation data, in the layouts of the releases."""
    text = {
        "parallel/one/en-de.tsv": "Good morning to you.\tGuten Morgen.\nThe dog sleeps.\tDer Hund schläft.\n"
        "The dog sleeps!\tDer Hund schläft\n",
        "parallel/two/en-yo.tsv": "Not for sale.\tKò sí.\n",
        "mono/en/three.txt": "A whole new sentence.\nThe dog sleeps.\n",
        "mono/de/four.txt": "Das Haus ist rot\nEin ganz anderes Haus steht dort .\n",
    }
    licences = dict.fromkeys(text, "CC0") | {"parallel/two/en-yo.tsv": "non-commercial use only"}
    for name, content in text.items():
        write(f"text/{name}", content)
    write("text/MANIFEST.csv", "file,licence\n" + "".join(f"{n},{x}\n" for n, x in licences.items()))
    write("data/panx/dev-de.tsv", "Das\tO\nHaus\tO\nist\tO\nrot\tO\n\n")
    write("data/panx/train-en.tsv", "A\tO\nwhole\tO\nnew\tO\nsentence\tO\n\n")
    write(
        "data/xquad/xquad.en.json",
        json.dumps({"data": [{"context": "x", "qas": [{"question": "Good morning to you?"}]}]}),
    )
    return tmp_path


def test_the_corpus_is_free_unique_and_without_evaluation_text(released):
    counts = corpus.prepare(released / "text", released / "data", released / "out")
    import pandas as pd

    tables = {name: pd.read_parquet(released / "out" / f"{name}.parquet") for name in ("english", "pairs", "mono")}
    assert tables["pairs"].values.tolist() == [["de", "one", 0, "Der Hund schläft."]]
    assert tables["english"]["text"].tolist() == ["The dog sleeps.", "A whole new sentence."]
    assert tables["mono"]["text"].tolist() == [
        "Ein ganz anderes Haus steht dort .",
        "A whole new sentence.",
        "The dog sleeps.",
    ]
    assert counts["dropped: evaluation"] == 2


# --- The vocabulary ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vocabulary():
    """A vocabulary of the forty sentences."""
    parts = {language: tokenizer.pieces([text] * 2, 120) for language, text in SENTENCES.items()}
    return tokenizer.assemble(tokenizer.mixture(parts, dict.fromkeys(parts, 1.0), 6000))


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_tokens_keep_every_letter_and_point_back_to_it(vocabulary, language):
    text = SENTENCES[language]
    encoded = vocabulary.encode(text)
    assert "[UNK]" not in encoded.tokens
    assert corpus.normal("".join(encoded.tokens[1:-1])) == corpus.normal(vocabulary.normalizer.normalize_str(text))
    spans = [span for span in encoded.offsets[1:-1] if span[0] < span[1]]
    assert spans == sorted(spans)
    covered = {i for start, end in spans for i in range(start, end)}
    assert not corpus.normal("".join(c for i, c in enumerate(text) if i not in covered and c not in "ًَُِّ"))


def test_vowel_signs_stay_pointing_goes_and_case_is_folded(vocabulary):
    normal = vocabulary.normalizer.normalize_str
    assert normal("हिन्दी ไทย မြန်မာ తెలుగు") == "हिन्दी ไทย မြန်မာ తెలుగు"
    assert normal("كِتَابٌ שָׁלוֹם") == "كتاب שלום"
    assert normal("İstanbul’da ÉTÉ") == "istanbul'da été"


def test_pairs_have_the_layout_of_bert(vocabulary):
    encoded = vocabulary.encode("All human", "beings")
    assert encoded.type_ids == sorted(encoded.type_ids)
    assert encoded.tokens[0] == "[CLS]"
    assert encoded.tokens[-1] == "[SEP]"
    assert encoded.type_ids[-1] == 1
    assert [vocabulary.token_to_id(t) for t in tokenizer.SPECIAL] == list(range(5))


def test_a_frequent_word_is_an_entry_though_no_other_contains_it():
    assert "▁kiosk" in tokenizer.pieces(["der alte kiosk am see"] * 20 + ["ein see im park"] * 5, 40)


# --- The start ---------------------------------------------------------------------------------------


def test_overlaps_of_two_segmentations():
    assert list(teacher.overlaps([(0, 2), (2, 6), (7, 8)], [(0, 4), (4, 6), (7, 8)])) == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 2),
    ]


def test_model_one_finds_the_translations_of_a_toy_text():
    """das Haus, das Buch, ein Buch: each word's partner is what always comes with it (the textbook's example)."""
    foreign = [np.array(x) for x in ([0, 1], [0, 2], [3, 2])] * 3
    english = [np.array(x) for x in ([0, 1], [0, 2], [3, 2])] * 3
    links = teacher.aligned(foreign, english)
    counts = teacher.aligned_counts(*links, (4, 4)).toarray()
    assert [place.tolist() for place, _ in teacher.partners(foreign, english, links[2])][:3] == [[0, 1]] * 3
    assert counts.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert (np.diag(counts) / counts.sum(axis=1) > 0.8).all()


def test_one_round_of_model_one_by_hand():
    """a b | x y and a | x: after one round x has 1/2 + 1 of a's 2 links' mass; so a gives x 3/4, and b gives it 1/2."""
    given, made, token = np.array([0, 1, 0, 1, 0]), np.array([0, 0, 1, 1, 0]), np.array([0, 0, 1, 1, 2])
    found = teacher.posterior(given, made, token, rounds=2)
    np.testing.assert_allclose(found, [3 / 5, 2 / 5, 1 / 3, 2 / 3, 1])


def tiny_teacher(entries=50, width=24):
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=entries,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return model


def test_english_tokens_are_partners_where_they_share_letters(vocabulary):
    mine, theirs = (vocabulary.encode(text, add_special_tokens=False) for text in ("born free", "free"))
    _, place, known = teacher.covered(mine, mine)
    assert [mine.offsets[p][0] for p in place] == [start for start, _ in mine.offsets]
    assert known.all()
    links, _, known = teacher.covered(mine, theirs)
    assert sum(weight for *_, weight in links) == pytest.approx(known.sum())


def test_token_loss_of_random_states_is_about_one_and_of_the_goals_nothing():
    import torch

    torch.manual_seed(0)
    goals, weights = torch.randn(500, 16) * 3 + 7, torch.rand(500)
    assert float(train.token_loss(goals, goals, weights)) == 0
    assert float(train.token_loss(goals.mean(0).expand(500, 16), goals, weights)) == pytest.approx(1, abs=0.1)


def test_the_student_is_the_teacher_where_the_rank_suffices():
    import torch

    model = tiny_teacher()
    few = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)) - np.eye(24))[0][:, :11]
    few = torch.from_numpy(few - few.mean(axis=0)).float()
    few = torch.linalg.qr(few)[0]
    with torch.no_grad():
        for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
            weight = getattr(model.embeddings, table).weight
            weight.copy_(weight @ few @ few.T)
    places = model.embeddings.word_embeddings.weight.detach().numpy()
    same = student.start(model, places, np.ones(50), rank=12).electra.eval()
    ids, mask = torch.randint(5, 50, (3, 9)), torch.ones(3, 9).long()
    types = torch.tensor([[0] * 4 + [1] * 5] * 3)
    mask[1, 6:] = 0
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    with torch.no_grad():
        theirs, mine = model(**given).last_hidden_state, same(**given).last_hidden_state
    torch.testing.assert_close(mine[mask == 1], theirs[mask == 1], atol=1e-4, rtol=1e-4)


def test_a_gap_is_filled_near_its_own_script():
    places = np.array([[1.0, 0], [1, 0.1], [0, 1], [np.nan, np.nan]], dtype=np.float32)
    found = student.filled(places, ["▁a", "b", "ж", "▁c"], np.random.default_rng(0))
    assert np.linalg.norm(found[3] - [1, 0.05]) == pytest.approx(0.5, abs=0.05)


# --- Training ----------------------------------------------------------------------------------------


@pytest.fixture
def text():
    """Sentences of three languages as tokens."""
    rng = np.random.default_rng(1)

    def ragged(n, languages, english):
        lengths = rng.integers(3, 12, size=n)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        ids = rng.integers(5, 50, size=starts[-1])
        links = [rng.integers(top, size=len(ids)).astype(np.uint8) for top in (3, 256)]
        return train.Ragged(ids.astype(np.uint16), starts, languages, english, *links)

    return {
        "english": ragged(40, np.zeros(40, int), np.arange(40)),
        "pairs": ragged(90, np.repeat([1, 2], [80, 10]), rng.integers(40, size=90)),
        "mono": ragged(60, np.repeat([0, 1, 2], 20), np.full(60, -1)),
    }


def a_run(folder, settings):
    import torch

    torch.manual_seed(0)
    return train.Run(folder, student.configured(tiny_teacher(), 50, 12), settings)


SETTINGS = train.Settings(route="both", tokens=96, bank=8, warmup=3, bf16=False)
TEACHER = train.Teacher(
    np.random.default_rng(2).normal(size=(40, 24)).astype(np.float16),
    np.random.default_rng(3).normal(size=(120, 24)).astype(np.float16),
    np.arange(0, 120, 3),
)


def test_a_run_that_was_cut_off_ends_with_the_same_bits(tmp_path, text):
    import torch

    whole = a_run(tmp_path / "whole", SETTINGS)
    train.train(whole, text, TEACHER, steps=12)
    train.train(a_run(tmp_path / "cut", SETTINGS), text, TEACHER, steps=5)
    rest = a_run(tmp_path / "cut", SETTINGS)
    assert rest.load()
    progress = train.train(rest, text, TEACHER, steps=12)
    assert progress.step == 12
    assert replace(progress, cpu=0, losses={}) == replace(whole.progress, cpu=0, losses={})
    for name in whole.weights:
        assert torch.equal(whole.weights[name], rest.weights[name])
        assert torch.equal(whole.mean[name], rest.mean[name])


def test_training_brings_the_student_to_the_teacher(tmp_path, text):
    run = a_run(tmp_path, replace(SETTINGS, route="distil", warmup=1))
    batch = train.pool(text, run.settings, 0)[0]
    losses = [run.step(batch, TEACHER) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_language_is_drawn_by_the_power_of_its_size(text):
    rows = train.drawn(text["pairs"], 20_000, 0.5, np.random.default_rng(0))
    share = (text["pairs"].language[rows] == 2).mean()
    assert share == pytest.approx(10**0.5 / (10**0.5 + 80**0.5), abs=0.02)


def test_hidden_tokens_are_fifteen_in_a_hundred_and_never_special():
    ids = np.tile([[2, *range(5, 45), 3, 0, 0]], (200, 1))
    batch = train.hidden(ids, np.zeros_like(ids), SETTINGS, np.random.default_rng(0))
    chosen = batch.labels != 0
    assert chosen[ids >= 5].mean() == pytest.approx(0.15, abs=0.01)
    assert not chosen[ids < 5].any()
    assert (batch.ids[chosen] == train.MASK).mean() == pytest.approx(0.8, abs=0.03)
    assert (batch.ids[~chosen] == ids[~chosen]).all()


def test_similarities_as_the_teachers_cost_nothing():
    import torch

    vectors = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    bank = torch.nn.functional.normalize(torch.randn(7, 8), dim=1)
    assert float(train.distillation(vectors, vectors, bank, SETTINGS)) == pytest.approx(0, abs=1e-5)
    assert float(train.distillation(vectors.flip(0), vectors, bank, SETTINGS)) > 1


# --- What comes out ----------------------------------------------------------------------------------


def test_nearest_neighbours_counted_by_hand():
    queries = np.eye(4)[[0, 1, 2, 2]]
    assert evaluate.nearest_accuracy(queries, np.eye(4)) == 75.0


def test_the_export_loads_as_any_model(tmp_path, text, vocabulary):
    from transformers import AutoModel

    from diversity.encoders.sentence import load_encoder

    run = train.Run(tmp_path / "run", student.configured(tiny_teacher(), vocabulary.get_vocab_size(), 12), SETTINGS)
    run.model.config.save_pretrained(run.folder)
    run.save()
    tokenizer.save(vocabulary, tmp_path / "tokenizer", longest=40)
    folder = evaluate.export(run.folder, tmp_path / "tokenizer", tmp_path / "export", longest=40)
    assert type(AutoModel.from_pretrained(folder)).__name__ == "ElectraModel"
    encoder = load_encoder(str(folder))
    vectors = encoder.encode([SENTENCES["te"], SENTENCES["th"]])
    assert vectors.shape == (2, 24)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
