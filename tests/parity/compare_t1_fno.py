"""Time a training step of FNO and of T1, alike in width, modes and depth, as the grid grows: T1's claim, as a plot.

usage: python tests/parity/compare_t1_fno.py OUTPUT.png [repetitions]   (nothing else should run)

Both learn fields of one channel by relative L2 and AdamW, in turns, in one process. FNO compares fields; T1 compares
cosine coefficients and computes no inverse, as it is trained. Written are a plot of medians with their ranges, and
beside it, under the same name, a .csv of them.
"""

import statistics
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from spectrax.core.trees import merge_module, parameter_count, split_module
from spectrax.models.fno_classic import ClassicFNO
from spectrax.models.t1 import T1
from spectrax.ops import cosine

GRIDS = (64, 96, 128, 192, 256)
BATCH, WIDTH, MODES, DEPTH = 4, 32, 24, 6
FIELDS = {"in_channels": 1, "out_channels": 1, "width": WIDTH, "modes": MODES}


def make(name, side):
    """The network, and whether it is compared in the frequency domain."""
    grid = [side, side]
    if name == "FNO":
        return ClassicFNO(grid=grid, layers=DEPTH, **FIELDS, rngs=nnx.Rngs(0)), False
    return T1(grid=grid, depth=DEPTH, weight_init="variance_preserving", **FIELDS, rngs=nnx.Rngs(0)), True


def training_step(name, side):
    """A function that makes one step and waits for it, and the number of parameters."""
    model, spectral = make(name, side)
    graph, parameters, statistics_ = split_module(model)
    optimizer = optax.adamw(1e-3, weight_decay=1e-4)
    fields = np.random.default_rng(0).standard_normal((2, BATCH, side, side, 1)).astype(np.float32)
    x, target = map(jnp.asarray, fields)

    def update(state, x, target):
        def loss(parameters):
            wanted = cosine.dctn(target, norm="ortho") if spectral else target
            found = merge_module(graph, parameters, statistics_)(x, train=True)
            norm = lambda array: jnp.sqrt(jnp.sum(array**2, (1, 2, 3)))  # noqa: E731
            return jnp.mean(norm(found - wanted) / norm(wanted))

        value, gradients = jax.value_and_grad(loss)(state[0])
        updates, moments = optimizer.update(gradients, state[1], state[0])
        return (optax.apply_updates(state[0], updates), moments), value

    state = [(parameters, optimizer.init(parameters))]
    compiled = jax.jit(update, donate_argnums=0).lower(state[0], x, target).compile()

    def step():
        state[0], value = compiled(state[0], x, target)
        jax.block_until_ready((state[0], value))

    return step, parameter_count(parameters)


def measure(repetitions):
    """Rows (grid, name, parameters, median, lowest, highest), times in seconds."""
    rows = []
    for side in GRIDS:
        steps = {name: training_step(name, side) for name in ("FNO", "T1")}
        times = {name: [] for name in steps}
        for _ in range(repetitions + 1):
            for name, (step, _) in steps.items():
                start = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - start)
        for name, (_, parameters) in steps.items():
            taken = times[name][1:]  # the first one warms up
            rows.append((side, name, parameters, statistics.median(taken), min(taken), max(taken)))
            print(*rows[-1], flush=True)
    return rows


def draw(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, marker in (("FNO", "o"), ("T1", "s")):
        side, median, low, high = np.array([[row[0], *row[3:]] for row in rows if row[1] == name]).T
        axes.errorbar(side, median, [median - low, high - median], marker=marker, capsize=3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="grid points along each side", ylabel="seconds per training step")
    axes.set_xticks(GRIDS, labels=map(str, GRIDS))
    axes.minorticks_off()
    axes.set_title(f"width {WIDTH}, {MODES} modes, {DEPTH} layers, batch {BATCH}, {jax.devices()[0].platform}")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = Path(sys.argv[1])
    rows = measure(int(sys.argv[2]) if len(sys.argv) > 2 else 10)
    lines = ["grid,model,parameters,median_seconds,lowest,highest", *(",".join(map(str, row)) for row in rows)]
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")
    draw(rows, path)


if __name__ == "__main__":
    main()
