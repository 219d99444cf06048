"""Time vorticity's solver, 64x64, a batch of 20, against the FNO authors' generator, in turns.

usage: NAVIER_STOKES_SOURCE=/path/to/ns_2d.py python tests/parity/compare_speed_navier_stokes.py [repetitions | shares]
       (needs torch; nothing else should run)

The file is data_generation/navier_stokes/ns_2d.py of the history of github.com/neuraloperator/neuraloperator, whose
function `navier_stokes_2d` is called; what it does below that, on a GPU, is left out. An action is a number of steps
from the same fields. How they take turns and what is reported: see `speed`. With `shares`, both codes' results are
compared instead, and the part of a step is told in which fields are transformed: transforms alone, as often as a step
needs them, over the whole step.
"""

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import speed

SIZE, BATCH, STEPS, STEP, VISCOSITY = 64, 20, 200, 1e-3, 1e-3
DTYPES = ("float32", "float64")


def start():
    """Initial vorticity (batch, size, size) and forcing (size, size)."""
    from spectrax.solvers import navier_stokes, random_fields

    noise = [random_fields.complex_noise(0, index, (SIZE, SIZE)) for index in range(BATCH)]
    return np.stack([random_fields.periodic_field(one) for one in noise]), navier_stokes.sinusoidal_forcing(SIZE)


def their_function():
    """`navier_stokes_2d` of their file, without the script that follows it and what that imports."""
    text = Path(os.environ["NAVIER_STOKES_SOURCE"]).read_text()
    text = text[: re.search(r"^device = ", text, re.MULTILINE).start()]
    text = re.sub(r"^(import matplotlib.*|import scipy.*|from random_fields .*)$", "", text, flags=re.MULTILINE)
    names = {}
    exec(compile(text, "ns_2d.py", "exec"), names)
    return names["navier_stokes_2d"]


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch

    torch.set_num_threads(speed.cores())
    solve = their_function()
    vorticity, forcing = start()

    def action(dtype):
        w, f = (torch.tensor(field, dtype=getattr(torch, dtype)) for field in (vorticity, forcing))

        def run():
            torch.set_default_dtype(getattr(torch, dtype))
            end = (STEPS - 0.5) * STEP  # of which they take the ceiling
            with torch.no_grad():
                return solve(w, f, VISCOSITY, end, STEP, 1)[0].numpy()

        return run

    return {dtype: action(dtype) for dtype in DTYPES}


def ours():
    """The same of this code."""
    return {"float32": lambda: _solved("float32"), "float64": lambda: _solved("float64")}


def report_results_and_shares():
    """Whether both codes come to the same; and of a step, the part in which fields are transformed."""
    from spectrax.solvers.precision import computing_in

    for dtype, solve in theirs().items():
        expected = solve()
        print(f"{dtype}: relative difference {_relative(ours()[dtype](), expected):.1e}")
    for dtype in DTYPES:
        for form in ("fft", "matmul"):
            with computing_in(dtype):
                transforms = _transforms(form, dtype)
            step = _least(lambda: _solved(dtype, form)) / STEPS  # noqa: B023
            share = f"{1e3 * transforms:.2f} ms, {transforms / step:.0%}"
            print(f"{dtype}, {form}: a step {1e3 * step:.2f} ms, of which transforms {share}", flush=True)


def _relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def _solved(dtype, form=None):
    from spectrax.solvers import navier_stokes

    vorticity, forcing = start()
    return navier_stokes.solve(
        vorticity, viscosity=VISCOSITY, times=[STEPS * STEP], step=STEP, forcing=forcing, dtype=dtype, form=form
    )


def _transforms(form, dtype):
    """Seconds of the transforms of a step without what is between them: four inverse ones and one forward."""
    import jax
    import jax.numpy as jnp

    from spectrax.solvers import vorticity_products

    w = jnp.asarray(start()[0], dtype)
    if form == "fft":
        return _seconds(jnp.fft.irfft2, jnp.fft.rfft2(jnp.concatenate([w] * 4))) + _seconds(jnp.fft.rfft2, w)
    m = vorticity_products.Matrices(*(jnp.asarray(matrix, dtype) for matrix in vorticity_products._matrices(SIZE)))
    slots = vorticity_products._slots(w, m)
    return _seconds(lambda both: _products(both, m), jax.tree.map(lambda part: jnp.stack([part, part], 1), slots))


def _products(both, m):
    """Every product of a step, without what is between them."""
    from spectrax.solvers.vorticity_products import _analysed_within, _left, _product
    from spectrax.solvers.vorticity_steps import kept_frequency

    cosines, sines = both
    even = _product(_left(m.cosines, cosines), m.derived_along_y), _product(_left(m.derived_sines, sines), m.along_y)
    odd = _product(_left(m.sines, sines), m.derived_along_y), _product(_left(m.derived_cosines, cosines), m.along_y)
    return even, odd, _analysed_within((even[0][:, 0], odd[0][:, 0]), m, kept_frequency(SIZE))


def _seconds(function, argument, calls=50):
    """Of a call, in a loop of which the compiler cannot leave anything out."""
    import jax

    @jax.jit
    def loop(state):
        return jax.lax.fori_loop(
            0, calls, lambda _, state: jax.lax.optimization_barrier((state[0], function(state[0]))), state
        )

    state = argument, function(argument)
    return _least(lambda: jax.block_until_ready(loop(state))) / calls


def _least(function, repetitions=10):
    function()
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    if sys.argv[1:] == ["shares"]:
        report_results_and_shares()
    else:
        speed.compare(theirs, ours, count=BATCH * STEPS, unit="steps of a sample")
