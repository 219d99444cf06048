"""Being there when the modules of a network are called: to record, to name, to check."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from flax import nnx

Around = Callable[[str, nnx.Module, Callable[[], Any], tuple[tuple[Any, ...], dict[str, Any]]], Any]
"""`around(path, module, call, (arguments, keywords))` stands for a call: it calls `call()` and returns its output."""


def modules(model: nnx.Module) -> dict[str, nnx.Module]:
    """Path, such as `stages/0/blocks/1/mixer`, to module; "" is the model. Lists of modules are not among them."""
    found = {"/".join(map(str, path)): module for path, module in nnx.iter_modules(model)}
    return {path: module for path, module in found.items() if not isinstance(module, nnx.List | nnx.Dict)}


@contextlib.contextmanager
def watched(model: nnx.Module, around: Around) -> Iterator[None]:
    """While inside, every call of a module of the model goes through `around`; other modules are left alone."""
    found = modules(model)
    paths = {id(module): path for path, module in found.items()}
    # Python looks `__call__` up in classes, so it is the classes that change for the while.
    owners = {base for module in found.values() for base in type(module).__mro__ if "__call__" in vars(base)}
    before = {owner: vars(owner)["__call__"] for owner in owners}

    def watching(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(module: Any, *arguments: Any, **keywords: Any) -> Any:
            plain = functools.partial(original, module, *arguments, **keywords)
            path = paths.get(id(module))
            return plain() if path is None else around(path, module, plain, (arguments, keywords))

        return call

    for owner in owners:
        owner.__call__ = watching(before[owner])
    try:
        yield
    finally:
        for owner, original in before.items():
            owner.__call__ = original
