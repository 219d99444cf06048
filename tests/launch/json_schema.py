"""The part of JSON Schema that a manifest is checked with; a keyword that it does not know is an error.

The schema itself, `jobset_schema.json`, is written by hand from the documented API: no cluster has said it.
"""

import re

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_SPOKEN = {"$schema", "$defs", "title", "description"}


def problems(value, schema, root=None, where="$"):
    """What is wrong with a value, each with its place."""
    root = schema if root is None else root
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return problems(value, target, root, where)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_is(value, kind) for kind in types):
        return [f"{where}: {value!r} is no {' or '.join(types)}"]
    found = []
    for keyword, argument in schema.items():
        if keyword not in _SPOKEN | {"type"}:
            found += _KEYWORDS[keyword](value, argument, schema, root, where)
    return found


def _is(value, kind):
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def _properties(value, argument, schema, root, where):
    return [
        found
        for name, inner in argument.items()
        if name in value
        for found in problems(value[name], inner, root, f"{where}.{name}")
    ]


def _additional(value, argument, schema, root, where):
    further = [name for name in value if name not in schema.get("properties", {})]
    if argument is False:
        return [f"{where}: {name} is not known" for name in further]
    return [found for name in further for found in problems(value[name], argument, root, f"{where}.{name}")]


def _items(value, argument, schema, root, where):
    return [found for index, item in enumerate(value) for found in problems(item, argument, root, f"{where}[{index}]")]


def _where_not(holds, text):
    def check(value, argument, schema, root, where):
        return [] if holds(value, argument) else [f"{where}: {value!r} {text} {argument!r}"]

    return check


_KEYWORDS = {
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "required": lambda value, argument, schema, root, where: [
        f"{where}: {name} is missing" for name in argument if name not in value
    ],
    "enum": _where_not(lambda value, allowed: value in allowed, "is not one of"),
    "pattern": _where_not(lambda value, pattern: bool(re.search(pattern, value)), "does not match"),
    "minimum": _where_not(lambda value, least: value >= least, "is less than"),
    "minItems": _where_not(lambda value, least: len(value) >= least, "has fewer items than"),
}
