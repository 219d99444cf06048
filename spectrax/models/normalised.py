"""Any network with the normalisation of its data inside: it sees encoded inputs, and what it gives is decoded.

Examples are pairs of fields "input" and "target"; or windows of a trajectory, "window", for models that have states in
their own units (`scaled`, `unscaled`) and give them back in the data's.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec, Normalisation
from spectrax.nn.normaliser import Normaliser, with_moments

PATH = "normaliser"
WINDOW = "window"


def normalised(
    make_model: Callable[..., nnx.Module], fields: Mapping[str, FieldSpec], normalisation: Normalisation
) -> Callable[..., nnx.Module]:
    """The constructor of the same model that encodes its input and decodes its output.

    Paths of parameters stay what they are: the model's class gets a subclass, and is not wrapped.

    Args:
        make_model: a class with arguments bound.
        fields: of an example, "input" and "target" among them, or "window" (frames, *state).

    Raises:
        ConfigError: when the model is made by a function, which has no subclass, or knows no windows where the data are
            such; once it is made, when it gives no fields but their coefficients, or fields of another shape.
    """
    kind = getattr(make_model, "func", make_model)
    if not isinstance(kind, type):
        raise ConfigError(
            f"dataset.normalise={normalisation} needs a model whose _target_ is a class, and {kind.__name__} is none. "
            "Name the class, or set dataset.normalise=null."
        )
    windows = WINDOW in fields
    if windows and not hasattr(kind, "scaled"):
        raise ConfigError(
            f"dataset.normalise={normalisation}: {kind.__name__} is no model of windows of trajectories. Choose "
            "another, such as model=koopman_autoencoder, or set dataset.normalise=null."
        )
    shapes = {
        name: _shape(name, fields[name], normalisation) for name in ([WINDOW] if windows else ["input", "target"])
    }
    subclass = _with_states_normalised if windows else _with_normaliser
    arguments = (getattr(make_model, "args", ()), getattr(make_model, "keywords", {}))

    def make(**given: Any) -> nnx.Module:
        model = subclass(kind)(*arguments[0], **arguments[1], **given)
        if getattr(model, "output", "field") != "field":
            raise ConfigError(
                f"dataset.normalise={normalisation} is of fields, and model.output={model.output} gives coefficients. "
                "Set model.output=field, or dataset.normalise=null."
            )
        setattr(model, PATH, nnx.Dict({name: Normaliser(shape) for name, shape in shapes.items()}))
        return model

    return make


def fitted(weights: Mapping[str, Any], moments: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The weights of a `normalised` model with the moments of its data by field: (mean, deviation)."""
    return with_moments(weights, PATH, moments)


@functools.cache
def _with_normaliser(kind: type[nnx.Module]) -> type[nnx.Module]:
    def call(self: Any, inputs: Any, *, train: bool, key: jax.Array | None = None, **more: Any) -> jax.Array:
        encode, decode = self.normaliser["input"].encode, self.normaliser["target"].decode
        encoded = {**inputs, "input": encode(inputs["input"])} if isinstance(inputs, Mapping) else encode(inputs)
        return decode(kind.__call__(self, encoded, train=train, key=key, **more))

    return type(kind.__name__, (kind,), {"__call__": call, "__doc__": kind.__doc__, "__module__": kind.__module__})


@functools.cache
def _with_states_normalised(kind: type[nnx.Module]) -> type[nnx.Module]:
    def scaled(self: Any, x: jax.Array) -> jax.Array:
        return self.normaliser[WINDOW].encode(x)

    def unscaled(self: Any, x: jax.Array) -> jax.Array:
        return self.normaliser[WINDOW].decode(x)

    own = {"scaled": scaled, "unscaled": unscaled, "__doc__": kind.__doc__, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), own)


def _shape(name: str, field: FieldSpec, normalisation: Normalisation) -> tuple[int, ...]:
    """Of a field's moments, which all frames of a window have in common."""
    if normalisation == "channel":
        return field.shape[-1:]
    return field.shape[1:] if name == WINDOW else field.shape
