"""Time EDMD and exact DMD against deeptime, kooplearn and PyDMD, in turns; and what streaming takes of memory.

usage: python tests/parity/compare_speed_estimators.py [repetitions | stream [pairs] | pykoopman]
       (needs the extra `peers`; nothing else should run; for one thread: OMP_NUM_THREADS=1 taskset -c 0 ...)

EDMD: 20,000 pairs of Lorenz-63 and 300 Gaussian radial basis functions at given centres, from states to eigenvalues and
eigenvectors. Theirs evaluate the same functions in NumPy. DMD: 4096 coordinates, 400 pairs of a field of 40 patterns
with noise. `stream`: the Gram matrices of 1,000,000 pairs, or so many, and 500 functions, from a file, to eigenvalues;
what it took of time, and the most memory that the process held, before and after. `pykoopman`: its EDMD alone, in an
environment of its own, where nothing of ours is needed.
"""

import resource
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import speed

PAIRS, FUNCTIONS, SCALE = 20_000, 300, 0.4
COORDINATES, SNAPSHOTS, PATTERNS = 4096, 400, 40
STREAMED, STREAMED_FUNCTIONS = 1_000_000, 500
RANKS = {"40": 40, "by Gavish-Donoho": "gavish_donoho", "all": None}


def lorenz(length):
    """States (length, 3), scaled to about 1, every 0.05 from Runge-Kutta steps of 0.01 of 100 trajectories in turn."""
    count = 100
    x = np.random.default_rng(0).uniform([-10, -10, 15], [10, 10, 35], (count, 3))
    frames = -(-length // count)
    found = np.empty((count, frames, 3))
    for step in range(-1000, 5 * frames):
        if step >= 0 and step % 5 == 0:
            found[:, step // 5] = x
        a = _slope(x)
        b = _slope(x + 0.005 * a)
        c = _slope(x + 0.005 * b)
        x = x + 0.01 / 6 * (a + 2 * b + 2 * c + _slope(x + 0.01 * c))
    return found.reshape(-1, 3)[:length] / 20 - [0, 0, 1.2]


def _slope(x):
    first, second, third = x.T
    return np.stack([10 * (second - first), first * (28 - third) - second, first * second - 8 / 3 * third], axis=1)


def snapshots():
    """States (pairs + 1, 3) and centres (functions, 3)."""
    states = lorenz(PAIRS + 1)
    return states, states[np.random.default_rng(1).choice(PAIRS, FUNCTIONS, replace=False)]


def field():
    """(coordinates, snapshots + 1): decaying waves in 40 patterns, and noise."""
    generator = np.random.default_rng(2)
    patterns = generator.standard_normal((COORDINATES, PATTERNS))
    angles = np.repeat(generator.uniform(0.1, 3, PATTERNS // 2), 2) * np.arange(SNAPSHOTS + 1)[:, None]
    waves = np.where(np.arange(PATTERNS) % 2, np.sin(angles), np.cos(angles))
    return patterns @ waves.T + 0.01 * generator.standard_normal((COORDINATES, SNAPSHOTS + 1))


def basis(centres):
    """The same functions in NumPy: distances by a product of matrices."""

    def evaluated(x):
        squares = (x**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * x @ centres.T
        return np.exp(squares / -(SCALE**2))

    return evaluated


def theirs():
    import logging

    warnings.simplefilter("ignore")
    from deeptime.decomposition import EDMD
    from kooplearn.linear_model import Ridge
    from pydmd import DMD

    logging.disable(logging.WARNING)
    states, centres = snapshots()
    functions, wide = basis(centres), field()
    ranks = {"40": 40, "by Gavish-Donoho": 0, "all": -1}

    def kooplearn():
        return Ridge(alpha=1e-10, reduced_rank=False, eigen_solver="dense").fit(functions(states)).eig()

    actions = {
        "EDMD, deeptime": lambda: EDMD(functions).fit((states[:-1], states[1:])).fetch_model().eigenvalues,
        "EDMD, kooplearn": kooplearn,
    }
    actions["EDMD by QR, deeptime"] = actions["EDMD, deeptime"]
    for name, rank in ranks.items():
        actions[f"exact DMD, {name}"] = lambda rank=rank: DMD(svd_rank=rank, exact=True).fit(wide[:, :-1], wide[:, 1:])
    return actions


def ours():
    warnings.simplefilter("ignore")
    from spectrax.estimators.dictionaries.rbf import RBF
    from spectrax.estimators.dmd import dynamic_modes
    from spectrax.estimators.edmd import EDMD
    from spectrax.estimators.snapshots import Pairs

    states, centres = snapshots()
    dictionary, wide = RBF(centres=centres, scale=SCALE), field()

    def edmd(solver):
        return EDMD(dictionary, solver).fit(Pairs(states[:-1], states[1:]))

    actions = {"EDMD, deeptime": lambda: edmd("gram"), "EDMD, kooplearn": lambda: edmd("gram")}
    actions["EDMD by QR, deeptime"] = lambda: edmd("qr")
    for name, rank in RANKS.items():
        actions[f"exact DMD, {name}"] = lambda rank=rank: dynamic_modes(wide[:, :-1], wide[:, 1:], rank)
    return actions


def stream(pairs=STREAMED):
    """Print what the streamed fit took."""
    import jax

    from spectrax.estimators.dictionaries.rbf import RBF
    from spectrax.estimators.edmd import EDMD
    from spectrax.estimators.snapshots import Stream

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "states.npy"
        np.save(path, lorenz(pairs + 1))
        states = np.load(path, mmap_mode="r")
        jax.devices()
        print(f"before: {_peak():,.0f} MiB")
        dictionary = RBF(STREAMED_FUNCTIONS, scale=SCALE, placing="subsample")
        start = time.perf_counter()
        spectrum = EDMD(dictionary, "gram", progress=True).fit(Stream([states])).unverified()
        seconds = time.perf_counter() - start
    print(f"{pairs:,} pairs, {STREAMED_FUNCTIONS} functions: {seconds:.1f} s, peak {_peak():,.0f} MiB")
    print(f"{len(spectrum.eigenvalues)} eigenvalues, largest {abs(spectrum.eigenvalues[0]):.9f}")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def pykoopman(repetitions=5):
    """Print the median of its EDMD."""
    warnings.simplefilter("ignore")
    import pykoopman

    states, centres = snapshots()
    observables = pykoopman.observables.RadialBasisFunction(
        rbf_type="gauss", n_centers=FUNCTIONS, centers=centres.T, kernel_width=1 / SCALE, include_state=False
    )
    times = []
    for _ in range(repetitions + 1):
        start = time.perf_counter()
        model = pykoopman.Koopman(observables=observables, regressor=pykoopman.regression.EDMD(svd_rank=FUNCTIONS))
        model.fit(states[:-1], y=states[1:])
        np.linalg.eig(model.A)
        times.append(time.perf_counter() - start)
    print(f"EDMD, pykoopman: {statistics.median(times[1:]):.3f} s")


if __name__ == "__main__":
    modes = {"stream": stream, "pykoopman": pykoopman}
    if sys.argv[1:] and sys.argv[1] in modes:
        modes[sys.argv[1]](*map(int, sys.argv[2:]))
    else:
        speed.compare(theirs, ours, count=1, unit="fits")
