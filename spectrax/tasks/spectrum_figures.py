"""Figures of spectra with their evidence; each is drawn when it is called."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spectrax.estimators.evidence import Evidence
from spectrax.plots import koopman_eigenfunctions, koopman_eigenvalues, koopman_forecasts, koopman_pseudospectrum

_POINTS = 20_000  # states at which eigenfunctions are drawn
_SHOWN = 3  # trajectories


def of_evidence(found: Evidence) -> dict[str, Callable[[], Any]]:
    """Eigenvalues by residual and, where there is a grid, the pseudospectrum with what is certified."""
    drawn = {"eigenvalues": lambda: eigenvalues(found)}
    return drawn | ({"pseudospectrum": lambda: pseudospectrum(found)} if len(found.axis) else {})


def eigenvalues(found: Evidence) -> Any:
    """In the complex plane, and residual against modulus."""
    spectrum, threshold = found.spectrum, found.plan.threshold
    return koopman_eigenvalues.by_residual(
        spectrum.eigenvalues, spectrum.residuals, threshold, found.certified_eigenvalues
    )


def pseudospectrum(found: Evidence) -> Any:
    """Contours; for an isometry the certified points are those of the circle, else those that SpecGrid keeps."""
    spectrum, plan = found.spectrum, found.plan
    return koopman_pseudospectrum.pseudospectrum(
        found.axis, found.axis, found.least, spectrum.eigenvalues, spectrum.residuals, plan.threshold,
        found.certified, found.isometry, found.certified_eigenvalues,
    )  # fmt: skip


def eigenfunctions(
    found: Evidence, states: np.ndarray, plane: tuple[int, ...], names: Sequence[str], count: int
) -> Any:
    """Of the eigenvalues with the least residuals but the constant's, over two coordinates or one."""
    spectrum = found.spectrum
    chosen = found.best(count)
    shown = states[:_POINTS]
    titles = [_title(spectrum.eigenvalues[j], spectrum.residuals[j]) for j in chosen]
    values = spectrum.eigenfunctions(shown)[:, chosen]
    if len(plane) == 1:
        return koopman_eigenfunctions.curves(shown[:, plane[0]], values, titles, names[0])
    return koopman_eigenfunctions.eigenfunctions(shown[:, plane], values, titles, names)


def forecasts(truth: np.ndarray, prediction: np.ndarray, times: np.ndarray, names: Sequence[str] | None) -> Any:
    """The best, the median and the worst of the trajectories (pieces, steps + 1, coordinates)."""
    whole = np.concatenate([truth[:, :1], prediction], axis=1)
    errors = np.sqrt(np.mean(((whole - truth) / np.maximum(truth.std((0, 1)), 1e-300)) ** 2, axis=(1, 2)))
    order = np.argsort(np.where(np.isfinite(errors), errors, np.inf))
    chosen = list(dict.fromkeys(order[np.linspace(0, len(order) - 1, min(_SHOWN, len(order))).astype(int)]))
    titles = [f"{word} ({errors[j]:.2g})" for word, j in zip(("best", "median", "worst"), chosen, strict=False)]
    count = truth.shape[-1]
    shown = list(names) if names and len(names) == count else [f"x{place + 1}" for place in range(count)]
    return koopman_forecasts.trajectories(truth[chosen], whole[chosen], times, shown, titles)


def _title(value: complex, residual: float) -> str:
    return f"{value:.3f}, residual {residual:.3g}\nmodulus {abs(value):.3f}, angle {np.angle(value):.3f}"
