"""What the spectral transforms move between eight devices, forward and gradient; run as a program, prints JSON.

A process has the number of devices that it was started with, so all that needs eight is done in one, see
`test_sharded_transforms.py`.
"""

import collections
import dataclasses
import json
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from spectrax.core.errors import ConfigError
from spectrax.diagnostics.collectives import KINDS, collectives
from spectrax.ops import cosine, distributed, fourier, truncated
from spectrax.ops.dual_tree import dual_tree_2d, inverse_dual_tree_2d
from spectrax.ops.dual_tree_axis import FORMS

AXES = ("data", "fsdp", "model")
BATCH = PartitionSpec(("data", "fsdp"))
CHANNELS = PartitionSpec(("data", "fsdp"), None, None, "model")  # the batch and the channels
SLABS = PartitionSpec(("data", "fsdp"), "model")
WHOLE = PartitionSpec()


@dataclasses.dataclass
class Case:
    """A function, its arguments' shapes and shardings, and what is to be known of it.

    Attributes:
        moves: the kinds of collectives that it may use; only plain JAX may gather.
        mesh: sizes of `AXES`.
        kind: of the mesh's axes.
        twice: compile it for twice the batch too.
    """

    function: Callable
    arguments: list[tuple[tuple[int, ...], PartitionSpec]]
    moves: tuple[str, ...] = ()
    mesh: tuple[int, int, int] = (2, 2, 2)
    kind: AxisType = AxisType.Auto
    twice: bool = False


def image(spec, batch=8):
    return [((batch, 8, 12, 4), spec)]


def there_and_back(x, spec=None):
    return fourier.ifft2(fourier.fft2(x, spec=spec) * jnp.arange(12.0)[:, None], spec=spec).real


def volume(x):
    return fourier.irfftn(fourier.rfftn(x, norm="ortho"), s=x.shape[1:-1], norm="ortho")


def wavelets(form):
    def function(x):
        low, bands = dual_tree_2d(x, form=form)
        return inverse_dual_tree_2d(low * 2, bands, form=form)

    picture = ((8, 48, 64, 2), CHANNELS)
    return Case(function, [picture])


def spectral_convolution(x, weights):
    """FNO's, channel by channel; weights are real and imaginary part."""
    y = truncated.rfftn(x, (3, 5)) * jax.lax.complex(weights[0], weights[1])
    return truncated.irfftn(y, x.shape[1:3])


def cosine_filter(x, weights):
    return truncated.idctn(truncated.dctn(x, (4, 6)) * weights[0, :4, :5].mean(), x.shape[1:3])


def uneven(scale):
    """A batch of twelve over eight devices that never leaves the program, so that nothing has to be put together."""
    place = [jax.lax.broadcasted_iota(jnp.float32, (12, 8, 12, 4), axis) for axis in range(4)]
    x = jnp.sin(place[0] + 2 * place[1] * place[2] + place[3]) * scale
    return jnp.sum(jnp.abs(fourier.rfft2(split(x, PartitionSpec(AXES)), spec=PartitionSpec(AXES))) ** 2, 0)


def split(x, spec):
    """Says that `x` is split, where there is a mesh."""
    return x if jax.sharding.get_abstract_mesh().empty else jax.lax.with_sharding_constraint(x, spec)


def by_hand(function, spec, over):
    """The function in a program of the user's own that runs once per device, over some mesh axes."""

    def outer(x):
        if jax.sharding.get_abstract_mesh().empty:
            return function(x)
        return jax.shard_map(function, in_specs=spec, out_specs=spec, axis_names=set(over))(x)

    return outer


def example_by_example(x):
    one = lambda image: fourier.rfft2(image, axes=(0, 1), spec=WHOLE)  # noqa: E731
    return jax.vmap(one, spmd_axis_name=("data", "fsdp"))(x)


def layer_in_transposed_layout(x):
    y = distributed.rfftn(x, transposed=True)
    return distributed.irfftn(y * 2, x.shape[-2], transposed=True)


