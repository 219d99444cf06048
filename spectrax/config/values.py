"""Does a config value fit the annotation of the argument it is for?"""

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
_BUILT_IN = (int, float, str, bool, list, dict, tuple, set, bytes)


@dataclasses.dataclass(frozen=True)
class Made:
    """What a nested `_target_` node makes.

    Attributes:
        by: the class or function; None when it is not known, which fits anywhere.
        partial: it is bound, not called.
    """

    by: Any
    partial: bool = False


def mismatch(value: Any, annotation: Any) -> str | None:
    """What was wanted, in words, when the value does not fit; None when it does or nothing can be said.

    Args:
        value: a value of yaml, with a `Made` in the place of every nested `_target_` node.
        annotation: a type, as of an argument of a constructor.
    """
    if _fits(value, annotation):
        return None
    return _words(annotation)


def _fits(value: Any, annotation: Any) -> bool:
    origin = get_origin(annotation)
    if annotation is Any or annotation is object:
        return True
    if isinstance(value, Made) and origin not in (Union, types.UnionType):
        return _makes(value, origin or annotation)
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


def _makes(made: Made, wanted: Any) -> bool:
    """Whether the object that a node makes can be a `wanted`; what cannot be known is taken to fit."""
    if made.by is None or not inspect.isclass(wanted):
        return True
    if made.partial:
        return wanted is collections.abc.Callable or _methods(wanted) == ["__call__"]
    if inspect.isclass(made.by):
        return _is_one(made.by, wanted)
    kind = annotations(made.by).get("return", Any)
    kind = type(None) if kind is None else get_origin(kind) or kind
    if not inspect.isclass(kind) or kind in (Any, object):
        return True
    # A function may return more than it promises: a subclass with the methods that are wanted.
    return kind is not type(None) and (kind not in _BUILT_IN or _is_one(kind, wanted))


def _is_one(kind: type, wanted: type) -> bool:
    if wanted is collections.abc.Callable:
        return _has(kind, "__call__")
    if getattr(wanted, "_is_protocol", False):
        return all(_has(kind, name) for name in _methods(wanted))
    return issubclass(kind, wanted)


def _methods(wanted: type) -> list[str]:
    """The methods that a protocol asks for; its plain attributes are set in constructors, where they cannot be seen."""
    names = [name for base in wanted.__mro__ if getattr(base, "_is_protocol", False) for name in vars(base)]
    asked = [name for name in names if not name.startswith("_") or name in ("__call__", "__len__", "__getitem__")]
    return [name for name in dict.fromkeys(asked) if inspect.isfunction(getattr(wanted, name))]


def _has(kind: type, name: str) -> bool:
    """Whether objects of the class can be seen to have, or may be given, a method. Looked up in the class itself, not
    by `hasattr`: every class has the `__call__` of its metaclass."""
    return any(
        name in vars(base) or "__getattr__" in vars(base) or name in inspect.get_annotations(base)
        for base in kind.__mro__
    )


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
