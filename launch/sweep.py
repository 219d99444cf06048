"""Sweeps in words: `seed=0,1 width=8,16` is four runs."""

import itertools
import re
from collections.abc import Sequence

_FUNCTIONS = re.compile(r"(\w+\()*(range|choice|interval|glob|sort|shuffle|tag)\(")  # of Hydra's own sweeps
_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "'\""


def combinations(axes: Sequence[str]) -> list[list[str]]:
    """Every combination of the values of axes such as `seed=0,1,2`, the last axis changing fastest.

    Commas inside brackets and quotes belong to a value: `model.depths=[1,1],[2,2]` has two.

    Raises:
        ValueError: an axis is not of the form KEY=VALUE,VALUE, has a value that only Hydra can read, or its key comes
            twice; the text is for a person.
    """
    choices = []
    for axis in axes:
        key, equals, values = axis.partition("=")
        split = split_values(values)
        if not equals or not key or not all(split):
            raise ValueError(f"{axis!r} is no sweep. Write KEY=VALUE,VALUE such as seed=0,1,2.")
        if any(map(_FUNCTIONS.match, split)):
            raise ValueError(f"{axis!r}: an array takes values, such as seed=0,1,2. Hydra's functions are for -m.")
        if any(choice[0].startswith(f"{key}=") for choice in choices):
            raise ValueError(f"{key} is swept twice. Give all its values at once: {key}=VALUE,VALUE.")
        choices.append([f"{key}={value}" for value in split])
    return [list(words) for words in itertools.product(*choices)] if choices else []


def split_values(text: str) -> list[str]:
    """Split at the commas that are neither in brackets nor in quotes."""
    values, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and not depth:
            values.append("")
            continue
        values[-1] += character
    return values
