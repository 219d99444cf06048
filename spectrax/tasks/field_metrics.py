"""Sums of field errors over masked batches: what a task of fields measures of each example, and how it adds up."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.diagnostics import field_errors, field_spectra

COUNTS = "examples"
FULL = "examples_in_full_batches"
SPECTRA = "spectrum_"  # sums that are curves for figures
CURVES = "curve_"
_OF_FULL_BATCHES = "full_batches:"
_FIRST = ("loss", "relative_l2", "relative_l2_batch_statistics", "persistence_relative_l2", "h1", "nrmse")


@dataclasses.dataclass(frozen=True)
class Measures:
    """What is measured of predicted fields.

    Attributes:
        gridded: whether they lie on a grid; of point clouds there is neither a derivative nor a spectrum.
        periodic: whether the grid is.
        bands: edges of wavenumbers.
        channels: names of channels; () for numbers.
        by_channel: whether channels are fields of their own, with errors of each and spectra; frames of a flow are not.
    """

    gridded: bool
    periodic: bool
    bands: tuple[float, ...]
    channels: tuple[str, ...] = ()
    by_channel: bool = True

    def __call__(
        self, prediction: jax.Array, target: jax.Array, domain: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Numbers (batch,) and spectra (batch, shells) of each example."""
        each = {
            "relative_l2": field_errors.relative_l2(prediction, target),
            "nrmse": field_errors.nrmse(prediction, target, domain),
        }
        if target.shape[-1] > 1 and self.by_channel:
            errors = field_errors.relative_l2_of_channels(prediction, target)
            names = channel_names(self.channels, target.shape[-1])
            each |= {f"relative_l2_{name}": errors[:, place] for place, name in enumerate(names)}
        if self.gridded:
            each["h1"] = field_errors.relative_h1(prediction, target, self.periodic)
            errors = field_errors.errors_by_band(prediction, target, self.bands, self.periodic)
            each |= {f"relative_l2_{name}": errors[:, place] for place, name in enumerate(self.band_names())}
            each |= self.spectra(prediction, target) if self.by_channel else {}
        return each

    def spectra(self, prediction: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Energy by radial wavenumber of all channels together, (batch, shells) each."""
        fields = {"truth": target, "prediction": prediction, "error": prediction - target}
        spectrum = {name: field_spectra.radial_spectrum(field, self.periodic) for name, field in fields.items()}
        return {f"{SPECTRA}{name}": jnp.sum(energies, -1) for name, energies in spectrum.items()}

    def band_names(self) -> list[str]:
        """Of each band, `band_0_to_4`, `band_4_to_12`, `band_above_12`."""
        edges = [f"{edge:g}" for edge in self.bands]
        if not edges:
            return ["band_all"]
        return [f"band_{low}_to_{high}" for low, high in zip(["0", *edges], edges, strict=False)] + [
            f"band_above_{edges[-1]}"
        ]


def channel_names(names: tuple[str, ...] | None, count: int) -> list[str]:
    """The names where there are as many, else `channel_1` and so on."""
    return list(names) if names and len(names) == count else [f"channel_{place + 1}" for place in range(count)]


def added(each: Mapping[str, jax.Array], mask: jax.Array) -> dict[str, jax.Array]:
    """Sums over the examples that the mask (batch,) keeps, and their number."""
    return {COUNTS: jnp.sum(mask, dtype=jnp.float32), **{name: _sum(values, mask) for name, values in each.items()}}


def of_full_batches(each: Mapping[str, jax.Array], mask: jax.Array) -> dict[str, jax.Array]:
    """Sums over a batch that holds no padding, and nothing of one that does."""
    full = jnp.all(mask)
    kept = jnp.broadcast_to(full, mask.shape)
    sums = {f"{_OF_FULL_BATCHES}{name}": _sum(values, kept) for name, values in each.items()}
    return {FULL: jnp.sum(kept, dtype=jnp.float32), **sums}


def means(totals: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Means of the numbers among the sums, relative L2 first. NaN for what only full batches tell where there was
    none."""
    found: dict[str, float] = {}
    for name, value in totals.items():
        if name in (COUNTS, FULL) or np.ndim(value):
            continue
        if name.startswith(_OF_FULL_BATCHES):
            count = float(totals[FULL])
            found[name.removeprefix(_OF_FULL_BATCHES)] = float(value) / count if count else float("nan")
        else:
            found[name] = float(value / totals[COUNTS])
    return dict(sorted(found.items(), key=_place))


def curves(totals: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Means of the curves whose names begin so, without that beginning."""
    count = totals[COUNTS]
    return {name.removeprefix(prefix): value / count for name, value in totals.items() if name.startswith(prefix)}


def _sum(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Over the batch; a choice, not a product, since what is measured of padding may not be finite."""
    there = mask.reshape(mask.shape[0], *[1] * (values.ndim - 1))
    return jnp.sum(jnp.where(there, values.astype(jnp.float32), 0.0), 0)


def _place(named: tuple[str, float]) -> tuple[Any, ...]:
    """What stands first in tables; numbers in names, as of steps, by their value."""
    words = [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", named[0])]
    return (_FIRST.index(named[0]) if named[0] in _FIRST else len(_FIRST), [(isinstance(w, str), w) for w in words])
