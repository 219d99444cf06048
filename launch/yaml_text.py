"""Plain values as YAML that a person likes to read: mappings, lists, strings, whole numbers and booleans."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # would be read as something else than text
_ESCAPED = dict.fromkeys((0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, 0xFEFF))


def dump(value: Mapping[str, Any]) -> str:
    """The text of a document."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, inner in value.items() for line in _entry(f"{_scalar(key)}:", inner)]
    if isinstance(value, list | tuple) and value:
        return [line for inner in value for line in _item(_lines(inner))]
    return [_scalar(value)]


def _entry(key: str, value: Any) -> list[str]:
    lines = _lines(value)
    if isinstance(value, Mapping) and value:
        return [key, *(f"  {line}" for line in lines)]
    if isinstance(value, list | tuple) and value:
        return [key, *lines]
    return [f"{key} {lines[0]}"]


def _item(lines: Sequence[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping | list | tuple):
        return "{}" if isinstance(value, Mapping) else "[]"
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is neither text, a whole number, a boolean, a list nor a mapping")
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)  # in quotes YAML reads what JSON does, but for these characters
    return text.translate({code: f"\\u{code:04x}" for code in _ESCAPED})
