"""Fields of partial differential equations: inputs and targets on grids or point clouds, prepared once, seen whole."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrax.core.errors import ConfigError, UnreadableFile
from spectrax.core.protocols import DatasetSpec, FieldSpec, Normalisation
from spectrax.data import prepared
from spectrax.data.field_moments import moments
from spectrax.data.field_source import FieldSource, thinned, thinned_size
from spectrax.data.prepared_source import PreparedSource, read_arrays, refuse_what_is_not_finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrax.core.protocols import Stored


class Fields(PreparedSource):
    """A data set of fields.

    Examples have, all float32, "input" (n1, ..., nd, in_channels), or (points, in_channels) for a point cloud, and
    "target" (n1, ..., nd, out_channels); some also "code" (numbers,), which describes the whole example, and "domain"
    (n1, ..., nd, 1): 1 where the target counts and 0 elsewhere. Times of a flow are channels.

    Args:
        source: where the examples come from.
        data_dir: directory under which data are prepared.
        grid: sizes of the grid as a model sees it; models take their sizes from it.
        points: of a cloud, where there is no grid.
        in_channels, out_channels: channels of "input" and "target"; likewise.
        subsample: stride along each axis of the prepared grid, of which every point is kept when None.
        train_examples: how many of the prepared training examples are used, the first ones; None for all.
        test_examples: likewise of the test split.
        normalise: what has a mean and a deviation of its own: "location", every channel at every point of the grid, or
            "channel"; None when models see values as they are.
        processes: that share the work of a preparation, where the source allows it; None for as many as there are
            processors. The number changes speed only.
        size, sizes: by which size, and by which settings of each, the config chose counts and grid; for people.

    Raises:
        ConfigError: when the config states another shape than the source gives, or more examples than there are.
    """

    def __init__(
        self,
        *,
        source: FieldSource,
        data_dir: str,
        grid: Sequence[int] | None = None,
        points: int | None = None,
        in_channels: int,
        out_channels: int,
        subsample: Sequence[int] | None = None,
        train_examples: int | None = None,
        test_examples: int | None = None,
        normalise: Normalisation | None = None,
        processes: int | None = None,
        size: str | None = None,
        sizes: Mapping[str, Any] | None = None,
    ):
        super().__init__(source, data_dir, processes)
        self.normalise = normalise
        self._prepared_grid = source.fields["input"].shape[:-1]
        self._strides = _strides(subsample, self._prepared_grid)
        fields = {name: self._seen_spec(field) for name, field in source.fields.items()}
        stated = {"grid": list(grid or []), "points": points, "in_channels": in_channels, "out_channels": out_channels}
        _check_stated(fields, {key: value for key, value in stated.items() if value})
        wanted = {"train": train_examples, "test": test_examples}
        splits = {name: _chosen(name, size, wanted.get(name)) for name, size in source.splits.items()}
        self.spec = DatasetSpec(fields, splits)

    def split(self, name: str) -> "Stored":
        """Random access to stored examples by TFDS."""
        size, chosen = self.source.splits[name], self.spec.splits[name]
        return prepared.StoredSplit(self.prepared() / "tfds", name if chosen == size else f"{name}[:{chosen}]")

    def stored(self, name: str) -> Iterator[dict[str, Any]]:
        """All stored examples of a split in order, read without TFDS."""
        arrays = {field: self.array(name, field) for field in self.source.fields}
        for row in range(self.spec.splits[name]):
            yield {field: array[row] for field, array in arrays.items()}

    def transform(self, split: str, example: Mapping[str, Any], rng: np.random.Generator | None) -> dict[str, Any]:
        """A stored example as the model sees it. Raises `ConfigError` when it has another shape than stated."""
        seen = {name: self._seen(name, example[name]) for name in self.source.fields if name in example}
        for name, values in seen.items():
            if values.shape != self.spec.fields[name].shape:
                wanted = self.spec.fields[name].shape
                raise ConfigError(f"An example's {name} is {values.shape}; the dataset says {wanted}.")
        return seen

    def is_random(self, split: str) -> bool:
        """Fields are seen as they are."""
        return False

    def moments(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of "input" and "target", mean and unbiased deviation (n - 1) over the training split: two float32 arrays of
        the field's shape, or of its channels alone, as `normalise` says."""
        rows = self.spec.splits["train"]
        names = [name for name in ("input", "target") if name in self.spec.fields]
        arrays = {name: self._thinned(name, self.array("train", name)[:rows], 1) for name in names}
        return {name: moments(array, self.normalise) for name, array in arrays.items()}

    def read(self, path: Path) -> dict[str, Any]:
        """A person's own example without its target: an .npy file of "input" in the prepared shape, or an .npz file of
        "input" and what else there is. Raises `UnreadableFile`."""
        found = read_arrays(path, "input")
        wanted = {name: field.shape for name, field in self.source.fields.items() if name != "target"}
        for name, shape in wanted.items():
            if name not in found or found[name].shape != shape or found[name].dtype.kind not in "fiub":
                has = {key: value.shape for key, value in found.items()}
                raise UnreadableFile(f"should hold {name} {shape} of numbers; it holds {has}")
        read = {name: found[name] for name in wanted}
        refuse_what_is_not_finite(read)
        return read

    def preview(self, examples: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "Figure":
        """A row of panels for each example: its input and its target, or its target where its points lie."""
        from spectrax.plots import field_sheet

        return field_sheet.sheet(examples, names, self.source.places)

    def _seen(self, name: str, values: Any) -> np.ndarray:
        return np.ascontiguousarray(self._thinned(name, np.asarray(values)), np.float32)

    def _thinned(self, name: str, array: np.ndarray, first_axis: int = 0) -> np.ndarray:
        return thinned(array, self._strides, first_axis) if self._on_grid(self.source.fields[name]) else array

    def _seen_spec(self, field: FieldSpec) -> FieldSpec:
        if not self._on_grid(field):
            return field
        pairs = zip(self._prepared_grid, self._strides, strict=True)
        return FieldSpec((*(thinned_size(*pair) for pair in pairs), field.shape[-1]), field.dtype, field.meaning)

    def _on_grid(self, field: FieldSpec) -> bool:
        return field.shape[:-1] == self._prepared_grid


def _strides(subsample: Sequence[int] | None, grid: Sequence[int]) -> tuple[int, ...]:
    strides = tuple(subsample or [1] * len(grid))
    if len(strides) != len(grid) or min(strides) < 1:
        raise ConfigError(
            f"dataset.subsample={list(strides)} gives each of the {len(grid)} axes a stride of 1 or more."
        )
    return strides


def _check_stated(fields: Mapping[str, FieldSpec], stated: Mapping[str, Any]) -> None:
    """What models interpolate must be what they get."""
    *grid, in_channels = fields["input"].shape
    place = {"points": grid[0]} if "points" in stated else {"grid": grid}
    channels = {
        "in_channels": in_channels,
        **({"out_channels": fields["target"].shape[-1]} if "target" in fields else {}),
    }
    for key, value in {**place, **channels}.items():
        if stated.get(key) != value:
            raise ConfigError(
                f"dataset.{key}={stated.get(key)}, but examples have {value}, as dataset.source and dataset.subsample "
                f"say. Set dataset.{key}={str(value).replace(' ', '')}."
            )
    for key in stated.keys() - {*place, *channels, "out_channels"}:  # those of a model, where there is no target
        raise ConfigError(f"dataset.{key}={stated[key]}, but examples have none. Set dataset.{key}=null.")


def _chosen(split: str, size: int, wanted: int | None) -> int:
    if wanted is not None and not 1 <= wanted <= size:
        raise ConfigError(f"dataset.{split}_examples={wanted} should be from 1 to the {size:,} that are prepared.")
    return size if wanted is None else wanted
