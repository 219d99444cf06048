"""Objects made of arrays as one `.npz` file and back, without pickle: what a closed form found, kept in its run.

Such an object is a dataclass, or has a method `arguments` that gives what its constructor needs to make the same again.
"""

import dataclasses
import importlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import CheckpointError

_STRUCTURE = "structure"  # the entry that says what the arrays are of
# What NumPy raises of a file that is cut short, damaged or packed as it does not know.
UNREADABLE = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)
# And what it raises when it was made by classes of another version.
_DAMAGE = (*UNREADABLE, LookupError, TypeError, AttributeError, ImportError)
_PLAIN = (bool, int, float, str, type(None))


def to_bytes(value: Any) -> bytes:
    """The content of a `.npz` file: every array under its path, and beside them how they hang together.

    Args:
        value: an object of arrays, numbers, text, None, and of lists, tuples, mappings (with text as keys) and objects
            of these.

    Raises:
        CheckpointError: naming the path of what is none of these.
    """
    arrays: dict[str, np.ndarray] = {}
    structure = _taken_apart(value, "", arrays)
    content = io.BytesIO()
    np.savez(content, **arrays, **{_STRUCTURE: np.frombuffer(json.dumps(structure).encode(), np.uint8)})
    return content.getvalue()


def from_bytes(content: bytes, packages: Sequence[str], name: str) -> Any:
    """The object that `to_bytes` was given.

    Args:
        packages: that its classes may come from: a file must not choose what is imported.
        name: of the file, for messages.

    Raises:
        CheckpointError: when it is no such file, or its classes are not what they were.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        structure = json.loads(arrays.pop(_STRUCTURE).tobytes())
        return _put_together(structure, arrays, tuple(packages))
    except _DAMAGE as error:
        raise CheckpointError(
            f"{name} cannot be read ({type(error).__name__}: {error}). Fit it again in another run_dir."
        ) from error


def _taken_apart(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """What JSON can hold of the value; arrays go under their paths."""
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind in "biufcU":
            arrays[path] = array
            return {"array": path}
    elif isinstance(value, _PLAIN):
        return {"plain": value}
    elif isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    elif _is_such(type(value)):
        parts = {
            name: _taken_apart(part, f"{path}/{name}".lstrip("/"), arrays) for name, part in arguments(value).items()
        }
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "arguments": parts}
    elif isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _taken_apart(item, f"{path}/{key}", arrays) for key, item in value.items()}}
    elif isinstance(value, list | tuple):
        items = [_taken_apart(item, f"{path}/{place}", arrays) for place, item in enumerate(value)]
        return {type(value).__name__: items}
    raise CheckpointError(
        f"{path or 'The result'} is a {type(value).__name__}, which cannot be saved as arrays. Let its class be a "
        "dataclass of arrays, numbers and text."
    )


def arguments(value: Any) -> dict[str, Any]:
    """What the constructor of an object of arrays needs to make the same again."""
    if hasattr(value, "arguments"):
        return value.arguments()
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}


def _is_such(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or hasattr(kind, "arguments")


def _put_together(structure: Mapping[str, Any], arrays: Mapping[str, np.ndarray], packages: tuple[str, ...]) -> Any:
    if "array" in structure:
        return arrays[structure["array"]]
    if "plain" in structure:
        return structure["plain"]
    if "complex" in structure:
        return complex(*structure["complex"])
    if "class" in structure:
        kind = _class(structure["class"], packages)
        return kind(**{name: _put_together(part, arrays, packages) for name, part in structure["arguments"].items()})
    if "mapping" in structure:
        return {key: _put_together(item, arrays, packages) for key, item in structure["mapping"].items()}
    kind, items = next(iter(structure.items()))
    return {"list": list, "tuple": tuple}[kind](_put_together(item, arrays, packages) for item in items)


def _class(named: str, packages: tuple[str, ...]) -> type:
    module, _, name = named.partition(":")
    if module.partition(".")[0] not in packages:
        raise ValueError(f"{module} is none of the packages {', '.join(packages)}")
    found = getattr(importlib.import_module(module), name)
    if not (isinstance(found, type) and _is_such(found)):
        raise ValueError(f"{named} is no class of arrays")
    return found
