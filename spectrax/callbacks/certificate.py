"""What a learned dictionary is worth: its eigenvalues with residuals on trajectories that training has not seen."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from spectrax.callbacks.callback import SilentCallback
from spectrax.core import trees
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed
from spectrax.estimators.compression import compression
from spectrax.estimators.dictionaries.encoded import Encoded
from spectrax.estimators.evidence import Evidence, Plan, evidence
from spectrax.estimators.qr import Factors
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs
from spectrax.estimators.spectral_measure import centred, smoothed_densities
from spectrax.estimators.spectrum import KoopmanSpectrum
from spectrax.plots import koopman_eigenfunctions, koopman_eigenvalues, koopman_measures, koopman_pseudospectrum

logger = logging.getLogger("spectrax")

_FUNCTIONS_DRAWN = 4
_ROUNDING = 1e-5  # share of a function's norm, which the encoder computes in float32
_ORDERS, _WIDTHS, _ANGLES = (1, 6), (0.4, 0.1), 720  # of the spectral measure's kernels, and where it is computed


class Certificate(SilentCallback):
    """At the end (and every so many steps or epochs) the encoder becomes a dictionary: EDMD is fitted on it to training
    pairs, and ResDMD computes residuals of its eigenpairs, and of the learned operator's, on those of another split.

    Writes `certificate.json` (what is certified, and what may not be claimed), metrics, and at the end figures of
    eigenvalues by residual, of the pseudospectrum, of the eigenfunctions of the least residuals on phase space (their
    titles say which are certified), and where the system preserves measure of the spectral measure of the encoder's
    first function. It is about the weights of that moment. When it is first asked, long before the end, it looks
    whether the pairs are enough for the encoder's functions.

    Args:
        dataset: the run's; what it holds is read when it is first needed.
        fitted_on, held_out: splits of pairs that EDMD is fitted to, and that residuals are computed from.
        most_pairs: of each, a random choice of so many.
        threshold: the largest residual of a certified eigenvalue.
        isometry: whether the system preserves measure; None: as the dataset says.
        constant: whether the dictionary holds the constant 1.
        state: whether it holds the state itself.
        points: of the pseudospectrum's grid along each axis.
        plane: two coordinates, by their numbers, over which eigenfunctions are drawn; None: the first and the last.
        every: steps between two certificates; None: at the end alone, but for `every_epochs`.
        every_epochs: epochs between two, when `every` is None.

    Raises:
        ConfigError: for numbers that make no sense.
    """

    def __init__(
        self,
        dataset: Any,
        fitted_on: str = "train",
        held_out: str = "test",
        most_pairs: int = 20_000,
        threshold: float = 0.1,
        isometry: bool | None = None,
        constant: bool = True,
        state: bool = False,
        points: int = 60,
        plane: Sequence[int] | None = None,
        every: int | None = None,
        every_epochs: float | None = None,
    ):
        super().__init__(every, every_epochs)
        if fitted_on == held_out:
            raise ConfigError(
                f"callback: fitted_on and held_out are both {held_out}. Residuals need pairs of their own."
            )
        if plane is not None and (len(plane) != 2 or min(plane) < 0):
            raise ConfigError(f"plane={list(plane)} of a certificate must be the numbers of two coordinates.")
        self.plane = plane
        self.dataset, self.fitted_on, self.held_out, self.most_pairs = dataset, fitted_on, held_out, most_pairs
        self.enough = False  # pairs for this encoder; known once it is seen
        self.constant, self.state, self.often = constant, state, (every, every_epochs) != (None, None)
        declared = getattr(dataset, "measure_preserving", False) if isometry is None else isometry
        self.plan = Plan(threshold=threshold, isometry=bool(declared), points=points)

    def observe(self, seen: Observation) -> Observed:
        """Certificate and metrics; at the end also figures. Raises `ConfigError` for fewer pairs than functions."""
        asked = seen.last or self.often
        if not asked and self.enough:
            return Observed()
        encode = encoder(seen.model)
        dictionary = Encoded(encode, tuple(self.dataset.spec.fields["window"].shape[1:]), self.constant, self.state)
        if not self.enough:
            self._check(dictionary)
        if not asked:
            return Observed()
        plan = self.plan if seen.last else _residuals_alone(self.plan)
        held_out = self._pairs(self.held_out)
        spectrum = ResDMD(dictionary, held_out=0.0).fit(self._pairs(self.fitted_on), seed=0)
        found = evidence(spectrum, held_out, plan)
        learned = self._learned(seen.model, dictionary, held_out, found.factors)
        said = {"step": seen.step, "split": self.held_out, **found.certificate()}
        said["not_claimed"].append(
            "That residuals mean anything near the rounding of the encoder, which computes in float32: below about "
            f"{np.finfo(np.float32).eps * spectrum.condition:.0e} here."
        )
        metrics = found.metrics()
        if learned is not None:
            said["learned_operator"] = learned.certificate(plan.threshold, plan.isometry)
            metrics["learned_residual_median"] = float(np.median(learned.residuals))
        logger.info("Certificate: %s", said["claims"][0])
        figures = self._figures(found, learned, held_out) if seen.last else {}
        return Observed(metrics, figures, {"certificate": said})

    def _pairs(self, split: str) -> Pairs:
        """Some pairs of a split, always the same."""
        pairs = self.dataset.pairs(split)
        if len(pairs) <= self.most_pairs or pairs.weights is not None:
            return pairs
        return pairs.take(np.sort(np.random.default_rng(0).choice(len(pairs), self.most_pairs, replace=False)))

    def _check(self, dictionary: Encoded) -> None:
        """Raises `ConfigError` where a split has fewer pairs than the dictionary has functions."""
        for split in (self.fitted_on, self.held_out):
            pairs = self._pairs(split)
            size = dictionary.fitted(pairs.x, 0).size
            if len(pairs) < size:
                raise ConfigError(
                    f"{len(pairs):,} pairs of {split} cannot tell the encoder's {size} functions apart, so there would "
                    f"be no certificate. {self._more(pairs, split)}, or give the model a smaller latent."
                )
        self.enough = True

    def _more(self, pairs: Pairs, split: str) -> str:
        """Where more pairs come from."""
        if len(pairs) == self.most_pairs:
            return f"Raise the callback's most_pairs={self.most_pairs}"
        return f"Choose a dataset with more states in {split}"

    def _learned(self, model: Any, dictionary: Encoded, pairs: Pairs, made: Factors) -> KoopmanSpectrum | None:
        """The learned operator on the encoder's functions alone; None for a model that has none."""
        if not hasattr(model, "operator"):
            return None
        matrix = np.asarray(model.operator.matrix(), np.float64)
        alone = Encoded(dictionary.encoder, dictionary.state_shape, constant=False).fitted(pairs.x, 0)
        eigenvalues, vectors = np.linalg.eig(matrix)
        made = made.of_functions(slice(int(self.constant), int(self.constant) + alone.size))
        return KoopmanSpectrum(eigenvalues, None, vectors, matrix, alone).verified(pairs, made=made)

    def _figures(self, found: Evidence, learned: KoopmanSpectrum | None, held_out: Pairs) -> dict[str, Any]:
        spectrum, plan, states = found.spectrum, found.plan, held_out.x
        values, residuals = spectrum.eigenvalues, spectrum.residuals
        drawn = {
            "eigenvalues": koopman_eigenvalues.by_residual(
                values,
                residuals,
                plan.threshold,
                found.certified_eigenvalues,
                None if learned is None else learned.eigenvalues,
            )
        }
        if len(found.axis):
            drawn["pseudospectrum"] = koopman_pseudospectrum.pseudospectrum(
                found.axis, found.axis, found.least, values, residuals, plan.threshold,
                found.certified, found.isometry, found.certified_eigenvalues,
            )  # fmt: skip
        if states.shape[1] > 1 and found.best(1):
            drawn["eigenfunctions"] = self._eigenfunctions(found, states[:20_000])
        if found.isometry:
            angles = np.linspace(-np.pi, np.pi, _ANGLES)
            densities = spectral_densities(spectrum.dictionary, found.factors, angles)
            if densities:
                drawn["spectral_measure"] = koopman_measures.measures(
                    angles, densities, None, {}, title="Spectral measure of the encoder's first function"
                )
        return drawn

    def _eigenfunctions(self, found: Evidence, states: np.ndarray) -> Any:
        """Those of the least residuals, certified or not, at states (n, dimension)."""
        spectrum, chosen, certified = found.spectrum, found.best(_FUNCTIONS_DRAWN), found.certified_eigenvalues
        values, residuals, words = spectrum.eigenvalues, spectrum.residuals, ("not certified", "certified")
        titles = [f"{values[j]:.3f}\nresidual {residuals[j]:.3g}: {words[int(certified[j])]}" for j in chosen]
        places, names = list(self.plane or (0, states.shape[1] - 1)), getattr(self.dataset, "coordinates", None)
        names = [names[place] if names else f"x{place + 1}" for place in places]
        return koopman_eigenfunctions.eigenfunctions(
            states[:, places], spectrum.eigenfunctions(states)[:, chosen], titles, names
        )


