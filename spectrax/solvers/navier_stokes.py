"""Flow in two dimensions on the unit torus: vorticity, pseudo-spectral in space, Crank-Nicolson in time.

    w_t + u . grad w = nu Laplacian w + f,    u = (psi_y, -psi_x),    Laplacian psi = -w

The scheme is that of the generator of Li et al., "Fourier neural operator for parametric partial differential
equations" (2021), A.3.3: advection is formed at the grid's points and dealiased by the two thirds rule afterwards;
advection and forcing take a forward Euler step, viscosity a Crank-Nicolson step. Axes are x, then y.
"""

import math
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.ops.choices import check_choice
from spectrax.parallel.devices import target_platform
from spectrax.solvers import vorticity_products, vorticity_steps
from spectrax.solvers.field_files import read_arrays, write_arrays
from spectrax.solvers.precision import computing_in

Progress = Callable[[int], None]
Form = Literal["matmul", "fft"]

_FORMS = {"matmul": vorticity_products.advance, "fft": vorticity_steps.advance}


def sinusoidal_forcing(size: int, amplitude: float = 0.1) -> np.ndarray:
    """amplitude (sin 2 pi (x + y) + cos 2 pi (x + y)), (size, size), the benchmark's forcing; float64."""
    points = np.arange(size) / size
    phase = 2 * math.pi * (points[:, None] + points)
    return amplitude * (np.sin(phase) + np.cos(phase))


def solve(
    vorticity: ArrayLike,
    *,
    viscosity: float,
    times: Sequence[float],
    step: float = 1e-3,
    forcing: ArrayLike | None = None,
    dtype: str = "float64",
    form: Form | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """The vorticity (batch, size, size, len(times)) at each of `times`, from `vorticity` (batch, size, size) at 0.

    Args:
        vorticity: an even size.
        viscosity: nu, in squared lengths of the torus per unit of time.
        times: rising multiples of `step`; 0 may be among them.
        step: of the scheme, in units of time.
        forcing: f, (size, size) or (batch, size, size); None: `sinusoidal_forcing`.
        dtype: "float64", on the CPU, or "float32", on the default device; of the result too.
        form: how fields are transformed, "matmul" or "fft"; None chooses by size and device. The same numbers.
        progress: called at each of `times` with the number of steps done since the one before.

    Raises:
        ConfigError: when a shape, a time, `dtype` or `form` is wrong, or the vorticity is no longer finite at a time.
    """
    vorticity, forcing = _fields(vorticity, forcing)
    counts = _step_counts(times, step)
    if form is not None:
        check_choice("form", form, list(_FORMS))
    if viscosity < 0:
        raise ConfigError(f"A viscosity is zero or more, not {viscosity}.")
    with computing_in(dtype):
        result = np.empty((*vorticity.shape, len(counts)), dtype)
        advance = _FORMS[_choose_form(vorticity.shape[1], dtype) if form is None else form]
        state, push = np.asarray(vorticity, dtype), np.asarray(forcing, dtype)
        for number, (before, count) in enumerate(zip([0, *counts], counts, strict=False)):
            if count > before:
                state = advance(state, push, np.asarray(viscosity, dtype), np.asarray(step, dtype), count - before)
            result[..., number] = state
            if not np.isfinite(result[..., number]).all():
                raise ConfigError(_blown_up(times[number], step))
            if progress is not None:
                progress(count - before)
    return result


def _choose_form(size: int, dtype: str) -> Form:
    """As measured on one core: in float32 products take 0.3 of the time of FFTs at 32, 0.6 at 64, 0.9 at 128 and 1.4
    at 256, in float64 0.8 at 64 and 1.3 at 128. On accelerators not measured."""
    platform = "cpu" if dtype == "float64" else target_platform()
    return "matmul" if platform == "cpu" and size <= 96 else "fft"


def _fields(vorticity: ArrayLike, forcing: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Both as (batch, size, size), the forcing's batch 1 where it is the same for all."""
    vorticity = np.asarray(vorticity)
    if vorticity.ndim != 3 or vorticity.shape[1] != vorticity.shape[2] or vorticity.shape[1] % 2 or not vorticity.size:
        raise ConfigError(
            f"Vorticity has the shape (batch, size, size) with an even size, not {list(vorticity.shape)}."
        )
    forcing = sinusoidal_forcing(vorticity.shape[1]) if forcing is None else np.asarray(forcing)
    forcing = forcing[None] if forcing.ndim == 2 else forcing
    if forcing.shape not in (vorticity.shape, (1, *vorticity.shape[1:])):
        raise ConfigError(
            f"The forcing of vorticity {list(vorticity.shape)} has the shape (size, size) or (batch, size, size), not "
            f"{list(forcing.shape)}."
        )
    if not (np.isfinite(vorticity).all() and np.isfinite(forcing).all()):
        raise ConfigError("Vorticity and forcing are finite numbers: look for NaN and infinity in the samples.")
    return vorticity, forcing


def _step_counts(times: Sequence[float], step: float) -> list[int]:
    if not step > 0:
        raise ConfigError(f"The time step is positive, not {step}.")
    counts = [round(time / step) for time in times]
    for before, time, count in zip([0, *counts], times, counts, strict=False):
        if abs(count * step - time) > 1e-3 * step or count < before:
            raise ConfigError(
                f"Vorticity cannot be recorded at {time:g}: times rise from zero in multiples of the step {step:g}."
            )
    return counts


def _blown_up(time: float, step: float) -> str:
    return f"The vorticity is no longer finite at time {time:g}. Take a time step shorter than {step:g}."


def solve_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    viscosity: float,
    times: Sequence[float],
    step: float = 1e-3,
    **options: Any,
) -> None:
    """Solve for what an .npz file holds, and write another with the flow.

    Args:
        source: with "vorticity" (batch, size, size), and "forcing" as in `solve` if it is not the sinusoidal one.
        target: gets "initial", which is the vorticity as it was, "vorticity" (batch, size, size, times), "times"
            (times,), "viscosity" and "step".
        viscosity, times, step, options: as in `solve`; options by name.

    Raises:
        DataMissing: when there is no source.
        UnreadableFile: when it is no .npz file, holds anything but real numbers, or lacks a vorticity.
        RunDirectoryError: when the target cannot be written.
        ConfigError: as in `solve`.
    """
    given = read_arrays(source, ["vorticity"], ["forcing"])
    flow = solve(**given, viscosity=viscosity, times=times, step=step, **options)
    write_arrays(
        target, initial=given["vorticity"], vorticity=flow, times=np.asarray(times), viscosity=viscosity, step=step
    )
