"""What sources of published fields have in common: files found, their arrays checked, examples taken by rule."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.core.protocols import DataCard, FieldSpec
from spectrax.data import matlab_arrays
from spectrax.data.field_source import Examples, thinned
from spectrax.data.published_archives import check_there

ADDRESS = "linked in the README of https://github.com/thuml/Latent-Spectral-Models"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where an array lies and what it must look like.

    Attributes:
        file: path below `manual_dir`; its name alone will do.
        shape: of the array; None at the axis of examples, a string such as ">=20" for an axis that may be longer.
        variable: of a MATLAB file; None for an .npy file.
        strides: along the axes that are not examples, in order; those not given are 1.
    """

    file: str
    shape: tuple[int | str | None, ...]
    variable: str | None = None
    strides: tuple[int, ...] = ()

    @property
    def axis(self) -> int:
        """Of examples."""
        return self.shape.index(None)

    @property
    def all_strides(self) -> list[int]:
        """Along every axis."""
        given = list(self.strides)
        given.insert(self.axis, 1)
        return [*given, *[1] * (len(self.shape) - len(given))]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.variable} of {self.file}" if self.variable else self.file

    def fits(self, found: Sequence[int], examples: int) -> bool:
        """Whether an array of this shape will do, when so many examples are wanted of it."""
        return len(found) == len(self.shape) and all(
            size >= examples
            if wanted is None
            else size >= int(wanted[2:])
            if isinstance(wanted, str)
            else size == wanted
            for wanted, size in zip(self.shape, found, strict=True)
        )

    def shown(self, examples: int) -> str:
        """The shape for people."""
        sizes = [f">={examples}" if size is None else str(size) for size in self.shape]
        return f"({', '.join(sizes)})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published(abc.ABC):
    """Base of sources that read somebody's files: a frozen dataclass whose attributes, but for `manual_dir`, decide
    what is taken of them.

    Attributes:
        manual_dir: where the files lie; None where they are prepared already.
        train: examples of the training split: the first ones of the file.
        test: of the test split: the last ones, see `within`.
        within: how many examples of the file there are for both; None for all.
        name: of the prepared directory and of the card.
    """

    manual_dir: str | None = None
    train: int
    test: int
    within: int | None = None

    name: ClassVar[str]
    option: ClassVar[str]
    version: ClassVar[str] = "1.0.0"
    address: ClassVar[str] = ADDRESS
    description: ClassVar[str]
    units: ClassVar[str]
    citation: ClassVar[str]
    chunk: ClassVar[int] = 64
    in_processes: ClassVar[bool] = False
    places: ClassVar[bool] = False
    published: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.train, self.test) < 1 or (self.within is not None and self.within < self.train + self.test):
            raise ConfigError(
                f"dataset.source.train={self.train} and test={self.test} should be 1 or more, and together no more "
                f"than within={self.within}."
            )

    @abc.abstractmethod
    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split by their names here."""

    @abc.abstractmethod
    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples, from their arrays with the axis of examples first."""

    @property
    @abc.abstractmethod
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""

    @property
    def splits(self) -> Mapping[str, int]:
        """Examples by split."""
        return {"train": self.train, "test": self.test}

    def facts(self) -> dict[str, Any]:
        """What is taken of the files."""
        settings = dataclasses.asdict(self)
        del settings["manual_dir"]
        return {"published": self.name, "version": self.version, **settings}

    def origin(self) -> dict[str, Any]:
        """The files that are there: bytes and time of change."""
        paths = [path for path in self._paths() if self.manual_dir is not None and path.is_file()]
        return {"files": {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in paths}}

    def check(self, command: str) -> None:
        """Raise `DataMissing` naming the files that are not there."""
        directory = self._directory()
        files = {str(path.relative_to(directory)) if directory else str(path): self.address for path in self._paths()}
        check_there(self.name, directory, files, command)

    def opened(self, scratch: Path) -> Examples:
        """The arrays, checked. Raises `DataMissing`."""
        wanted = {layout: rows for split in self.splits for layout, rows in self._wanted(split).items()}
        found: dict[Layout, np.ndarray] = {}
        for file in dict.fromkeys(layout.file for layout in wanted):
            found |= self._open(file, {layout: rows for layout, rows in wanted.items() if layout.file == file}, scratch)
        return PublishedExamples(self, {split: self._of_split(split, found) for split in self.splits})

    def first_row(self, split: str, rows: int) -> int:
        """Where a split begins in files of so many examples."""
        return (self.within or rows) - self.test if split == "test" else 0

    def wanted_rows(self, split: str) -> int:
        """How many examples the files of a split must have."""
        return self.within or self.train + self.test

    @property
    def split_rule(self) -> str:
        """For people."""
        within = f"the first {self.within:,}" if self.within else "all"
        return f"the first {self.train:,} to train on, the last {self.test:,} to test on, of {within} published"

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description=self.description,
            units=self.units,
            normalisation="none; stored as published, in float32",
            licence="none stated where the files are published",
            citation=self.citation,
            splits=self.splits,
            content_hash=content_hash,
            split_rule=self.split_rule,
        )

    def _directory(self) -> Path | None:
        return None if self.manual_dir is None else Path(self.manual_dir).expanduser()

    def _paths(self) -> list[Path]:
        layouts = [layout for split in self.splits for layout in self.layouts(split).values()]
        return [self._path(file) for file in dict.fromkeys(layout.file for layout in layouts)]

    def _path(self, file: str) -> Path:
        """The file as it is published, in its folder, or beside the others."""
        directory = self._directory() or Path()
        flat = directory / Path(file).name
        return flat if flat.is_file() and not (directory / file).is_file() else directory / file

    def _wanted(self, split: str) -> dict[Layout, int]:
        """The arrays of a split with how many examples they must have."""
        return dict.fromkeys(self.layouts(split).values(), self.wanted_rows(split))

    def _of_split(self, split: str, found: Mapping[Layout, np.ndarray]) -> dict[str, tuple[np.ndarray, int]]:
        """Name to (array thinned out, its axis of examples)."""
        layouts = self.layouts(split)
        counts = {layout.name: found[layout].shape[layout.axis] for layout in layouts.values()}
        if len(set(counts.values())) > 1:
            raise DataMissing(
                f"The files of {self.name} do not belong together: they have {counts} examples. Get them anew."
            )
        return {name: (found[layout], layout.axis) for name, layout in layouts.items()}

    def _open(self, file: str, wanted: Mapping[Layout, int], scratch: Path) -> dict[Layout, np.ndarray]:
        """The arrays of a file, thinned out."""
        path = self._path(file)
        if any(layout.variable is None for layout in wanted):
            ((layout, rows),) = wanted.items()
            array = _npy(path)
            self._check(layout, path, array.shape, rows)
            return {layout: thinned(array, layout.all_strides)}
        known = matlab_arrays.shapes(path)
        for layout, rows in wanted.items():
            if layout.variable not in known:
                holds = ", ".join(f"{name} {shape}" for name, shape in sorted(known.items())) or "nothing"
                raise DataMissing(
                    f"{path} holds {holds}, but no {layout.variable} {layout.shown(rows)}. {self._advice()}"
                )
            self._check(layout, path, known[layout.variable], rows)
        folder = scratch / path.stem
        folder.mkdir(exist_ok=True)
        arrays = matlab_arrays.arrays(path, {layout.variable: layout.all_strides for layout in wanted}, folder)
        return {layout: arrays[layout.variable] for layout in wanted}

    def _check(self, layout: Layout, path: Path, found: Sequence[int], rows: int) -> None:
        if not layout.fits(found, rows):
            what = f"{layout.variable} " if layout.variable else ""
            raise DataMissing(
                f"{path} holds {what}{tuple(found)}, where {layout.shown(rows)} is wanted. {self._advice()}"
            )

    def _advice(self) -> str:
        return f"Get the file {self.address}, or say in dataset.source what yours is like."


@dataclasses.dataclass(frozen=True)
class PublishedExamples:
    """Examples of published arrays.

    Attributes:
        source: whose they are.
        arrays: split to name to (array, axis of examples).
    """

    source: Published
    arrays: Mapping[str, Mapping[str, tuple[np.ndarray, int]]]

    def examples(self, split: str, first: int, count: int) -> dict[str, np.ndarray]:
        """Some examples of a split, float32."""
        values = {}
        for name, (array, axis) in self.arrays[split].items():
            start = self.source.first_row(split, array.shape[axis]) + first
            part = array[(slice(None),) * axis + (slice(start, start + count),)]
            values[name] = np.moveaxis(np.asarray(part, np.float32), axis, 0)
        return self.source.example_fields(values)


def _npy(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataMissing(f"{path} is no whole .npy file of numbers ({error}). Get it anew.") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise DataMissing(f"{path} is no .npy file of real numbers. Get it anew.")
    return array
