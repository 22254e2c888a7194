"""Training, by one of three routes, that can be cut off at any moment and goes on with the same bits.

(a) `distil`: the student's vector of a sentence and of its translation follows the teacher's vector of the English one;
    with `aligned` above 0, its state of each token also follows the teacher's state of the English token it translates.
(b) `mask`: masked and translation language modelling from random weights. (c) `both`.

What a step sees depends on the seed and its number alone; a checkpoint holds weights, their running mean, the moments of
AdamW and the step. The learning rate is constant (after a warm-up), so that no length must be planned: the running mean of
the weights is what is evaluated and shipped. `--decay N` takes the rate to zero over the next N steps.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyses.mini.teacher import best_links
from diversity import store
from diversity.encoders.sentence import token_batches

if TYPE_CHECKING:
    import torch
    from transformers import ElectraForMaskedLM

Route = Literal["distil", "mask", "both"]
CLS, SEP, MASK = 2, 3, 4
SPECIALS = 5
LONGEST = 128  # tokens of a training sequence
POOL = 4096  # sentences that are drawn, sorted by length and cut into batches together


@dataclass(frozen=True)
class Settings:
    """What changes the weights."""

    route: Route = "distil"
    seed: int = 0
    tokens: int = 2048  # padded, a batch
    embeddings: float = 1e-3  # learning rates
    layers: float = 1.5e-4
    warmup: int = 200
    power: float = 0.5  # a language is drawn with probability proportional to its sentences to this power
    english: float = 0.2  # share of English among the sentences that are distilled
    masked: float = 0.33  # share of batches for the masked-token loss in route `both`
    temperature: float = 0.05
    cosine: float = 5.0  # weight of the cosine loss beside that of the similarities
    bank: int = 1024  # further sentences that a batch is compared with
    aligned: float = 1.0  # weight of the loss of aligned tokens
    bf16: bool = True


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    pool: int = 0  # of the next batch, and its position there
    position: int = 0
    sentences: int = 0
    tokens: int = 0
    cpu: float = 0.0
    decay: tuple[int, int] | None = None  # from step, over so many steps
    losses: dict[str, float] = field(default_factory=dict)


# --- Text as numbers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ragged:
    """Token sequences of different lengths, special tokens not included; `language` of each, and its English row or -1.

    `place` and `weight`, one for each token: which token of the English row it translates, and how surely (0 to 255).
    """

    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]
    language: NDArray[np.int64]
    english: NDArray[np.int64]
    place: NDArray[np.uint8] | None = None
    weight: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.language)

    def __getitem__(self, row: int) -> NDArray[np.uint16]:
        return self.ids[self.span(row)]

    def span(self, row: int) -> slice:
        """Where a sequence is, cut at the longest that is trained on."""
        return slice(self.starts[row], min(self.starts[row + 1], self.starts[row] + LONGEST - 2))


def _encoded(path: Path, texts: list[str], tokenizer: Any) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Tokens of the texts, kept beside the corpus."""
    if not path.exists():
        found = [e.ids for i in range(0, len(texts), 10_000) for e in _batch(tokenizer, texts[i : i + 10_000])]
        starts = np.concatenate([[0], np.cumsum([len(ids) for ids in found])])
        with store.replacing(path) as stream:
            np.savez(stream, ids=np.concatenate(found).astype(np.uint16), starts=starts)
    with np.load(path) as arrays:
        return arrays["ids"], arrays["starts"]


def _batch(tokenizer: Any, texts: list[str]) -> list[Any]:
    return list(tokenizer.encode_batch(texts, add_special_tokens=False))


