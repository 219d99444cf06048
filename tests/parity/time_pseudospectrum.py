"""Time pseudospectra of 100 functions on 100 x 100 points, real dictionaries and complex ones.

usage: python tests/parity/time_pseudospectrum.py [repetitions]   (nothing else should run)

Printed are the median of the wall-clock seconds, the processor's seconds (of all threads), and how far a few points are
from singular values that NumPy finds of all rows. A real dictionary has a pseudospectrum symmetric about the real axis,
of which half is computed; a complex one has none.
"""

import statistics
import sys
import time

import numpy as np

FUNCTIONS, POINTS, PAIRS = 100, 100, 5000


def cases():
    """By name, a fitted dictionary and pairs of the undamped Duffing oscillator, 0.25 apart."""
    import jax.numpy as jnp

    from spectrax.estimators.dictionaries.rbf import RBF
    from spectrax.estimators.snapshots import Pairs
    from spectrax.solvers.dynamics.oscillators import Duffing

    system = Duffing()
    rng = np.random.default_rng(0)
    run = system.trajectories(np.stack([system.initial(rng) for _ in range(PAIRS)]), length=2, dt=0.25)
    pairs = Pairs(run[:, 0], run[:, 1])
    real = RBF(FUNCTIONS, "laplacian").fitted(pairs.x, 0)
    tilt = np.exp(0.3j * np.arange(FUNCTIONS))
    return {"real": (real, pairs), "complex": (lambda x: real(x) * jnp.exp(1j * x[:, :1]) * tilt, pairs)}


def main():
    """Print a line for each case."""
    from spectrax.estimators.pseudospectrum import complex_grid, pseudospectrum
    from spectrax.estimators.qr import factors

    repetitions = int(sys.argv[1]) if sys.argv[1:] else 3
    z = complex_grid(points=POINTS)
    for name, (dictionary, pairs) in cases().items():
        made = factors(dictionary, pairs)
        pseudospectrum(made, z[:1, :2])  # what is loaded once
        walls, processors = [], []
        for _ in range(repetitions):
            wall, processor = time.perf_counter(), time.process_time()
            tau = pseudospectrum(made, z)
            walls.append(time.perf_counter() - wall)
            processors.append(time.process_time() - processor)
        print(
            f"{name}: {statistics.median(walls):.2f} s, {statistics.median(processors):.2f} s of processors; "
            f"relative difference from all rows {differs(dictionary, pairs, z, tau):.1e}"
        )


def differs(dictionary, pairs, z, tau):
    """The largest relative difference at three points."""
    import jax.numpy as jnp

    from spectrax.estimators.precision import double_precision

    with double_precision():
        px, py = (np.asarray(dictionary(jnp.asarray(part))) for part in (pairs.x, pairs.y))
    q, r = np.linalg.qr(px)
    c = np.linalg.solve(r.T, py.T).T
    places = [(3, 5), (50, 70), (99, 20)]
    exact = [np.linalg.svd(c - z[place] * q, compute_uv=False)[-1] for place in places]
    return max(abs(tau[place] / value - 1) for place, value in zip(places, exact, strict=True))


if __name__ == "__main__":
    main()
