"""The Kuramoto-Sivashinsky equation u_t + u u_x + u_xx + viscosity u_xxxx = 0 on a circle: chaos in one dimension."""

import numpy as np
from numpy.typing import ArrayLike

from spectrax.solvers.burgers import burgers_initial
from spectrax.solvers.exponential_steppers import trajectories

MODES = 32  # of the initial fields


def kuramoto_sivashinsky_initial(seed: int, index: int, points: int) -> np.ndarray:
    """The initial field (points,) of example `index`: that of Burgers' equation without a mean, truncated at 32 waves.

    The unstable waves of a circle of length 64 grow from it within some 20 units of time.
    """
    return burgers_initial(seed, index, points, modes=MODES)


def kuramoto_sivashinsky(
    initial: ArrayLike,
    *,
    viscosity: float = 1.0,
    length: float = 64.0,
    frames: int = 100,
    interval: float = 1.0,
    time_step: float = 0.05,
) -> np.ndarray:
    """Trajectories from initial fields (batch, points), periodic with period `length`.

    `viscosity` multiplies the fourth derivative: waves shorter than 2 pi sqrt(viscosity) decay, and a circle of length
    over about 22 sqrt(viscosity) is chaotic. Returns float64 (batch, frames, points), at the times interval,
    2 interval ... (the initial fields are not among them; leave out the first frames for data on the attractor). The
    mean is conserved. `time_step` is the longest step taken; trajectories that differ by it, or by resolution, part
    exponentially, at about 0.1 per unit of time. Raises ConfigError where exponax is missing or a solution does not
    stay finite.
    """
    return trajectories(
        "KuramotoSivashinskyConservative",
        initial,
        length=length,
        frames=frames,
        interval=interval,
        time_step=time_step,
        fourth_order_scale=viscosity,
    )
