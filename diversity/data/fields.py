"""Fields of a record, each of the one type that it must have: what has another is a ValueError that names field and value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")  # half of a pair, which JSON can carry and no tokenizer reads
# JSON's escapes one after another; a surrogate without its other half is `lone`.
ESCAPES = (
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|[\s\S])"
)
TEXT_ESCAPES, BYTE_ESCAPES = re.compile(ESCAPES), re.compile(ESCAPES.encode())


def text(record: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    """The text of a field; raises ValueError where it is no text, or blank and `empty` does not allow that."""
    return _text(record[name], repr(name), empty=empty)


def _text(value: object, where: str, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text in {where}, found {type(value).__name__}")
    if not empty and not value.strip():
        raise ValueError(f"expected text in {where}, found nothing")
    return value


def texts(record: Mapping[str, Any], name: str, count: int | None = None) -> tuple[str, ...]:
    """The texts of a list, none of them blank, `count` of them where that is given."""
    values = items(record, name)
    if count is not None and len(values) != count:
        raise ValueError(f"expected {count} {name}, found {len(values)}")
    return tuple(_text(value, f"'{name}[{i}]'") for i, value in enumerate(values))


def items(record: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A field that is a list."""
    value = record[name]
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list in {name!r}, found {type(value).__name__}")
    return value


def inner(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object with fields of its own."""
    value = record[name]
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object in {name!r}, found {type(value).__name__}")
    return value


def identity(record: Mapping[str, Any], name: str, otherwise: str | None = None) -> str:
    """An id, which is text or a whole number; `otherwise` stands for one that is absent or empty, where that may be."""
    value = record.get(name) if otherwise is not None else record[name]
    if otherwise is not None and value in (None, ""):
        return otherwise
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"expected an id in {name!r}, found {'nothing' if value == '' else repr(value)}")
    return str(value)


def whole(record: Mapping[str, Any], name: str) -> int:
    """A whole number that is one: neither text, nor a float, nor true."""
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected {name!r} to be a whole number, found {value!r}")
    return value


def flag(record: Mapping[str, Any], name: str) -> bool:
    """`true` or `false`, not a text or a number that looks like it."""
    value = record[name]
    if not isinstance(value, bool):
        raise ValueError(f"expected {name!r} to be true or false, found {value!r}")
    return value


def one_of(record: Mapping[str, Any], name: str, values: Mapping[Any, str]) -> str:
    """The label that a field stands for; raises ValueError for a value that is not among them."""
    value = record[name]
    value = value.strip() if isinstance(value, str) else value
    if isinstance(value, str) and value in values:
        return values[value]
    label = next((label for known, label in values.items() if type(known) is type(value) and known == value), None)
    if label is None:
        known = ", ".join(dict.fromkeys(map(str, values)))
        raise ValueError(f"expected {name!r} to be one of {known}, found {value!r}")
    return label


def choice(record: Mapping[str, Any], name: str, count: int) -> int | None:
    """The index of the right choice, 0-based; None where it is withheld (absent, empty or -1)."""
    value = record.get(name)
    written = value.strip() if isinstance(value, str) else value
    if written is None or written in ("", "-1", -1):
        return None
    index = int(written) if isinstance(written, str) and re.fullmatch("-?[0-9]{1,9}", written) else written
    if isinstance(index, bool) or not isinstance(index, int):
        raise ValueError(f"expected {name!r} to be a whole number, found {value!r}")
    if not 0 <= index < count:
        raise ValueError(f"expected {name!r} from 0 to {count - 1}, found {value!r}")
    return index


def unquoted(cell: str) -> str:
    """A cell as it was before a CSV writer quoted it (XTREME's download scripts write quotes that way)."""
    inside = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inside.replace('""', "")
    return inside.replace('""', '"') if quoted else cell


def encodable(values: Sequence[str]) -> list[str]:
    """Texts in which lone surrogates, which UTF-8 and tokenizers do not know, are U+FFFD; all else keeps its place.

    >>> encodable(["a\\ud83d b"]) == ["a\\ufffd b"]
    True
    """
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return [SURROGATE.sub("\ufffd", value) for value in values]
    return list(values)


def whole_escapes(json: str) -> str:
    r"""JSON whose escapes of half a surrogate pair are those of U+FFFD: the one rule for such characters.

    >>> whole_escapes(r'"\ud83d \ud83d\ude00 \\ud83d"')
    '"\\ufffd \\ud83d\\ude00 \\\\ud83d"'
    """
    if "\\ud" not in json and "\\uD" not in json:
        return json
    return TEXT_ESCAPES.sub(lambda m: "\\ufffd" if m["lone"] else m[0], json)
