"""Figures and tables of predicted fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.protocols import Batch
from spectrax.plots import field_curves, field_panels
from spectrax.plots.field_panels import Panel
from spectrax.tasks import field_metrics
from spectrax.tasks.field_metrics import Measures

_FILES_DRAWN = 12
_CHANNELS_DRAWN = 4


def examples(
    batch: Batch, field: np.ndarray, geometry: str, channels: Sequence[str] | None, view: Sequence[float] | None
) -> field_panels.Figure:
    """Of one channel the best, the median and the worst example; of several channels each, of the median one."""
    target, errors = batch["target"], relative(field, batch["target"])
    order, count = np.argsort(errors), target.shape[-1]
    median = order[(len(order) - 1) // 2]
    if count == 1:
        # Of fewer than three examples there are no three to be shown.
        places = {"best": order[0], "median": median, "worst": order[-1]} if len(order) > 2 else {"best": order[0]}
        titles = {f"{name} of {len(order)}": (place, 0) for name, place in places.items()}
    else:
        names = field_metrics.channel_names(channels, count)[:_CHANNELS_DRAWN]
        titles = {name.replace("_", " "): (median, channel) for channel, name in enumerate(names)}
    panels = []
    for title, (place, channel) in titles.items():
        predicted, true = field[place, ..., channel], target[place, ..., channel]
        told = f"{title}\nrelative L2 {relative(predicted[None], true[None])[0]:.4f}"
        # Nothing is drawn where nothing counts.
        outside = batch["domain"][place, ..., 0] == 0 if "domain" in batch else False
        predicted, true = (np.where(outside, np.nan, values) for values in (predicted, true))
        panels.append(Panel(told, predicted, true, **_placed(batch["input"][place], geometry, shown=count == 1)))
    return field_panels.compared(panels, view)


def spectra(
    totals: Mapping[str, np.ndarray], measures: Measures, titles: tuple[str, str] = ("", "")
) -> dict[str, field_curves.Figure]:
    """{"spectra": energies by wavenumber and errors by band}, over a whole split; {} where there are none. Titles say
    of what they are, where that is not the same."""
    energies = field_metrics.curves(totals, field_metrics.SPECTRA)
    if not energies:
        return {}
    energies = {name: energies[name] for name in ("truth", "prediction", "error")}
    shells = np.arange(len(energies["truth"]))
    means = field_metrics.means(totals)
    bands = {
        name.removeprefix("band_").replace("_", " "): means[f"relative_l2_{name}"] for name in measures.band_names()
    }
    return {"spectra": field_curves.spectra(shells, energies, bands, titles)}


def rows(field: np.ndarray, channels: Sequence[str] | None) -> list[dict[str, Any]]:
    """Of each example its field (*space, channels) and, per channel, least, mean and largest value."""
    names = field_metrics.channel_names(channels, field.shape[-1])
    endings = [""] if len(names) == 1 else [f"_{name}" for name in names]
    table = []
    for one in field:
        row: dict[str, Any] = {"field": one}
        for place, ending in enumerate(endings):
            values = one[..., place]
            told = {"least": values.min(), "mean": values.mean(dtype=np.float64), "largest": values.max()}
            row |= {f"{name}{ending}": f"{value:.6g}" for name, value in told.items()}
        table.append(row)
    return table


def sheet(
    inputs: np.ndarray,
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    geometry: str,
    view: Sequence[float] | None,
) -> field_panels.Figure:
    """The first channel of what was predicted of the first files."""
    panels = [
        Panel(name, row["field"][..., 0], **_placed(one, geometry))
        for name, row, one in list(zip(names, rows, inputs, strict=True))[:_FILES_DRAWN]
    ]
    return field_panels.predicted(panels, view)


def relative(field: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Relative L2 of each example (batch,), on the host."""
    flat = lambda values: np.asarray(values, np.float64).reshape(len(target), -1)  # noqa: E731
    return np.linalg.norm(flat(field - target), axis=1) / np.maximum(np.linalg.norm(flat(target), axis=1), 1e-300)


def _placed(given: np.ndarray, geometry: str, shown: bool = False) -> dict[str, np.ndarray | None]:
    """Of an input its coordinates or, where it is a field that is to be shown, its first channel."""
    if geometry == "grid":
        return {"given": given[..., 0] if shown else None}
    return {"coordinates": given[..., :2]}
