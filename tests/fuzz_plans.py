"""Plans with something wrong in them: what is read is what stands in the file, or one line says why not."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fuzz
import fuzz_readers

from diversity.planning.plans import Plan, read_plan

TASKS = ("mnli", "qqp", "squad_v1", "ccg", "hellaswag", "cosmosqa")
VALUES: tuple[Any, ...] = (
    "", " ", "x", "mnli", "xnli", "None", "de", "en", "0.5", True, False, 0, 1, -1, 2, 99, 2**31, 2**63, 2**64, -(2**70), 0.5,
    1.0, -0.5, 1e308, float("nan"), float("inf"), [], ["x"], [1], [1, 1], [[]], {}, {"mnli": 1}, {"mnli": 0}, {"x": "y"},
    "vendi(q=2)", "self_bleu", "cosine", "mean", "max", "cls", "uniform", "weights", "mean9",
)  # fmt: skip


def base(rng: random.Random) -> dict[str, Any]:
    """A plan that is right."""
    mixtures: list[dict[str, Any]] = [{"tasks": []}]
    mixtures += [
        {"tasks": rng.sample(TASKS, size), "role": rng.choice(["diverse", "homogeneous"]), "pair": size}
        for size in range(1, rng.randint(2, 5))
    ]
    mixtures.append({"name": "weighted", "tasks": {"mnli": rng.randint(1, 5), "hellaswag": 1.5}})
    names = ["+".join(sorted(m["tasks"])) for m in mixtures]
    mixtures = [m for i, m in enumerate(mixtures) if names[i] not in names[:i]]
    return {
        "name": "study", "model": "mini", "targets": ["xnli", "tatoeba"], "seeds": rng.sample(range(9), 2),
        "threads": 1, "hypothesis": {"primary_metric": "vendi(q=2)", "outcome": "mean"},
        "train": {"preset": "phang2020", "examples": 500, "sampling": "uniform", "learning_rate": 2e-5, "batch": 8},
        "target": {"epochs": 1.5, "dropout": 0.0, "xnli": {"limit": 100}},
        "predict": {"languages": ["en", "de"], "layer": 0.58, "pooling": "mean", "tatoeba": {"split": "test"}},
        "diversity": {"metrics": ["cosine", "vendi(q=1)"], "sample": 100, "shards": 2, "seed": 3},
        "mixtures": mixtures,
    }  # fmt: skip


def inline(value: Any) -> str:
    """A value in TOML, tables in braces."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {inline(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(map(inline, value)) + "]" if isinstance(value, list) else repr(value)


def toml(plan: Mapping[str, Any]) -> str:
    """A plan as a file has it."""
    return "".join(f"{json.dumps(str(name))} = {inline(value)}\n" for name, value in plan.items())


def stated(plan: Plan) -> dict[str, Any]:
    """What a plan says, in the form of its file; shares in place of weights."""
    mixtures = [
        {"tasks": dict(zip(p.mixture.tasks, p.mixture.weights, strict=True)) if not p.mixture.sampling.size_dependent else
         dict.fromkeys(p.mixture.tasks), "role": p.role, "pair": p.pair}
        for p in plan.mixtures
    ]  # fmt: skip
    return {
        "name": plan.name, "targets": list(plan.targets), "seeds": list(plan.seeds), "threads": plan.threads,
        "hypothesis": {"primary_metric": plan.primary_metric, "outcome": plan.outcome},
        **{name: dict(getattr(plan, name)) for name in ("train", "target", "predict", "diversity")}, "mixtures": mixtures,
    }  # fmt: skip


def changed(plan: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The plan with one value gone, twice, under another name or another one."""
    out = copy.deepcopy(plan)
    *way, key = rng.choice(list(fuzz_readers.paths(out)))
    place: Any = out
    for step in way:
        place = place[step]
    kind = rng.randrange(5)
    if kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))
    elif kind == 2 and isinstance(place, dict):
        place[rng.choice([str(key).upper(), f"{key}s", f" {key}", str(key)[:-1], f"{key}\u200b"])] = place.pop(key)
    elif kind == 3 and isinstance(place[key], str | int | float):
        place[key] = rng.choice([f"{place[key]} ", str(place[key]), [place[key]], str(place[key]).upper()])
    else:
        place[key] = rng.choice(VALUES)
    return out


SAME: tuple[Callable[[bytes], bytes], ...] = (*fuzz_readers.SAME, lambda content: b"# a remark\n" + content)


def case(rng: random.Random, folder: Path) -> str:
    """One mutation of a plan: what was done. Raises AssertionError where a plan is read that does not stand there."""
    plan, path = base(rng), folder / "plan.toml"
    what = rng.choice(["value", "value", "value", "value", "lines", "bytes", "same"])
    after = changed(plan, rng) if what == "value" else plan
    content = toml(after).encode("utf-8", "surrogatepass")
    if what == "same":
        content = rng.choice(SAME)(content)
    elif what in ("lines", "bytes"):
        content = (fuzz_readers.in_lines if what == "lines" else fuzz_readers.in_bytes)(content, rng)
    path.write_bytes(content)
    known = fuzz.answer(lambda: read_plan(path))
    about = f"{what}\n{content.decode('utf-8', 'replace')}\n{known}"
    if what == "same":
        assert isinstance(known, Plan), about
    if isinstance(known, str):
        return what
    file = tomllib.loads(path.read_text("utf-8-sig"))
    said = stated(known)
    assert known.name == file.get("name", "plan"), about
    for name in ("targets", "seeds"):
        assert said[name] == file[name], about
    assert said["threads"] == file.get("threads"), about
    for name in ("train", "target", "predict"):
        assert said[name] == file.get(name, {}), about
    assert {n: v for n, v in said["diversity"].items() if n != "metrics"} == {
        n: v for n, v in file.get("diversity", {}).items() if n != "metrics"
    }, about
    assert len(said["diversity"].get("metrics", ())) == len(file.get("diversity", {}).get("metrics", ())), about
    assert len(said["mixtures"]) == len(file["mixtures"]), about
    for mine, theirs in zip(said["mixtures"], file["mixtures"], strict=True):
        assert sorted(mine["tasks"]) == sorted(theirs["tasks"]), about
        assert mine["pair"] == theirs.get("pair"), about
        if isinstance(theirs["tasks"], dict):
            total = sum(theirs["tasks"].values())
            assert all(abs(mine["tasks"][t] - w / total) < 1e-9 for t, w in theirs["tasks"].items()), about
    return what
