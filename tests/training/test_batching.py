"""Packed batches give what padded ones give, for each architecture and each kind of head; heads beside transformers'."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity.encoders.pretrained import PACKED, attending, first_position
from diversity.features.build import IGNORE
from diversity.training import batching, heads
from diversity.training.batching import Masking, deal, fit, instance_tokens, masked, micro_batches, rows, take, weights
from diversity.training.heads import Output, logits, network
from diversity.types import InputError

KINDS = ("classification", "multiple_choice", "span", "tagging", "mlm")
MASKING = Masking(mask=4, special=(0, 1, 2, 3), vocabulary=120)


@pytest.fixture(scope="module")
def step(small):
    """A step with all kinds of tasks in it."""
    rng = np.random.default_rng(0)
    made = {kind: small.features(kind, 7, rng) for kind in KINDS}
    made["mlm"] = masked(made["mlm"], MASKING, rng)
    return made


def outputs():
    return {kind: Output(kind, 3 if kind in ("classification", "tagging") else 0) for kind in KINDS}


def losses(net, step, *, packed, tokens=10_000, first=0, pad=0, backward=False):
    """The weighted loss of each task, summed over micro_batches, and every pass's logits in the order of the units."""
    found, scale = dict.fromkeys(step, 0.0), weights(step)
    for drawn in micro_batches(step, tokens, packed=packed):
        made = rows(step, drawn, packed=packed, pad=pad, first_position=first)
        terms = []
        for part, scores in zip(made.parts, logits(net, made), strict=True):
            terms.append(heads.loss(part, scores) * scale[part.task])
            found[part.task] += terms[-1].detach().item()
        if backward:
            sum(terms).backward()
    return found


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("architecture", PACKED)
def test_packed_outputs_are_padded_ones(architecture, attention, loaded, step) -> None:
    encoder = loaded(architecture)
    assert encoder.packs
    net = network(encoder, outputs(), seed=0).eval()
    first = first_position(encoder.encoder)
    assert first == (2 if "roberta" in architecture or architecture == "camembert" else 0)
    for kind in KINDS:
        drawn = [(kind, np.arange(7))]
        one = rows(step, drawn, packed=False, pad=encoder.tokenizer.pad_token_id)
        two = rows(step, drawn, packed=True, pad=encoder.tokenizer.pad_token_id, first_position=first)
        assert len(two.ids) < len(one.ids), "nothing was packed"
        with torch.no_grad(), attending(net["encoder"], attention):
            assert net["encoder"].config._attn_implementation == attention
            padded, packed = logits(net, one)[0], logits(net, two)[0]
        assert padded.shape == packed.shape
        assert padded.std() > 0.01
        assert (padded - packed).abs().max() < 1e-6 * max(1.0, float(padded.abs().max()))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("architecture", PACKED)
