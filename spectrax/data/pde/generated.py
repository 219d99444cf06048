"""What sources that make their own examples have in common: splits, seeds, and what their cards say."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import DataCard
from spectrax.data.field_source import Examples

_SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generated:
    """Base of sources that call a solver: a frozen dataclass, whose attributes are all that decides the examples.

    Which example it is, and the seed, decide its random numbers: neither chunks nor processes change them, and a set
    with more examples begins with the same ones.

    Attributes:
        train, validation, test: examples of each split; a split of none is left out.
        seed: of everything random.
        name: of the prepared directory; ends with "generated", since no such set is a published one.
        solver: the module that computes.
        libraries: distributions whose versions the card records.
        precision: in which the solver computes.
    """

    train: int
    validation: int = 0
    test: int
    seed: int = 0

    name: ClassVar[str]
    option: ClassVar[str]
    version: ClassVar[str] = "1.0.0"
    solver: ClassVar[str]
    precision: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    description: ClassVar[str]
    units: ClassVar[str]
    citation: ClassVar[str]
    in_processes: ClassVar[bool] = True
    chunk: ClassVar[int] = 16
    places: ClassVar[bool] = False
    published: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.train < 1 or min(self.validation, self.test) < 0:
            raise ConfigError(
                f"dataset.source makes at least one training example, and of other splits no less than none: it says "
                f"train={self.train}, validation={self.validation}, test={self.test}."
            )
        if self.seed < 0:
            raise ConfigError(f"dataset.source.seed={self.seed} must be 0 or more.")

    @property
    def splits(self) -> Mapping[str, int]:
        """Examples by split."""
        sizes = {name: getattr(self, name) for name in _SPLITS}
        return {name: size for name, size in sizes.items() if size}

    def facts(self) -> dict[str, Any]:
        """All settings, the solver and the version of this recipe."""
        settings = {name: _plain(value) for name, value in dataclasses.asdict(self).items()}
        return {"solver": self.solver, "version": self.version, "precision": self.precision, **settings}

    def origin(self) -> dict[str, Any]:
        """Versions of what computed; None for what is not installed, which the solver will tell."""
        return {"versions": {name: _version(name) for name in ("spectrax", *self.libraries)}}

    def check(self, command: str) -> None:
        """Nothing has to be there."""

    def opened(self, scratch: Path) -> Examples:
        """This source itself: there is nothing to open."""
        return self

    def indices(self, split: str, first: int, count: int) -> range:
        """The numbers by which the random numbers of examples are drawn: no two splits have one in common."""
        start = _SPLITS.index(split) * 2**32 + first
        return range(start, start + count)

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description=f"{self.description} Made here, not published: figures on it are not those of papers.",
            units=self.units,
            normalisation="none; stored as computed, in float32",
            licence="made by this program from the settings in `origin`; as free as the program",
            citation=self.citation,
            splits=self.splits,
            content_hash=content_hash,
            split_rule="independent draws; a split's examples are numbered, and the number and the seed decide them",
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
