"""Compression ratio: how much shorter the texts become when their repetitions are written once."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from diversity.metrics._words import checked
from diversity.types import Metric


def compression_ratio(texts: Iterable[str]) -> float:
    """Bytes of the texts over their bytes compressed, above 0; higher is more repetitive. nan where the texts are empty.

    UTF-8, joined by line feeds in the given order, by zlib at level 9. Repetitions further apart than 32 kB are not
    seen, so that it depends on the order; it grows with the number of texts; below 1 for a few words. Scripts of three
    bytes a character have higher ratios than Latin ones. Raises InputError for what are no texts. O(bytes). Shaib et
    al. 2024, who join by spaces and add gzip's header.

    >>> round(compression_ratio(["the cat sat on the mat"] * 100), 1)
    47.9
    """
    data = "\n".join(checked(texts)).encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data, 9)) if data else float("nan")


METRIC = Metric(
    name="compression_ratio",
    function=compression_ratio,
    formula="bytes / bytes compressed (zlib, level 9)",
    range="(0, 1032]",
    cost="O(bytes)",
    reference="Shaib et al. 2024",
    size_dependent=True,
    takes="texts",
    measures="How much shorter the texts get when repeated passages are written once.",
    question="words",
    use="A fast first look at repetition, without an encoder.",
    large=(
        "Larger is more repetitive: 1 would mean that nothing repeats. Of 1,000 texts of each of the nine tasks: 2.34"
        " (ccg) to 5.56 (squad_v2)."
    ),
    larger="less diverse",
    caveats="Higher is more repetitive; depends on the order of the texts. Longer sets compress better.",
)
