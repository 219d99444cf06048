"""Does a config value fit the annotation of the argument it is for?"""

import collections.abc
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)


def mismatch(value: Any, annotation: Any) -> str | None:
    """What was wanted, in words, when the value does not fit; None when it does or nothing can be said.

    Objects (nested `_target_` nodes) fit anything: their own arguments are checked where they are built.
    """
    if _fits(value, annotation):
        return None
    return _words(annotation)


def _fits(value: Any, annotation: Any) -> bool:
    origin = get_origin(annotation)
    if isinstance(value, Mapping) and "_target_" in value:
        return annotation not in (int, float, str, bool)
    if annotation is None or annotation is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(annotation))
    if origin is Literal:
        return value in get_args(annotation)
    if annotation is bool:
        return isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is str:
        return isinstance(value, str)
    if annotation in _SEQUENCES or origin in _SEQUENCES:
        inner = [option for option in get_args(annotation) if option is not Ellipsis]
        if not isinstance(value, list):
            return False
        return len(inner) != 1 or all(_fits(item, inner[0]) for item in value)
    if annotation in (dict, Mapping) or origin in (dict, Mapping):
        return isinstance(value, Mapping)
    # A class, a protocol or a callable must be a nested node, as seen above.
    return not (inspect.isclass(annotation) or origin is collections.abc.Callable)


def _words(annotation: Any) -> str:
    if annotation is None or annotation is type(None):
        return "null"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(option) for option in inner)
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin in _SEQUENCES or annotation in _SEQUENCES:
        return f"a list ({_words(inner[0])} each)" if inner else "a list"
    names: dict[Any, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(annotation, f"a node with _target_ ({name})")


def annotations(target: Any) -> dict[str, Any]:
    """Argument name to annotation of a class's constructor or a function; {} when they cannot be read."""
    function = target.__init__ if isinstance(target, type) else target
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
