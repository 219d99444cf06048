"""What a fitted spectrum may claim, and in plain sentences what it may not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from spectrax.estimators.spectrum import KoopmanSpectrum

DEFECT_ALLOWED = 0.1  # of an isometry's norms on finite data, however many they are


def certificate(spectrum: KoopmanSpectrum, threshold: float, isometry: bool) -> dict[str, Any]:
    """Each eigenvalue with its residual and whether it is certified at `threshold`; JSON-ready.

    With `isometry`, unless the pairs refute it, an eigenvalue's level is max(residual, |1 - |eigenvalue||): the
    approximate point spectrum of an isometry lies on the circle, and a level bounds the distance to it. Without, the
    level is the residual. It is
    certified where its level and its floor, what rounding and noise may hide, are at most the threshold. Sorted by
    level; "index" is that of the spectrum.
    """
    declared, isometry = isometry, is_isometry(spectrum, isometry)
    values, found = spectrum.eigenvalues, levels(spectrum, isometry)
    certified = are_certified(spectrum, threshold, isometry)
    order = np.lexsort((values.imag, -values.real, found))
    return {
        "threshold": float(threshold),
        "pairs": spectrum.held_out,
        "held_out": not spectrum.in_sample,
        "condition": _number(spectrum.condition),
        "isometry_declared": declared,
        "isometry": isometry,
        "isometry_defect": _number(spectrum.isometry_defect),
        "isometry_defect_of_sampling": _number(spectrum.isometry_sampling),
        "many_to_one": _many_to_one(spectrum),
        "fibre_variance": None if spectrum.fibre is None else _number(spectrum.fibre.defect),
        "form": "averaged over noise" if spectrum.stochastic else "deterministic",
        "dictionary": _described(spectrum),
        "certified": int(certified.sum()),
        "eigenvalues": [_entry(spectrum, index, found, certified) for index in order],
        "claims": claims(spectrum, certified, threshold, isometry),
        "not_claimed": not_claimed(spectrum, certified, threshold, declared),
    }


def is_isometry(spectrum: KoopmanSpectrum, declared: bool) -> bool:
    """The operator was declared to be an isometry, and the pairs of the residuals do not refute it."""
    return bool(declared) and refutation(spectrum) is None


def refutation(spectrum: KoopmanSpectrum) -> str | None:
    """A sentence where norms change from states to images by more than so few pairs explain; else None."""
    if not spectrum.isometry_defect > max(DEFECT_ALLOWED, spectrum.isometry_sampling):
        return None
    return (
        f"Norms on the dictionary change by up to {spectrum.isometry_defect:.2g} in a step, more than "
        f"{spectrum.held_out:,} pairs explain: the system does not preserve the measure that they sample, or their "
        "weights are wrong."
    )


def levels(spectrum: KoopmanSpectrum, isometry: bool) -> np.ndarray:
    """Of each eigenvalue its residual or, for an isometry, the distance from the circle if that is more, (r,)."""
    off = abs(1 - abs(spectrum.eigenvalues)) if is_isometry(spectrum, isometry) else 0.0
    return np.maximum(spectrum.residuals, off)


def are_certified(spectrum: KoopmanSpectrum, threshold: float, isometry: bool) -> np.ndarray:
    """Which eigenvalues have a level and a floor of at most the threshold, (r,) bool; NaN has not."""
    return np.maximum(levels(spectrum, isometry), _floors(spectrum)) <= threshold


def _floors(spectrum: KoopmanSpectrum) -> np.ndarray:
    return np.zeros_like(spectrum.residuals) if spectrum.floors is None else spectrum.floors


def _entry(spectrum: KoopmanSpectrum, index: int, found: np.ndarray, certified: np.ndarray) -> dict[str, Any]:
    value = complex(spectrum.eigenvalues[index])
    entry = {
        "index": int(index),
        "real": value.real,
        "imaginary": value.imag,
        "modulus": abs(value),
        "angle": math.atan2(value.imag, value.real),
        "residual": _number(spectrum.residuals[index]),
        "level": _number(found[index]),
        "floor": _number(_floors(spectrum)[index]),
        "certified": bool(certified[index]),
    }
    if spectrum.variances is not None:
        entry["noise_variance"] = _number(spectrum.variances[index])
    return entry


def _described(spectrum: KoopmanSpectrum) -> dict[str, Any]:
    return {
        "kind": type(spectrum.dictionary).__name__,
        "size": int(spectrum.operator.shape[0]),
        "learned": bool(getattr(spectrum.dictionary, "learned", False)),
    }


def claims(spectrum: KoopmanSpectrum, certified: Any, threshold: float, isometry: bool) -> list[str]:
    """Sentences of what holds for the certified eigenvalues."""
    where = "the pairs that it was fitted to" if spectrum.in_sample else "held-out pairs"
    count, total = int(certified.sum()), len(certified)
    measured = "level (residual, or distance from the circle)" if isometry else "residual"
    if not count:
        return [f"None of {total} eigenvalues has a {measured} of at most {threshold:g} on {where}."]
    said = f"{count} of {total} eigenvalues have a {measured} of at most {threshold:g} on {where}."
    if isometry:
        meaning = (
            "In the limit of infinitely many pairs, and where the system preserves measure as declared, each of them "
            "lies within its level of the approximate point spectrum, on the unit circle."
        )
    else:
        meaning = (
            "In the limit of infinitely many pairs, each of them lies in the pseudospectrum of the operator at its "
            "level: some operator within that distance has it in its spectrum."
        )
    return [said, meaning]


def _many_to_one(spectrum: KoopmanSpectrum) -> bool:
    return spectrum.fibre is not None and spectrum.fibre.many_to_one


def not_claimed(spectrum: KoopmanSpectrum, certified: Any, threshold: float, isometry: bool) -> list[str]:
    """Sentences of what may not be claimed of a spectrum, beginning with what holds of all of them."""
    left = int((~certified).sum())
    said = [
        "That these eigenvalues converge to the spectrum: limits are taken of the number of pairs first, and only then "
        "of the number of functions, never of both at once, and no rate is known.",
        f"That no spectrum is missing: what {spectrum.operator.shape[0]} functions do not resolve is not seen.",
        "That residuals are exact: they are estimates from "
        f"{spectrum.held_out} pairs, whose sampling error is not in them.",
        "That another system, which agrees with this one at every pair used and has another spectrum, is ruled out: no "
        "bound on how fast the map varies between samples was used.",
        "That a certified value is an eigenvalue: parts of continuous spectrum have residuals as small as one likes.",
    ]
    if left:
        said.append(f"That the {left} other eigenvalues, above {threshold:g}, belong to the spectrum at all.")
    said.append(_geometry(is_isometry(spectrum, isometry)))
    said += _conditions(spectrum, isometry)
    return said


def _geometry(isometry: bool) -> str:
    if isometry:
        return "That the system preserves measure: it was declared, and what levels mean rests on it."
    return (
        "That a certified value is near the spectrum: nothing says that the system preserves measure, and its operator "
        "may be far from normal."
    )


def _conditions(spectrum: KoopmanSpectrum, isometry: bool) -> list[str]:
    said = []
    if spectrum.in_sample:
        said.append("That the residuals hold for other pairs: they are of those that the operator was fitted to.")
    if getattr(spectrum.dictionary, "learned", False):
        said.append(
            "That anything converges as the dictionary grows: it was learned, and residuals on held-out pairs are all "
            "that is known of it."
        )
    if spectrum.stochastic:
        said.append(
            "That single trajectories follow these eigenvalues: residuals are of the operator averaged over noise, and "
            "the variance of a trajectory about it comes on top."
        )
    else:
        said.append(
            "That small residuals survive noise: with one image of each point, noise of the system and of the "
            "observations adds to every residual and moves eigenvalues inwards."
        )
    if _many_to_one(spectrum):
        said.append(
            "That the operator is unitary: at these pairs, and as far as states are observed, states far apart have "
            f"the same image (variance within fibres {spectrum.fibre.defect:.2g} of that of all states). Where the map "
            "is indeed many-to-one, the spectrum of its operator is the whole closed disc."
        )
    if isometry and (refuted := refutation(spectrum)):
        said.append(f"That these data are of a measure-preserving system, as was declared. {refuted}")
    elif isometry and spectrum.isometry_defect > DEFECT_ALLOWED:
        said.append(
            f"That these data show measure to be preserved: norms on the dictionary change by up to "
            f"{spectrum.isometry_defect:.2g}, as they may with {spectrum.held_out:,} pairs for "
            f"{spectrum.operator.shape[0]} functions."
        )
    if spectrum.stochastic:
        said.append(
            "That a residual is less than its floor: from a state's two images it is known to within a sampling error, "
            "of which the floor adds two standard errors."
        )
    elif spectrum.floors is not None and np.any(spectrum.floors > spectrum.residuals):
        said.append(
            "That residuals below their rounding floor mean more than the floor (condition number "
            f"{spectrum.condition:.2g})."
        )
    return said


def _number(value: float) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return float(value) if math.isfinite(value) else None
