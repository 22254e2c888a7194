"""The card of a result: its answer, the numbers that matter, and what limits them; and what every result can do."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diversity.display.latex import latex

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = (
    "<style>.diversity-card{border:1px solid #8884;border-left:4px solid #0173b2;border-radius:6px;padding:.8em 1em;"
    "max-width:46em}.diversity-card .answer{font-size:1.3em;font-weight:600;margin:0 0 .3em}.diversity-card p{margin:.3em 0}"
    ".diversity-card dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;margin:.6em 0 0}"
    ".diversity-card dt{opacity:.75}.diversity-card dd{margin:0}.diversity-card .warning{border-left:3px solid #de8f05;"
    "padding-left:.6em}</style>"
)


@dataclass(frozen=True)
class Summary:
    """What a reader sees first of a result: the answer in a few words, in a sentence, facts by name, and warnings."""

    answer: str
    text: str = ""
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()

    def plain(self) -> str:
        """As text for a terminal."""
        width = max((len(name) for name, _ in self.facts), default=0)
        facts = [f"  {name.ljust(width)}  {value}" for name, value in self.facts]
        said = f"{self.answer} {self.text}".strip()
        return "\n".join([said, *facts, *(f"  ! {w}" for w in self.warnings)])

    def html(self, *, style: str = STYLE) -> str:
        """As HTML, with the style that it needs in a notebook."""
        said = [f'<p class="answer">{_joined(self.answer)}</p>']
        said += [f'<p class="text">{_joined(self.text)}</p>'] if self.text else []
        facts = "".join(f"<dt>{html.escape(n)}</dt><dd>{_joined(v)}</dd>" for n, v in self.facts)
        said += [f"<dl>{facts}</dl>"] if facts else []
        said += [f'<p class="warning">{_joined(w)}</p>' for w in self.warnings]
        return f'{style}<div class="diversity-card">{"".join(said)}</div>'


def _joined(text: str) -> str:
    """Text as HTML, numbers kept on one line with what belongs to them."""
    return re.sub(
        r"(?<=\d) (?=%|points?\b)|(?<=%) (?=CI)|(?<=CI) |(?<=\bp) (?=[=&])|(?<=[=;]) (?=\.\d)",
        "\u00a0",
        html.escape(text),
    )


class Shown:
    """What a result can do: `summary()`, `to_frame()`, `to_dict()`, `to_latex()`, `plot()`, and its card in a notebook.

    A class of results says what its `card` is, and has `to_frame` and `to_dict`.
    """

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """The result as a table."""
        raise NotImplementedError

    def to_dict(self) -> Mapping[str, object]:
        """The numbers of the result by name."""
        raise NotImplementedError

    def summary(self) -> str:
        """The result in words: the answer, the numbers that matter, and what limits them."""
        return self.card.plain()

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """The table of the result in LaTeX, with booktabs and siunitx."""
        return latex(self.to_frame(), caption=caption or self.card.answer, label=label)

    def plot(self, what: str = "", *, ax: Axes | None = None) -> Figure:
        """A figure of the result, as `diversity.plot` draws it."""
        import diversity

        return diversity.plot(self, what, ax=ax)

    def __repr__(self) -> str:
        said = self.card
        facts = ", ".join(f"{name}: {value}" for name, value in said.facts[:3])
        return f"{type(self).__name__}({said.answer}{f' {facts}' if facts else ''})"

    def _repr_html_(self) -> str:
        return self.card.html()