def spectral_densities(dictionary: Encoded, made: Factors, angles: np.ndarray) -> dict[tuple[int, float], np.ndarray]:
    """Smoothed densities (angles,) of the spectral measure of the encoder's first function without its mean, of norm 1,
    by order and width of the kernel; {} where that function is constant but for rounding. `made`: of the dictionary."""
    names = list(dictionary.names())
    compressed = compression(made)
    first = function = compressed.coordinates[:, next(index for index, name in enumerate(names) if name != "1")]
    if "1" in names:
        function = centred(first, compressed.coordinates[:, names.index("1")])
    norm = np.linalg.norm(function)
    if not norm > _ROUNDING * np.linalg.norm(first):
        return {}
    return smoothed_densities(compressed.matrix, function / norm, angles, _ORDERS, _WIDTHS)


def encoder(model: Any) -> Callable[[Any], Any]:
    """A model's encoder as a function of states (rows, *state), whatever the devices that hold its weights."""
    graph, *weights = trees.split_module(model)
    weights = jax.device_get(weights)

    def encode(x: jax.Array) -> jax.Array:
        return trees.merge_module(graph, *weights).encode(x.astype("float32"))

    return encode


def _residuals_alone(plan: Plan) -> Plan:
    return Plan(threshold=plan.threshold, isometry=plan.isometry, points=0, circle=0)
