"""The data of the study, sampled from the releases: `python -m analyses.study.sample DATA OUTPUT`.

Files that are trained on are linked as they are. Of those that models are evaluated on, rows are taken at equal steps, the
same in every language where rows are parallel, so that nothing is chosen by its content:

- XNLI: one premise of so many with its three hypotheses;
- UD and WikiANN: at most so many sentences of a language;
- XQuAD: one article of so many, from the second on (the first is three times as long as the others);
- MLQA: at most so many passages of a language, each with its questions;
- TyDi QA: the answers of its dev set are withheld, so questions of its training sets are scored: at most so many passages of
  Korean and of Swahili, on which nothing is trained, and of English, which are taken out of the training set;
- BUCC (zh only): gold pairs, and of the other sentences one of so many, are dealt out in turn to a half that the threshold is
  tuned on (`dev`) and a half that is scored (`test`).

Tatoeba is whole.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analyses.grid.thin import articles, rows, sentences_of, thin
from diversity import store


def sentences(path: Path, most: int) -> str:
    """At most so many sentences, at equal steps."""
    found = sentences_of(path)
    chosen = [found[i * len(found) // most] for i in range(most)] if len(found) > most else found
    return "\n".join(chosen)


def passages(path: Path, most: int) -> str:
    """At most so many passages of a SQuAD file, at equal steps."""
    content = json.loads(path.read_text("utf8"))
    places = [(a, p) for a, article in enumerate(content["data"]) for p in range(len(article["paragraphs"]))]
    kept = {places[i * len(places) // most] for i in range(most)} if len(places) > most else set(places)
    data = [
        {**article, "paragraphs": [p for n, p in enumerate(article["paragraphs"]) if (a, n) in kept]}
        for a, article in enumerate(content["data"])
    ]
    return json.dumps({**content, "data": [a for a in data if a["paragraphs"]]}, ensure_ascii=False)


def halves(folder: Path, output: Path, language: str, every: int) -> None:
    """BUCC's files of a language in two halves; both sentences of a gold pair are in one of them."""
    name = f"{language}-en.dev"
    gold = [line.split("\t") for line in (folder / f"{name}.gold").read_text("utf8").splitlines() if line.strip()]
    half: dict[str, int] = {}
    for number, (foreign, english) in enumerate(gold):
        side = half.get(foreign, half.get(english, number % 2))
        half[foreign] = half[english] = side
    for part, split in enumerate(("dev", "test")):
        kept = [f"{a}\t{b}\n" for a, b in gold if half[a] == half[b] == part]
        store.write(output / f"{language}-en.{split}.gold", "".join(kept))
        for side in (language, "en"):
            lines = (folder / f"{name}.{side}").read_text("utf8").splitlines(keepends=True)
            dealt = [number // every % 2 if number % every == 0 else None for number in range(len(lines))]
            own = [
                line
                for line, other in zip(lines, dealt, strict=True)
                if half.get(line.split("\t")[0].strip(), other) == part
            ]
            store.write(output / f"{language}-en.{split}.{side}", "".join(own))


def answered(folder: Path, output: Path, most: int) -> None:
    """TyDi QA with a dev set whose answers are known, of English passages held out and of other languages' training sets."""
    train, dev = (f"tydiqa-goldp-v1.1-{split}/tydiqa.goldp.{{}}.{split}.json" for split in ("train", "dev"))
    for path in [*(output / dev).parent.iterdir(), *(output / train).parent.iterdir()]:
        path.unlink()
    held: set[str] = set()
    for language in ("en", "ko", "sw"):
        content = json.loads(passages(folder / train.format(language), most))
        asked = (question for paragraph in paragraphs(content) for question in paragraph["qas"])
        for number, question in enumerate(asked):  # ids of the training sets are not unique
            question["id"] = f"{language}-{number}"
        held |= {p["context"] for p in paragraphs(content)}
        store.write(output / dev.format(language), json.dumps(content, ensure_ascii=False))
    english = json.loads((folder / train.format("en")).read_text("utf8"))
    data = [article for article in english["data"] if not held & {p["context"] for p in article["paragraphs"]}]
    store.write(output / train.format("en"), json.dumps({**english, "data": data}, ensure_ascii=False))


def paragraphs(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The passages of a SQuAD file."""
    return [paragraph for article in content["data"] for paragraph in article["paragraphs"]]


@dataclass(frozen=True)
class Sizes:
    """How much is evaluated on: one of so many rows, or at most so many of a language."""

    premises: int = 12
    sentences: int = 100
    articles: int = 12
    passages: int = 60
    questions: int = 120
    sides: int = 10


def sample(data: Path, output: Path, sizes: Sizes = Sizes()) -> int:
    """Write the study's data to a new folder; the number of files that were sampled."""
    tagged, read = partial(sentences, most=sizes.sentences), partial(passages, most=sizes.passages)
    sampled = {
        "xnli/dev-*.tsv": partial(rows, every=sizes.premises, together=3),
        "udpos/test-*.tsv": tagged,
        "panx/test-*.tsv": tagged,
        "panx/dev-[!e]*.tsv": tagged,  # the split of languages without a test file; dev-en.tsv is that of training
        "panx/dev-e[!n]*.tsv": tagged,
        "xquad/xquad.*.json": partial(articles, every=sizes.articles),
        "mlqa/MLQA_V1/dev/*.json": read,
    }
    written = thin(data, output, sampled)
    for path in (output / "bucc2018").iterdir():
        path.unlink()
    answered(data / "tydiqa", output / "tydiqa", sizes.questions)
    halves(data / "bucc2018", output / "bucc2018", "zh", sizes.sides)
    return written


def main() -> None:
    """Write the folder and say how many files differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    meanings = {
        "premises": "XNLI: one premise of so many",
        "sentences": "UD, WikiANN: sentences of a language",
        "articles": "XQuAD: one article of so many",
        "passages": "MLQA: passages of a language",
        "questions": "TyDi QA: questions of a language",
        "sides": "BUCC: one sentence of so many",
    }
    for name, meaning in meanings.items():
        parser.add_argument(
            f"--{name}", type=int, default=getattr(Sizes, name), help=f"{meaning} (default: %(default)s)"
        )
    given = vars(parser.parse_args())
    print(sample(given.pop("data"), given.pop("output"), Sizes(**given)), "files sampled")


if __name__ == "__main__":
    main()
