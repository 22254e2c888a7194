"""Docstrings of the public functions, in the sections of numpydoc: their parameters are those of the signature."""

import inspect
import re

import pytest

import diversity

FUNCTIONS = [n for n in diversity.__all__ if inspect.isfunction(getattr(diversity, n))]
SECTION = re.compile(r"^(Parameters|Returns|Yields|Raises|Examples|Notes|See Also|References)\n-+$", flags=re.MULTILINE)


def sections(doc: str) -> dict[str, str]:
    """The sections of a docstring by name; what stands before them is `""`."""
    parts = SECTION.split(doc)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_what_it_takes_and_returns(name):
    function = getattr(diversity, name)
    found = sections(inspect.getdoc(function) or "")
    assert {"Parameters", "Returns", "Examples"} <= set(found)
    assert ">>>" in found["Examples"]
    described = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", found["Parameters"], flags=re.MULTILINE)
    names = [n.lstrip("*") for line in described for n in line.split(", ")]
    assert names == list(inspect.signature(function).parameters)