def read(work: Path, names: tuple[str, ...] = ("english", "pairs", "mono")) -> dict[str, Ragged]:
    """The English sentences, the translations and the monolingual text as tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))
    out, codes = {}, {}
    for name in names:
        table = pd.read_parquet(work / "corpus" / f"{name}.parquet")
        language = table["language"].tolist() if name != "english" else ["en"] * len(table)
        for code in sorted(set(language)):
            codes.setdefault(code, len(codes))
        row = {"english": np.arange(len(table)), "mono": np.full(len(table), -1)}.get(name)
        row = table["english"].to_numpy(np.int64) if row is None else row
        ids, starts = _encoded(work / "corpus" / f"{name}.npz", table["text"].tolist(), tokenizer)
        known = best_links(work, pd.Series(language), np.diff(starts)) if name != "mono" else (None, None)
        out[name] = Ragged(ids, starts, np.array([codes[c] for c in language]), row, *known)
    return out


# --- Batches -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Padded tokens, segment ids and, by objective, English rows (n,) with the English tokens' places and weights
    (n, length), or labels (n, length; 0 = not masked)."""

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None
    place: NDArray[np.int64] | None = None
    weight: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None


def drawn(data: Ragged, size: int, power: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows with languages in proportion to a power of their sentences."""
    counts = np.bincount(data.language).astype(np.float64)
    chance = np.where(counts > 0, counts**power, 0)
    share = (chance / chance.sum())[data.language] / counts[data.language]
    return np.asarray(rng.choice(len(data), size=size, p=share / share.sum()))


def padded(sequences: list[list[NDArray[Any]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[CLS] a [SEP] or [CLS] a [SEP] b [SEP] of each, and their segments."""
    width = max(sum(len(p) + 1 for p in parts) + 1 for parts in sequences)
    ids, types = np.zeros((2, len(sequences), width), np.int64)
    for i, parts in enumerate(sequences):
        at, ids[i, 0] = 1, CLS
        for segment, part in enumerate(parts):
            ids[i, at : at + len(part)], ids[i, at + len(part)] = part, SEP
            types[i, at : at + len(part) + 1] = segment
            at += len(part) + 1
    return ids, types


def sentence_batches(data: dict[str, Ragged], s: Settings, rng: np.random.Generator) -> list[Batch]:
    """A pool of sentences with the rows of their teacher vectors."""
    english = int(POOL * s.english)
    chosen = [(data["english"], r) for r in rng.integers(len(data["english"]), size=english)]
    chosen += [(data["pairs"], r) for r in drawn(data["pairs"], POOL - english, s.power, rng)]
    lengths = np.array([len(d[r]) + 2 for d, r in chosen])
    rows = np.array([d.english[r] for d, r in chosen])
    out = []
    for group in token_batches(lengths, s.tokens):
        some = [chosen[i] for i in group]
        ids, types = padded([[d[r]] for d, r in some])
        place, weight = np.zeros(ids.shape, np.int64), np.zeros(ids.shape, np.float32)
        for i, (d, r) in enumerate(some):
            if d.weight is not None and d.place is not None:
                tokens = d.span(r)
                place[i, 1 : 1 + len(d.ids[tokens])] = d.place[tokens]
                weight[i, 1 : 1 + len(d.ids[tokens])] = d.weight[tokens] / 255
        out.append(Batch(ids, types, rows[group], place, weight))
    return out


def masked_batches(data: dict[str, Ragged], s: Settings, size: int, rng: np.random.Generator) -> list[Batch]:
    """A pool for the masked-token loss: half sentences of one language, half translations beside each other."""
    alone = [[data["mono"][r]] for r in drawn(data["mono"], size // 2, s.power, rng)]
    pairs, english = data["pairs"], data["english"]
    beside = [[english[pairs.english[r]], pairs[r]] for r in drawn(pairs, size - size // 2, s.power, rng)]
    beside = [pair[:: 1 if rng.random() < 0.5 else -1] for pair in beside]
    sequences = [*alone, *([p[0][: LONGEST // 2], p[1][: LONGEST // 2]] for p in beside)]
    lengths = np.array([sum(len(p) + 1 for p in parts) + 1 for parts in sequences])
    return [hidden(*padded([sequences[i] for i in g]), s, rng) for g in token_batches(lengths, s.tokens)]


def hidden(ids: NDArray[np.int64], types: NDArray[np.int64], s: Settings, rng: np.random.Generator) -> Batch:
    """15 % of the tokens to predict, of which 80 % are masked, 10 % another token and 10 % left (Devlin et al. 2019)."""
    chosen = (rng.random(ids.shape) < 0.15) & (ids >= SPECIALS)
    how = rng.random(ids.shape)
    other = rng.choice(ids[ids >= SPECIALS], size=ids.shape)
    shown = np.where(chosen & (how < 0.8), MASK, np.where(chosen & (how > 0.9), other, ids))
    return Batch(shown, types, labels=np.where(chosen, ids, 0))


def pool(data: dict[str, Ragged], s: Settings, number: int) -> list[Batch]:
    """The batches of one pool, in the order in which they are seen."""
    rng = np.random.default_rng([s.seed, number])
    made = [] if s.route == "mask" else sentence_batches(data, s, rng)
    if s.route != "distil":
        made += masked_batches(data, s, POOL if s.route == "mask" else int(POOL * s.masked / 2), rng)
    return [made[i] for i in rng.permutation(len(made))]


def batches(data: dict[str, Ragged], s: Settings, number: int, position: int) -> Iterator[tuple[int, int, Batch]]:
    """Batches from a pool and a position in it on, each with where the next one is."""
    while True:
        found = pool(data, s, number)
        for at in range(position, len(found)):
            yield (number, at + 1, found[at]) if at + 1 < len(found) else (number + 1, 0, found[at])
        number, position = number + 1, 0


# --- Losses ------------------------------------------------------------------------------------------


def states(model: ElectraForMaskedLM, ids: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
    """The last layer's states of the tokens, (n, length, d)."""
    found = model.electra(input_ids=ids, attention_mask=(ids != 0).long(), token_type_ids=types)
    return found.last_hidden_state.float()


def sentence_vectors(states: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Unit vectors: the mean of the states over the tokens, special ones included, as the teacher's."""
    import torch

    mask = (ids != 0)[:, :, None]
    return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


def token_loss(mine: torch.Tensor, theirs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of states (m, d) from their goals as a share of the goals' variance, weighted (m,)."""
    spread = (theirs - theirs.mean(0)).square().mean()
    return ((mine - theirs).square().mean(1) * weights).sum() / weights.sum() / spread


def distillation(mine: torch.Tensor, theirs: torch.Tensor, bank: torch.Tensor, s: Settings) -> torch.Tensor:
    """How far the student's vectors (n, d) are from the teacher's (n, d), by cosine and by similarities.

    The similarities of a sentence with all of the batch and the bank become a distribution (softmax at a temperature);
    the student's is to be the teacher's. A near translation among them is thus no wrong answer.
    """
    import torch

    among = torch.cat([theirs, bank]).T
    goal = torch.softmax(theirs @ among / s.temperature, dim=1)
    found = torch.log_softmax(mine @ among / s.temperature, dim=1)
    entropy = -(goal * goal.clamp_min(1e-12).log()).sum(1)
    divergence = -(goal * found).sum(1) - entropy
    return divergence.mean() + s.cosine * (1 - (mine * theirs).sum(1)).mean()


def masked_loss(
    model: ElectraForMaskedLM, ids: torch.Tensor, types: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the hidden tokens; the head sees these positions alone."""
    import torch

    at = labels != 0
    scores = model.generator_lm_head(model.generator_predictions(states(model, ids, types)[at]))
    return torch.nn.functional.cross_entropy(scores.float(), labels[at])


# --- The run -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Teacher:
    """The teacher's vectors of the English rows, and its states of their tokens (row r's begin at starts[r])."""

    vectors: NDArray[np.float16]
    states: NDArray[np.float16]
    starts: NDArray[np.int64]


class Run:
    """A model in training in a folder: weights, their running mean, the optimiser, the progress."""

    MEAN_EVERY = 8
    MEAN_KEEP = 0.99

    def __init__(self, folder: Path, model: ElectraForMaskedLM, settings: Settings, device: str = "cpu") -> None:
        import torch

        self.folder, self.settings, self.device = folder, settings, device
        self.model = model.to(device)
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # the teacher's targets are noise enough
        self.weights = dict(self.model.named_parameters())
        self.mean = {name: w.detach().clone() for name, w in self.weights.items()}
        tables = [w for n, w in self.weights.items() if ".embeddings." in n or "generator_lm_head" in n]
        known = {id(w) for w in tables}
        groups = [
            {"params": tables, "lr": settings.embeddings, "weight_decay": 0.0, "top": settings.embeddings},
            {
                "params": [w for w in self.weights.values() if id(w) not in known],
                "lr": settings.layers,
                "weight_decay": 0.01,
                "top": settings.layers,
            },
        ]
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        self.progress = Progress()
        self._since = time.process_time()

    def rate(self) -> float:
        """Share of the full learning rate at this step."""
        step, decay = self.progress.step, self.progress.decay
        up = min(1.0, (step + 1) / self.settings.warmup)
        return up * (max(0.0, 1 - (step - decay[0]) / decay[1]) if decay else 1.0)

    def step(self, batch: Batch, teacher: Teacher | None) -> float:
        """One update; its loss."""
        import torch

        p = self.progress
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.settings.bf16):
            ids, types = (torch.from_numpy(x).to(self.device) for x in (batch.ids, batch.types))
            if batch.rows is None:
                losses = {"masked": masked_loss(self.model, ids, types, torch.from_numpy(batch.labels).to(self.device))}
            else:
                found = states(self.model, ids, types)
        if batch.rows is not None:
            losses = self._distilled(batch, found, ids, teacher)
        loss = sum(losses.values())
        loss.backward()
        self._update()
        for name, part in losses.items():
            value = float(part.detach())
            p.losses[name] = 0.99 * p.losses.get(name, value) + 0.01 * value
        p.sentences, p.tokens = p.sentences + len(ids), p.tokens + int((batch.ids != 0).sum())
        return float(loss.detach())

    def _distilled(
        self, batch: Batch, found: torch.Tensor, ids: torch.Tensor, teacher: Teacher
    ) -> dict[str, torch.Tensor]:
        """The losses against the teacher: of sentences, and of aligned tokens."""
        import torch

        s = self.settings
        rng = np.random.default_rng([s.seed, self.progress.step, 1])
        rows = np.concatenate([batch.rows, rng.integers(len(teacher.vectors), size=s.bank)])
        theirs = torch.from_numpy(np.asarray(teacher.vectors[rows], np.float32)).to(self.device)
        theirs = torch.nn.functional.normalize(theirs, dim=1).split([len(ids), s.bank])
        losses = {"distilled": distillation(sentence_vectors(found, ids), *theirs, s)}
        at = np.nonzero(batch.weight > 0.1)
        if s.aligned and len(at[0]):
            goals = teacher.states[teacher.starts[batch.rows[at[0]]] + batch.place[at]]
            goals = torch.from_numpy(np.asarray(goals, np.float32)).to(self.device)
            weights = torch.from_numpy(batch.weight[at]).to(self.device)
            mine = found[tuple(torch.from_numpy(x).to(self.device) for x in at)]
            losses["aligned"] = s.aligned * token_loss(mine, goals, weights)
        return losses

    def _update(self) -> None:
        import torch

        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * self.rate()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.progress.step += 1
        if self.progress.step % self.MEAN_EVERY == 0:
            mean, now = list(self.mean.values()), [w.detach() for w in self.weights.values()]
            # at the start the mean is over few steps, so that it forgets where the run came from
            keep = min(self.MEAN_KEEP, 1 - 1 / (1 + self.progress.step / self.MEAN_EVERY))
            torch._foreach_lerp_(mean, now, 1 - keep)

    def clock(self) -> float:
        """Processor seconds of the whole run."""
        now = time.process_time()
        self.progress.cpu, self._since = self.progress.cpu + now - self._since, now
        return self.progress.cpu

    def save(self) -> None:
        """Write the checkpoint; the old one stays until the new one is whole."""
        from safetensors.torch import save_file

        self.clock()
        moments = {n: self.optimiser.state[w] for n, w in self.weights.items() if w in self.optimiser.state}
        tensors = {f"weight/{n}": w.detach() for n, w in self.weights.items()}
        tensors |= {f"mean/{n}": w for n, w in self.mean.items()}
        tensors |= {
            f"{kind}/{n}": state[kind] for n, state in moments.items() for kind in ("exp_avg", "exp_avg_sq", "step")
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {"settings": json.dumps(asdict(self.settings)), "progress": json.dumps(asdict(self.progress))}
        partial = self.folder / ".checkpoint.tmp"
        save_file({n: t.contiguous() for n, t in tensors.items()}, partial, metadata=told)
        os.replace(partial, self.folder / "checkpoint.safetensors")

    def load(self) -> bool:
        """Go back to the checkpoint, if there is one."""
        import torch
        from safetensors import safe_open

        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return False
        with safe_open(path, "pt", device=self.device) as stored, torch.no_grad():
            metadata, names = stored.metadata(), set(stored.keys())
            for name, weight in self.weights.items():
                weight.copy_(stored.get_tensor(f"weight/{name}"))
                self.mean[name].copy_(stored.get_tensor(f"mean/{name}"))
                if f"exp_avg/{name}" in names:
                    kinds = ("exp_avg", "exp_avg_sq", "step")
                    self.optimiser.state[weight] = {kind: stored.get_tensor(f"{kind}/{name}") for kind in kinds}
        before = json.loads(metadata["settings"])
        if before != asdict(self.settings):
            changed = sorted(k for k in before if before[k] != asdict(self.settings).get(k))
            print(f"settings changed since the checkpoint: {', '.join(changed)}", flush=True)
        known = json.loads(metadata["progress"])
        self.progress = Progress(**known | {"decay": tuple(known["decay"]) if known["decay"] else None})
        return True


def train(
    run: Run,
    data: dict[str, Ragged],
    teacher: Teacher | None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    save_every: float = 600,
) -> Progress:
    """Go on until so many processor minutes or steps of the whole run, or a signal to end; save at the end and between."""
    stopped: list[int] = []
    before = {s: signal.signal(s, lambda number, _: stopped.append(number)) for s in (signal.SIGTERM, signal.SIGINT)}
    p, saved = run.progress, run.clock()
    for number, position, batch in batches(data, run.settings, p.pool, p.position):
        run.step(batch, teacher)
        p.pool, p.position = number, position
        now = run.clock()
        if p.step % 100 == 0:
            losses = ", ".join(f"{name} {value:.4f}" for name, value in sorted(p.losses.items()))
            print(
                f"step {p.step:,}, {p.sentences:,} sentences, {p.tokens:,} tokens, {now:,.0f} s: {losses}", flush=True
            )
        ended = p.decay is not None and p.step >= sum(p.decay)
        if stopped or ended or (minutes and now >= 60 * minutes) or (steps and p.step >= steps):
            break
        if now - saved > save_every:
            run.save()
            saved = now
    run.save()
    for number, handler in before.items():
        signal.signal(number, handler)
    return p


def begun(work: Path, s: Settings) -> ElectraForMaskedLM:
    """The model before the first step: the prepared student, or (route `mask`) its shape with random weights."""
    import torch
    from transformers import ElectraConfig, ElectraForMaskedLM

    torch.manual_seed(s.seed)
    if s.route == "mask":
        return ElectraForMaskedLM(ElectraConfig.from_pretrained(work / "start", attn_implementation="eager"))
    return ElectraForMaskedLM.from_pretrained(work / "start", attn_implementation="eager")


def go(
    work: Path, folder: Path, s: Settings, device: str, minutes: float | None, steps: int | None, decay: int | None
) -> None:
    """Begin a run in a folder, or continue the one that is there."""
    names = ("english", "pairs") if s.route == "distil" else ("english", "pairs", "mono")
    data = read(work, names)  # before the clock of the run begins
    model = begun(work, s)
    model.config.save_pretrained(folder)
    run = Run(folder, model, s, device)
    if not run.load():
        run.save()
    if decay and run.progress.decay is None:
        run.progress.decay = (run.progress.step, decay)
    teacher = None
    if s.route != "mask":
        parts = [np.load(work / f"{n}.npy", mmap_mode="r") for n in ("teacher", "states", "starts")]
        teacher = Teacher(np.asarray(parts[0]), parts[1], np.asarray(parts[2]))
    progress = train(run, data, teacher, minutes=minutes, steps=steps)
    print(f"stopped at step {progress.step:,}, {progress.cpu:,.0f} processor seconds", flush=True)