WEIGHTS = ((2, 6, 5, 4), WHOLE)
FIELD = ((4, 8, 16, 2), SLABS)
LOCAL = {
    "rfft2": Case(fourier.rfft2, image(BATCH)),
    "rfft2, channels split": Case(lambda x: fourier.rfft2(x, spec=CHANNELS), image(CHANNELS)),
    "rfft2, mesh of explicit axes": Case(fourier.rfft2, image(CHANNELS), kind=AxisType.Explicit),
    "fft2 and ifft2, channels split": Case(lambda x: there_and_back(x, CHANNELS), image(CHANNELS)),
    "rfftn and irfftn": Case(volume, [((8, 4, 5, 6, 4), BATCH)]),
    "dct by FFT, channels split": Case(lambda x: cosine.dct(x, form="fft", spec=CHANNELS), image(CHANNELS)),
    **{f"dual tree, {form}": wavelets(form) for form in FORMS},
    "in a program by hand": Case(by_hand(fourier.rfft2, BATCH, AXES), image(BATCH)),
    "in a program by hand over the batch": Case(
        by_hand(lambda x: fourier.rfft2(x, spec=CHANNELS), BATCH, AXES[:2]), image(CHANNELS)
    ),
    "example by example": Case(example_by_example, image(BATCH)),
}
SUMMED = {  # over the batch, for the gradient of what every device holds whole
    "truncated FFT, channels split": Case(
        spectral_convolution,
        [*image(CHANNELS), ((2, 6, 5, 4), PartitionSpec(None, None, None, "model"))],
        ("all-reduce",),
        twice=True,
    ),
    "truncated DCT, channels split": Case(cosine_filter, [*image(CHANNELS), WEIGHTS], ("all-reduce",)),
    "uneven batch": Case(uneven, [((4,), WHOLE)], ("all-reduce",)),
}
EXCHANGED = {
    name: Case(function, [shape], ("all-to-all",), (1, 2, 4), twice=twice)
    for name, function, shape, twice in (
        ("fftn", distributed.fftn, FIELD, True),
        ("rfftn, half the spectrum does not divide", distributed.rfftn, FIELD, False),
        ("transposed layout, odd size", layer_in_transposed_layout, ((4, 8, 15, 2), SLABS), False),
        ("three dimensions", layer_in_transposed_layout, ((4, 8, 4, 7, 2), SLABS), False),
        ("in a program by hand", by_hand(lambda x: distributed.rfftn(x, "ortho"), SLABS, AXES), FIELD, False),
        (
            "slabs over two mesh axes",
            lambda x: distributed.rfftn(x, spec=PartitionSpec("data", ("fsdp", "model"))),
            ((4, 8, 16, 2), PartitionSpec("data", ("fsdp", "model"))),
            False,
        ),
    )
}
PLAIN = {
    "plain JAX": Case(lambda x: jnp.fft.rfftn(x, axes=(1, 2)), image(CHANNELS), KINDS, twice=True),
}
GROUPS = {"local": LOCAL, "summed": SUMMED, "exchanged": EXCHANGED, "plain": PLAIN}
REFUSED = {
    "space": lambda x: fourier.rfft2(x, spec=PartitionSpec("data", "model")),
    "no batch": lambda x: cosine.dct(x[0], axis=0),
    "unknown mesh axis": lambda x: fourier.rfft2(x, spec=PartitionSpec("data", None, None, "modle")),
    "too many entries": lambda x: fourier.rfft2(x, spec=PartitionSpec("data", None, None, None, "model")),
    "slabs do not divide": lambda x: distributed.fftn(x[:, :7]),
    "wrong slabs": lambda x: distributed.fftn(x, spec=PartitionSpec("data", None, "model")),
}


def moved(compiled):
    """Bytes on one device that a compiled program's collectives move in a call, by kind."""
    totals = collections.Counter()
    for one in collectives(compiled.as_text()):
        totals[one.kind] += one.total_bytes
    return dict(totals)


def with_gradient(function):
    """Its value, and its gradient weighted by something of the value's shape; one program."""

    def both(*arguments):
        value, pullback = jax.vjp(function, *arguments)
        return value, pullback(value * 2)

    return both


def observe(case):
    mesh = jax.make_mesh(case.mesh, AXES, axis_types=(case.kind,) * 3)
    generator = np.random.default_rng(0)
    values = [generator.standard_normal(shape).astype(np.float32) for shape, _ in case.arguments]
    expected = jax.jit(with_gradient(case.function))(*values)
    with jax.set_mesh(mesh):
        placed = [
            jax.device_put(x, NamedSharding(mesh, spec)) for x, (_, spec) in zip(values, case.arguments, strict=True)
        ]
        compiled = jax.jit(with_gradient(case.function)).lower(*placed).compile()
        seen = {"moved": moved(compiled), "difference": difference(compiled(*placed), expected)}
        if case.twice:
            doubled = [
                jax.ShapeDtypeStruct(
                    (2 * shape[0] if index == 0 else shape[0], *shape[1:]), jnp.float32, sharding=x.sharding
                )
                for index, ((shape, _), x) in enumerate(zip(case.arguments, placed, strict=True))
            ]
            seen["moved_by_twice"] = moved(jax.jit(with_gradient(case.function)).lower(*doubled).compile())
    return seen


def difference(found, expected):
    """The greatest, each array's relative to its greatest value."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    # NumPy's maximum, unlike Python's, is NaN where one of them is.
    return float(np.max([np.max(np.abs(np.asarray(x) - y)) / np.max(np.abs(y)) for x, y in pairs]))


def refusals():
    """What is said of calls that cannot be shard-local."""
    said = {}
    with jax.set_mesh(jax.make_mesh((2, 2, 2), AXES, axis_types=(AxisType.Auto,) * 3)):
        for name, call in REFUSED.items():
            try:
                jax.eval_shape(call, jax.ShapeDtypeStruct((8, 8, 12, 4), jnp.float32))
            except ConfigError as error:
                said[name] = str(error)
    return said


if __name__ == "__main__":
    seen = {group: {name: observe(case) for name, case in cases.items()} for group, cases in GROUPS.items()}
    print(json.dumps({**seen, "refused": refusals()}))