def test_a_given_dropout_takes_the_place_of_all_of_the_model(architecture, attention, loaded, step) -> None:
    own = dict.fromkeys(
        ("hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "mlp_dropout"), 0.3
    )
    encoder = loaded(architecture, **own)
    made = rows(step, [(k, np.arange(7)) for k in KINDS], packed=True, pad=0)
    found = {}
    for dropout in (None, 0.0, 0.9):
        net = network(encoder, outputs(), seed=0, dropout=dropout)
        for training in (False, True):
            with torch.no_grad(), attending(net["encoder"], attention):
                found[dropout, training] = torch.cat([x.flatten() for x in logits(net.train(training), made)])
    assert torch.equal(found[0.0, True], found[0.0, False]), "no chance is left"
    change = {d: float((found[d, True] - found[d, False]).std()) for d in (None, 0.9)}
    assert 0 < change[None] < change[0.9]
    assert {encoder.encoder.config.to_dict().get(k, 0.3) for k in own} == {0.3}, "its configuration keeps its own"


@pytest.mark.parametrize("architecture", PACKED)
def test_packed_outputs_are_the_same_with_either_attention(architecture, loaded, step) -> None:
    encoder = loaded(architecture)
    net, first = network(encoder, outputs(), seed=0).eval(), first_position(encoder.encoder)
    made = rows(step, [(k, np.arange(7)) for k in KINDS], packed=True, pad=0, first_position=first)
    found = []
    for attention in ("sdpa", "eager"):
        with torch.no_grad(), attending(net["encoder"], attention):
            found.append(torch.cat([x.flatten() for x in logits(net, made)]))
    assert (found[0] - found[1]).abs().max() < 3e-6 * found[0].abs().max()


@pytest.mark.parametrize("architecture", ["xlm-roberta", "modernbert"])
def test_in_bf16_either_attention_is_fp32_but_for_its_rounding(architecture, loaded, step) -> None:
    encoder = loaded(architecture, initializer_range=0.05)
    net, first = network(encoder, outputs(), seed=0).eval(), first_position(encoder.encoder)
    made = rows(step, [(k, np.arange(7)) for k in KINDS], packed=True, pad=0, first_position=first)
    found = {}
    for attention, bf16 in (("sdpa", False), ("sdpa", True), ("eager", True)):
        net.zero_grad()
        with attending(net["encoder"], attention), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            scores = logits(net, made)
        sum(heads.loss(p, s) for p, s in zip(made.parts, scores, strict=True)).backward()
        found[attention, bf16] = torch.cat([p.grad.flatten() for p in net["encoder"].parameters()])
    exact = found.pop(("sdpa", False))
    errors = {k: float((v - exact).norm() / exact.norm()) for k, v in found.items()}
    assert 0 < max(errors.values()) < 0.02
    assert errors["eager", True] < 1.5 * errors["sdpa", True]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert"])
def test_packing_is_what_makes_them_equal(architecture, loaded, step) -> None:
    """The test above would see a wrong mask or wrong positions."""
    encoder = loaded(architecture)
    net = network(encoder, outputs(), seed=0).eval()
    good = rows(step, [("tagging", np.arange(7))], packed=True, pad=0, first_position=first_position(encoder.encoder))
    running = torch.arange(good.ids.shape[1]).expand_as(good.ids) + first_position(encoder.encoder)
    with torch.no_grad():
        reference = logits(net, good)[0]
        for wrong in (
            batching.replace(good, segments=torch.ones_like(good.segments)),
            batching.replace(good, positions=running),
        ):
            # A rotary model sees distances alone: where positions begin is nothing to it.
            if architecture == "modernbert" and wrong.positions is running:
                continue
            assert (logits(net, wrong)[0] - reference).abs().max() > 1e-3


def test_a_model_that_is_not_in_the_list_is_padded(loaded) -> None:
    assert not loaded("mpnet").packs


def test_modernbert_windows_are_narrower_than_the_sequences(loaded) -> None:
    """So that the sliding layers of the comparison above do slide."""
    assert loaded("modernbert").encoder.config.sliding_window == 4
    assert "sliding_attention" in loaded("modernbert").encoder.config.layer_types


def test_however_a_step_is_divided_its_loss_and_gradients_are_the_same(loaded, small, step) -> None:
    encoder = loaded("xlm-roberta")
    net = network(encoder, outputs(), seed=0).eval()
    reference, gradients = None, None
    for packed, tokens in ((False, 10_000), (False, 130), (True, 10_000), (True, 200)):
        net.zero_grad()
        found = losses(net, step, packed=packed, tokens=tokens, first=2, pad=1, backward=True)
        now = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
        if reference is None:
            reference, gradients = found, now
        assert found == pytest.approx(reference, rel=1e-5)
        assert (now - gradients).abs().max() < 1e-5 * gradients.abs().max()


def test_the_loss_of_each_kind_beside_transformers(loaded, small) -> None:
    """The same weights in transformers' own models with heads give the same losses."""
    encoder = loaded("bert")
    net = network(encoder, outputs(), seed=0).eval()
    rng = np.random.default_rng(1)
    for kind, model in (
        ("tagging", transformers.BertForTokenClassification),
        ("span", transformers.BertForQuestionAnswering),
    ):
        config = encoder.encoder.config
        config.num_labels = 3 if kind == "tagging" else 2
        theirs = model(config).eval()
        theirs.bert = net["encoder"]
        last = theirs.classifier if kind == "tagging" else theirs.qa_outputs
        last.load_state_dict(net["heads"][kind][1].state_dict())
        made = {kind: small.features(kind, 6, rng)}
        one = rows(made, [(kind, np.arange(6))], packed=False, pad=0, every_token=True)
        inputs = {"input_ids": one.ids, "token_type_ids": one.types, "attention_mask": (one.segments > 0).long()}
        if kind == "tagging":
            labels = torch.full_like(one.ids, IGNORE).flatten()
            labels[one.parts[0].reads] = one.parts[0].labels
            expected = theirs(**inputs, labels=labels.view_as(one.ids)).loss
        else:
            # transformers masks no padding in span scores: its logits there are set to -inf as ours are.
            out = theirs(**inputs)
            hidden = one.segments == 0
            ends = (out.start_logits, out.end_logits)
            ends = [e.masked_fill(hidden, float("-inf")) for e in ends]
            gold = made[kind].labels.T
            expected = sum(
                torch.nn.functional.cross_entropy(e, torch.tensor(g).long()) for e, g in zip(ends, gold, strict=True)
            )
            expected = expected / 2
        assert losses(net, made, packed=True)[kind] == pytest.approx(float(expected), rel=1e-5)


def test_multiple_choice_by_hand() -> None:
    part = batching.Segment(
        "x", "multiple_choice", torch.tensor([0]), torch.tensor([[0, 1, -1], [2, 3, 4]]), torch.tensor([1, 0])
    )
    scores = torch.tensor([[1.0], [2.0], [0.0], [0.0], [0.0]])
    by_hand = np.log(1 + np.exp(-1)) + np.log(3)
    assert float(heads.loss(part, scores)) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta", "distilbert", "electra", "modernbert"])
def test_the_masked_language_model_is_that_of_the_checkpoint(architecture, loaded, step) -> None:
    ours = loaded(architecture, masked_head=True)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(ours.source).eval()
    net = network(ours, {"mlm": Output("mlm")}, seed=0).eval()
    one = rows(step, [("mlm", np.arange(7))], packed=False, pad=ours.tokenizer.pad_token_id)
    with torch.no_grad():
        found = logits(net, one)[0]
        inputs = {"input_ids": one.ids, "attention_mask": (one.segments > 0).long()}
        if architecture in ("bert", "roberta", "electra"):
            inputs["token_type_ids"] = one.types
        expected = theirs(**inputs).logits.reshape(-1, 120)[one.parts[0].reads]
    assert (found - expected).abs().max() < 1e-5 * float(expected.abs().max())
    embeddings = net["encoder"].get_input_embeddings().weight
    assert net["heads"]["mlm"][3].weight is embeddings, "output weights are the input embeddings"


def test_masks_are_of_the_published_shares(small) -> None:
    texts = small.features("mlm", 4000, np.random.default_rng(0))
    made = masked(texts, MASKING, np.random.default_rng(1))
    asked = made.labels != IGNORE
    maskable = ~np.isin(texts.ids, MASKING.special)
    assert asked[~maskable].sum() == 0
    assert asked[maskable].mean() == pytest.approx(0.15, abs=0.004)
    assert (made.labels[asked] == texts.ids[asked]).all()
    assert (made.ids[~asked] == texts.ids[~asked]).all()
    share_masked = (made.ids[asked] == MASKING.mask).mean()
    kept = (made.ids[asked] == texts.ids[asked]).mean()
    assert share_masked == pytest.approx(0.8, abs=0.02)
    assert kept == pytest.approx(0.1, abs=0.02)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_packed_sequences_do_not_overlap_and_waste_less_than_half(sizes: list[int]) -> None:
    lengths, size = np.array(sizes), 40
    row, column, number = fit(lengths, size)
    used = np.zeros((number, size), dtype=int)
    for r, c, n in zip(row, column, lengths, strict=True):
        assert c + n <= size
        used[r, c : c + n] += 1
    assert used.max() == 1
    # Any two rows hold more than one row's worth, or they had been one.
    assert number == 1 or used.sum() > (number // 2) * size


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(40, 600), st.booleans(), st.integers(1, 3))
def test_micro_batches_and_processes_have_each_instance_once(
    seed: int, tokens: int, packed: bool, processes: int
) -> None:
    import small

    rng = np.random.default_rng(seed)
    step = {k: small.features(k, int(rng.integers(1, 12)), rng) for k in KINDS[: 1 + seed]}
    for number, (task, whole) in enumerate(step.items()):
        whole.example[:] = np.arange(len(whole)) + 100 * number  # to know them again
        assert task in step
    seen, loads = [], []
    for process in range(processes):
        mine = deal(step, processes, process)
        loads.append(sum(instance_tokens(f).sum() for f in mine.values()))
        for drawn in micro_batches(mine, tokens, packed=packed) if mine else ():
            made = rows(mine, drawn, packed=packed, pad=0)
            assert made.ids.numel() <= tokens or sum(len(u) for _, u in drawn) == 1
            assert made.tokens == sum(instance_tokens(mine[t])[u].sum() for t, u in drawn)
            seen += [int(e) for t, u in drawn for e in mine[t].example[u]]
    assert sorted(seen) == sorted(int(e) for f in step.values() for e in f.example)
    largest = max(int(instance_tokens(f).max()) for f in step.values())
    assert max(loads) - min(loads) <= largest, "processes have about as many tokens"


def test_taken_units_are_those_asked_for(small) -> None:
    whole = small.features("multiple_choice", 9, np.random.default_rng(0))
    some = take(whole, np.array([7, 0, 7]))
    assert some.example.tolist() == [7, 0, 7]
    for i, u in enumerate([7, 0, 7]):
        theirs = whole.ids[whole.starts[whole.groups[u]] : whole.starts[whole.groups[u + 1]]]
        ours = some.ids[some.starts[some.groups[i]] : some.starts[some.groups[i + 1]]]
        assert ours.tolist() == theirs.tolist()


def test_an_instance_that_does_not_fit_is_told(small) -> None:
    data = {"mnli": small.features("classification", 5, np.random.default_rng(0), longest=30)}
    longest = int(data["mnli"].lengths.max())
    batching.check_fits(data, longest, longest)
    with pytest.raises(InputError, match=f"mnli: expected sequences of at most {longest - 1} tokens, found one of"):
        batching.check_fits(data, longest, longest - 1)
    with pytest.raises(InputError, match="--batch-tokens of at least"):
        batching.check_fits(data, longest - 1, longest)
