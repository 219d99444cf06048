"""Figures of learned dynamics: which windows are shown, and what is drawn of whole splits' sums."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.plots import koopman_eigenvalues, koopman_forecasts
from spectrax.tasks import dynamics_metrics
from spectrax.tasks.dynamics_metrics import Measures

_SHOWN = 3


def forecasts(window: np.ndarray, prediction: np.ndarray, dt: float, names: Sequence[str] | None) -> Any:
    """The best, the median and the worst of the windows.

    Args:
        window: (batch, frames, *state).
        prediction: (batch, frames - 1, *state), of the later frames.
    """
    truth, whole = _joined(window, prediction)
    scale = np.maximum(truth.std((0, 1)), 1e-12)
    errors = np.sqrt(np.mean(((whole - truth) / scale) ** 2, axis=(1, 2)))
    order = np.argsort(np.where(np.isfinite(errors), errors, np.inf))
    places = dict.fromkeys(order[np.linspace(0, len(order) - 1, min(_SHOWN, len(order))).astype(int)])
    words = dict(zip(places, ("best", "median", "worst"), strict=False))
    titles = [f"{words[place]} ({errors[place]:.2g})" for place in places]
    chosen = list(places)
    return koopman_forecasts.trajectories(truth[chosen], whole[chosen], _times(truth, dt), _names(truth, names), titles)


def sheet(
    window: np.ndarray, prediction: np.ndarray, dt: float, names: Sequence[str] | None, titles: Sequence[str]
) -> Any:
    """The first windows."""
    truth, whole = _joined(window[:4], prediction[:4])
    return koopman_forecasts.trajectories(truth, whole, _times(truth, dt), _names(truth, names), titles[:4])


def errors(curves: Mapping[str, np.ndarray], measures: Measures) -> Any:
    """NRMSE against time."""
    times = np.arange(1, len(curves["model"]) + 1) * measures.dt / measures.unit
    unit = "Lyapunov times" if measures.lyapunov else "units"
    return koopman_forecasts.error_against_time(curves, times, unit, measures.valid_below)


def of_sums(totals: Mapping[str, np.ndarray], measures: Measures, names: Sequence[str] | None) -> dict[str, Any]:
    """The eigenvalues of the operator, and histograms of the free run, where there are such."""
    drawn = {}
    count = totals[dynamics_metrics.COUNT]
    if "matrix_operator" in totals:
        eigenvalues = np.linalg.eigvals(totals["matrix_operator"] / count)
        drawn["eigenvalues"] = koopman_eigenvalues.plain(
            eigenvalues, "learned operator (no residuals: see certificate)"
        )
    if "histogram_free" in totals:
        reach, bins = dynamics_metrics.REACH, dynamics_metrics.BINS
        visited = {"truth": totals["histogram_truth"] / count, "free run": totals["histogram_free"] / count}
        divergence = float(np.mean(dynamics_metrics.kullback_leibler(*visited.values())))
        edges = np.linspace(-reach, reach, bins + 1)
        shown = _named(len(visited["truth"]), names)
        drawn["invariant_measure"] = koopman_forecasts.histograms(edges, visited, shown, divergence)
    return drawn


def _joined(window: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and forecast as (batch, frames, numbers), both beginning with the first frame."""
    whole = np.concatenate([window[:, :1], prediction], axis=1)
    return tuple(x.reshape(*x.shape[:2], -1) for x in (window, whole))


def _times(truth: np.ndarray, dt: float) -> np.ndarray:
    return np.arange(truth.shape[1]) * dt


def _names(truth: np.ndarray, names: Sequence[str] | None) -> list[str]:
    return _named(truth.shape[-1], names)


def _named(count: int, names: Sequence[str] | None) -> list[str]:
    """The names where there are as many, else x1, x2 and so on."""
    return list(names) if names and len(names) == count else [f"x{place + 1}" for place in range(count)]
