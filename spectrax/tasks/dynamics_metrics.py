"""Sums over masked batches of windows, and what becomes of them: errors of forecasts, valid times, invariant measures,
the effective dimension of the code."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.tasks.dynamics_moments import moment_sums, moments

BY_FRAME = ("latent", "reconstruction", "predicted_latent", "prediction")  # a model's outputs with an axis of frames
COUNT = "examples"
BINS, REACH = 100, 5.0  # of the histograms: over so many of the model's units to each side
_FLOOR = 1e-10  # of a bin's probability
_CIRCLE = (0.95, 1.05)  # moduli that count as near the unit circle
_HIDDEN = ("curve_", "sum_", "histogram_", "matrix_")  # sums that are no metrics by themselves
_FIRST = ("loss", "nrmse", "valid_time")


@dataclasses.dataclass(frozen=True)
class Measures:
    """What is measured of forecasts; the arguments are those of `Dynamics`."""

    horizons: tuple[int, ...]
    dt: float
    lyapunov: float | None
    valid_below: float
    free_steps: int
    reencode: int | None

    @property
    def unit(self) -> float:
        """Of the valid time, in units of time: a Lyapunov time where the exponent is known."""
        return 1 / self.lyapunov if self.lyapunov else 1.0

    def __call__(self, model: Any, window: jax.Array, outputs: Mapping[str, Any], mask: jax.Array) -> dict[str, Any]:
        """Sums over the windows (batch, frames, *state) that the mask (batch,) keeps."""
        truth, prediction = _rows(_scaled(model, window)), _rows(_scaled(model, outputs["prediction"]))
        held = jnp.broadcast_to(truth[:, :1], prediction.shape)
        square = jnp.mean((prediction - truth[:, 1:]) ** 2, -1)
        each = {
            "valid_time": self._valid_time(square),
            "curve_error": square,
            "curve_persistence": jnp.mean((held - truth[:, 1:]) ** 2, -1),
            "histogram_truth": _histograms(truth),
        }
        if self.free_steps:
            each["histogram_free"] = _histograms(_rows(_scaled(model, self._free_run(model, window[:, 0]))))
        sums = added(each, mask)
        sums |= moment_sums("truth", truth, mask, together=False)
        sums |= moment_sums("latent", outputs["latent"], mask, together=True)
        return sums | self._operator(model, sums[COUNT])

    def reduce(self, totals: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Scalars of the sums; the errors at horizons first.

        * `nrmse_step_k`, `nrmse`: root of the mean square error over all windows and coordinates at step k, or of all
          steps, over the standard deviation of the truth (coordinates together).
        * `valid_time`: mean time before the error of a window first exceeds `valid_below`, in Lyapunov times where the
          exponent is known; a window that never does counts with its length.
        * `kl_measure`: KL(truth || free run) of histograms over 5 of the model's units to each side, mean over
          coordinates, in nats.
        * `effective_dimension`: exp(S(C / tr C)), C the covariance of the code, S the von Neumann entropy.
        * `spectral_radius`, `near_circle`: of the operator; the share of moduli from 0.95 to 1.05.
        """
        means = {name: value / totals[COUNT] for name, value in totals.items() if name != COUNT}
        found = {name: float(value) for name, value in means.items() if not name.startswith(_HIDDEN)}
        found["valid_time"] = float(means["valid_time"])
        curve = self.curves(totals)["model"]
        found["nrmse"] = float(np.sqrt(np.mean(curve**2)))
        found |= {f"nrmse_step_{k}": float(curve[k - 1]) for k in self.horizons if k <= len(curve)}
        found["effective_dimension"] = float(effective_dimension(moments("latent", means)[1]))
        if "histogram_free" in means:
            found["kl_measure"] = float(np.mean(kullback_leibler(means["histogram_truth"], means["histogram_free"])))
        if "matrix_operator" in means:
            found |= of_eigenvalues(np.linalg.eigvals(means["matrix_operator"]))
        return dict(sorted(found.items(), key=lambda pair: _FIRST.index(pair[0]) if pair[0] in _FIRST else len(_FIRST)))

    def curves(self, totals: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """NRMSE by step, (frames - 1,): of the model, and of a state that stays what it was."""
        means = {name: np.asarray(value / totals[COUNT], np.float64) for name, value in totals.items() if name != COUNT}
        variance = max(float(np.mean(moments("truth", means)[1])), 1e-300)
        named = {"model": "curve_error", "persistence": "curve_persistence"}
        return {name: np.sqrt(means[key] / variance) for name, key in named.items()}

    def _valid_time(self, square: jax.Array) -> jax.Array:
        """Of each window, (batch,): time before the first step whose error is too large, or is not finite."""
        valid = jnp.sqrt(square) <= self.valid_below
        return jnp.sum(jnp.cumprod(valid, axis=1), axis=1) * (self.dt / self.unit)

    def _free_run(self, model: Any, first: jax.Array) -> jax.Array:
        """States (batch, free_steps, *state) from first frames on."""
        if self.reencode is None:
            return model.decode(model.operator.advance(model.encode(first), self.free_steps))
        block = self.reencode

        def advance(state: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            states = model.decode(model.operator.advance(model.encode(state), block))
            return states[:, -1], states

        _, blocks = jax.lax.scan(advance, first, None, length=-(-self.free_steps // block))
        states = jnp.moveaxis(blocks, 0, 1)  # (batch, blocks, steps of a block, *state)
        return states.reshape(len(first), -1, *first.shape[1:])[:, : self.free_steps]

    def _operator(self, model: Any, count: jax.Array) -> dict[str, jax.Array]:
        """The operator's matrix as a sum over examples, so that batches add up to a multiple of it."""
        operator = getattr(model, "operator", None)
        return {} if operator is None else {"matrix_operator": operator.matrix() * count}


def added(each: Mapping[str, jax.Array], mask: jax.Array) -> dict[str, jax.Array]:
    """Sums over the examples that the mask (batch,) keeps, and their number."""
    sums = {COUNT: jnp.sum(mask, dtype=jnp.float32)}
    for name, values in each.items():
        there = mask.reshape(-1, *[1] * (values.ndim - 1))
        sums[name] = jnp.sum(jnp.where(there, values.astype(jnp.float32), 0.0), 0)
    return sums


def effective_dimension(matrix: np.ndarray) -> float:
    """exp(S(C / tr C)), from 1 to the size of C; S(rho) = -tr rho log rho. 1 where C is nothing but zero."""
    values = np.clip(np.linalg.eigvalsh(matrix), 0, None)
    shares = values[values > 0] / max(values.sum(), 1e-300)
    return float(np.exp(-np.sum(shares * np.log(shares))))


def kullback_leibler(truth: np.ndarray, model: np.ndarray) -> np.ndarray:
    """KL(truth || model) of histograms (coordinates, bins), by coordinate, in nats; bins have at least 1e-10."""
    p, q = (np.maximum(h / np.maximum(h.sum(-1, keepdims=True), 1e-300), _FLOOR) for h in (truth, model))
    return np.sum(p * np.log(p / q), -1)


def of_eigenvalues(eigenvalues: np.ndarray) -> dict[str, float]:
    """How large they are, and how many lie near the unit circle."""
    moduli = np.abs(eigenvalues)
    near = (_CIRCLE[0] <= moduli) & (moduli <= _CIRCLE[1])
    return {"spectral_radius": float(moduli.max()), "near_circle": float(near.mean())}


def _histograms(x: jax.Array) -> jax.Array:
    """Shares of the frames (batch, frames, coordinates) in each bin, (batch, coordinates, bins); what lies outside, or
    is not finite, is in the last bin to its side."""
    batch, frames, count = x.shape
    place = jnp.nan_to_num((x + REACH) * (BINS / (2 * REACH)), nan=BINS, posinf=BINS, neginf=0)
    bins = jnp.clip(place, 0, BINS - 1).astype(jnp.int32)
    rows = jnp.arange(batch)[:, None, None], jnp.arange(count)[None, None, :]
    return jnp.zeros((batch, count, BINS)).at[rows[0], rows[1], bins].add(1 / frames)


def _scaled(model: Any, x: jax.Array) -> jax.Array:
    return model.scaled(x) if hasattr(model, "scaled") else x


def _rows(x: jax.Array) -> jax.Array:
    """(batch, frames, *state) -> (batch, frames, numbers), float32."""
    return x.reshape(*x.shape[:2], -1).astype(jnp.float32)
