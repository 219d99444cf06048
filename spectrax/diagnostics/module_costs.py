"""What each module of a network holds and does: parameters, floating-point operations, activations.

Nothing is allocated or computed: modules are traced with shapes alone, and XLA's cost analysis counts the operations of
each call as it is lowered (a multiplication and an addition count as two). Beside it stands what papers count.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx

from spectrax.core import trees
from spectrax.core.module_calls import Around, modules, watched
from spectrax.diagnostics.published_counts import multiply_adds


@dataclasses.dataclass(frozen=True)
class ModuleCost:
    """One module in one forward pass.

    Attributes:
        path: names from the root, joined by `/`; "" is the whole network.
        kind: name of its class.
        parameters: scalars in it and below.
        flops: floating-point operations of its calls; None when it is not called as a module (its parent does its
            work) or XLA does not say.
        multiply_adds: of the calls of layers in it and below, however deep, as papers count, see `published_counts`.
        output: dtype and shape of its last output; "" when it is not called.
        activation_bytes: bytes of the outputs of all called modules in it that call no other: about what a backward
            pass keeps.
    """

    path: str
    kind: str
    parameters: int
    flops: float | None
    multiply_adds: int
    output: str
    activation_bytes: int


def module_costs(
    make_model: Callable[..., nnx.Module], run: Callable[[nnx.Module, Any], Any], inputs: Any, depth: int = 4
) -> list[ModuleCost]:
    """The costs of every module down to `depth` names below the root, in the order of their calls.

    Args:
        make_model: as in an `Experiment`.
        run: calls the model, such as `lambda model, x: model(x, train=False, key=None)`.
        inputs: arrays or `jax.ShapeDtypeStruct`s.
    """
    graph, parameters, statistics = trees.split_module(trees.abstract_module(make_model))
    weights = (parameters, statistics)
    calls: list[_Call] = []

    def recorded(weights: Any, inputs: Any) -> Any:
        model = trees.merge_module(graph, *weights)
        with watched(model, _recording(calls)):
            return run(model, inputs)

    jax.eval_shape(recorded, weights, inputs)
    found = modules(trees.merge_module(graph, *weights))
    shown = [path for path in found if not path or path.count("/") < depth]
    return [_cost(path, found[path], graph, weights, calls) for path in sorted(shown, key=_order(calls))]


@dataclasses.dataclass
class _Call:
    path: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    output: Any = None
    multiply_adds: int = 0


def _cost(path: str, module: nnx.Module, graph: Any, weights: Any, calls: list[_Call]) -> ModuleCost:
    own = [call for call in calls if call.path == path]
    leaves = [call for call in calls if _below(call.path, path) and not _calls_others(call, calls)]
    return ModuleCost(
        path=path,
        kind=type(module).__name__,
        parameters=trees.parameter_count(nnx.state(module, nnx.Param)),
        flops=sum(_flops(graph, weights, call) for call in own) if own else None,
        multiply_adds=sum(call.multiply_adds for call in calls if _below(call.path, path)),
        output=", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in _leaves(own[-1:])),
        activation_bytes=sum(leaf.size * leaf.dtype.itemsize for leaf in _leaves(leaves)),
    )


def _leaves(calls: list[_Call]) -> list[jax.ShapeDtypeStruct]:
    """All arrays among the outputs."""
    return jax.tree.leaves([call.output for call in calls])


def _recording(calls: list[_Call]) -> Around:
    """Notes every call, shapes only."""

    def around(path: str, module: nnx.Module, run: Callable[[], Any], given: Any) -> Any:
        call = _Call(path, *_shapes(given))
        calls.append(call)
        output = run()
        call.output = _shapes(output)
        call.multiply_adds = multiply_adds(module, next(iter(call.arguments), None), call.output)
        return output

    return around


def _flops(graph: Any, weights: Any, call: _Call) -> float:
    """Operations of one call, from its module lowered alone."""
    leaves, structure = jax.tree.flatten((call.arguments, call.keywords))
    arrays = {index: leaf for index, leaf in enumerate(leaves) if isinstance(leaf, jax.ShapeDtypeStruct)}

    def alone(weights: Any, arrays: Any) -> Any:
        module = modules(trees.merge_module(graph, *weights))[call.path]
        arguments, keywords = structure.unflatten([arrays.get(index, leaf) for index, leaf in enumerate(leaves)])
        return module(*arguments, **keywords)

    return float((jax.jit(alone).lower(weights, arrays).cost_analysis() or {}).get("flops", np.nan))


def _shapes(tree: Any) -> Any:
    """Arrays as shapes; what is no array stays."""

    def shape(leaf: Any) -> Any:
        is_key = isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        if is_key or not isinstance(leaf, jax.Array | np.ndarray):
            return leaf
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)

    return jax.tree.map(shape, tree)


def _below(path: str, top: str) -> bool:
    return not top or path == top or path.startswith(f"{top}/")


def _calls_others(call: _Call, calls: list[_Call]) -> bool:
    return any(other.path != call.path and _below(other.path, call.path) for other in calls)


def _order(calls: list[_Call]) -> Callable[[str], tuple[int, int]]:
    """Sorts paths by their first call, parents before children; what is never called follows its parent."""
    first: dict[str, int] = {}
    for index, call in enumerate(calls):
        parts = call.path.split("/") if call.path else []
        for end in range(len(parts) + 1):
            first.setdefault("/".join(parts[:end]), index)

    def key(path: str) -> tuple[int, int]:
        known = path
        while known and known not in first:
            known = known.rpartition("/")[0]
        return first.get(known, 0), len(path.split("/")) if path else 0

    return key
