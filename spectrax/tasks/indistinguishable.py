"""Two systems that agree on every pair of a sample and have different spectra: what no algorithm can know."""

import dataclasses
from typing import Any

import numpy as np

from spectrax.core.direct_protocols import Estimator, Judgement
from spectrax.core.errors import ConfigError
from spectrax.estimators.evidence import evidence
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.plots import koopman_twins
from spectrax.tasks.spectrum import Spectrum


@dataclasses.dataclass(frozen=True)
class Indistinguishable(Spectrum):
    """A spectrum, and what the same estimator finds of a twin: the system of the dataset with another twist, which
    vanishes wherever training lies. From a sample both look the same; this shows the mechanism, and proves no theorem.

    Attributes:
        twist: of the twin, in radians; the dataset's system has to have one.
        order: of the highest angular mode whose true spectrum is told.
        lipschitz: what is declared of how fast the angle's step may vary with the radius: with it the twin is known to
            be within a bound, or ruled out.

    Source: after Colbrook, Mezic & Stepanenko, "Limits and powers of Koopman learning" (arXiv 2407.06312).
    """

    twist: float = 1.5
    order: int = 3
    lipschitz: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order < 1 or self.lipschitz <= 0 or not self.twist:
            raise ConfigError("task.order must be at least 1, task.lipschitz above 0 and task.twist not 0.")

    def judge(self, fitted: KoopmanSpectrum, dataset: Any, split: str, estimator: Estimator, seed: int) -> Judgement:
        """What `Spectrum` says of the system, and the differences between the two: of pairs, of what is fitted (none),
        of true spectra, and of residuals on pairs between the circles of the sample."""
        said = super().judge(fitted, dataset, split, estimator, seed)
        system = self._system(dataset)
        twin = dataclasses.replace(system, twist=self.twist)
        given, given_twin = self.given(dataset, "train"), self._pairs(twin, dataset, "train")
        other = estimator.fit(given_twin, seed)
        judged = evidence(other, self._pairs(twin, dataset, split), self.plan)
        differences = self._differences(given, given_twin, fitted, other)
        told = self._told(system, twin)
        metrics = {f"twin_{name}": value for name, value in judged.metrics().items() if name.startswith("residual")}
        numbers = {name: value for name, value in told.items() if isinstance(value, float)}
        certificate = {**said.documents["certificate"], "twin": {**differences, **told}}
        figures = {"twins": lambda: self._figure(system, twin, given, fitted)}
        return Judgement(
            {**said.metrics, **differences, **numbers, **metrics},
            {**said.figures, **figures},
            {"certificate": certificate},
        )

    def _system(self, dataset: Any) -> Any:
        system = getattr(getattr(dataset, "source", None), "system", None)
        if not hasattr(system, "twist") or system.twist:
            raise ConfigError(
                "task=indistinguishable needs dataset=twisted_annulus with dataset.source.system.twist=0."
            )
        return system

    def _pairs(self, twin: Any, dataset: Any, split: str) -> Pairs:
        """The twin's pairs, from where the dataset's trajectories begin."""
        first = dataset.trajectories(split)[:, 0]
        return Pairs.of_trajectories(twin.trajectories(first, length=2, dt=dataset.dt), 1, dataset.weights(split))

    def _differences(
        self, given: Pairs, given_twin: Pairs, fitted: KoopmanSpectrum, other: KoopmanSpectrum
    ) -> dict[str, float]:
        """The largest of each; 0.0 is to the last bit."""
        values = [spectrum.unverified().eigenvalues for spectrum in (fitted, other)]
        return {
            "difference_of_pairs": float(np.abs(given.y - given_twin.y).max()),
            "difference_of_operators": float(np.abs(fitted.operator - other.operator).max()),
            "difference_of_eigenvalues": float(np.abs(values[0] - values[1]).max()),
        }

    def _told(self, system: Any, twin: Any) -> dict[str, Any]:
        """What is true of the two, and what a declared Lipschitz constant would rule out."""
        largest, steepest = system.largest_twist(self.lipschitz), twin.lipschitz()
        ruled_out = steepest > self.lipschitz
        return {
            "arc_of_mode_1": float(np.ptp(twin.arcs(1)[-1])),
            "lipschitz_of_twin": steepest,
            "twist_allowed_by_lipschitz": float(largest),
            "twin_ruled_out_by_lipschitz": bool(ruled_out),
            "said": (
                "The estimator gets the same pairs of both systems, so it gives the same answer, whatever it is. One "
                "has eigenvalues alone; the other has, for each angular mode but 0, a continuous part over an arc. "
                + (
                    f"With a Lipschitz constant of {self.lipschitz:g} declared, the twin is ruled out (its own is "
                    f"{steepest:.3g}), and no angle between the circles can be off by more than {largest:.3g}."
                    if ruled_out
                    else f"A declared Lipschitz constant of {self.lipschitz:g} does not rule the twin out."
                )
            ),
        }

    def _figure(self, system: Any, twin: Any, given: Pairs, fitted: KoopmanSpectrum) -> Any:
        radius = np.linspace(system.inner, system.outer, 1000)
        turns = {
            "rotation": np.zeros_like(radius),
            "twin": twin.twist * np.asarray(twin.bump(radius)),
        }
        return koopman_twins.twins(
            radius,
            turns,
            given.x,
            fitted.unverified().eigenvalues,
            system.eigenvalues(self.order),
            twin.arcs(self.order),
        )
