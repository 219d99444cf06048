"""What data sets that are made or read by a source, chunk by chunk, have in common: a directory, a card, arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spectrax.core.array_files import UNREADABLE
from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile
from spectrax.core.protocols import DataCard
from spectrax.data import prepared
from spectrax.data.field_preparation import FieldPreparation
from spectrax.data.field_source import FieldSource, digest


class PreparedSource:
    """A source prepared under a directory that its settings name.

    Args:
        source: where the examples come from.
        data_dir: directory under which data are prepared.
        processes: that share the work of a preparation, where the source allows it; None for as many as there are
            processors.

    Raises:
        ConfigError: when `processes` is not positive.
    """

    def __init__(self, source: FieldSource, data_dir: str, processes: int | None = None):
        if processes is not None and processes < 1:
            raise ConfigError(f"dataset.processes={processes} must be at least 1, or null for all processors.")
        self.source, self._processes = source, processes
        self.directory = Path(data_dir).expanduser() / source.name / f"{source.version}-{digest(source.facts())}"

    def card(self) -> DataCard:
        """The data card, with the content hash of what is prepared."""
        return self.source.card(self._content_hash())

    def fingerprint(self) -> str:
        """What was published and what is prepared of it; the settings alone of what is made here, whose last bits may
        differ from machine to machine."""
        return f"{self.directory.name} {self._content_hash() if self.source.published else ''}".strip()

    def prepare(self, progress: bool = True) -> Path:
        """Make or read the examples if they are not there; returns the prepared directory.

        Raises:
            DataMissing: naming the files that are wanted, what is wrong with them, or what the solver did not bear.
        """
        if not self.directory.is_dir():
            FieldPreparation(self.directory, self.source, self._processes, self._command()).run(progress)
        return self.directory

    def array(self, split: str, field: str) -> np.ndarray:
        """All prepared examples (examples, *shape) of a split, on disk. Raises `DataMissing`."""
        return np.load(self.prepared() / f"{split}_{field}.npy", mmap_mode="r", allow_pickle=False)

    def prepared(self) -> Path:
        """The directory. Raises `DataMissing` when it is not there."""
        if not self.directory.is_dir():
            raise DataMissing(
                f"{self.source.name} is not prepared in {self.directory}. Run, with the same dataset.* as here: "
                f"{self._command()}"
            )
        return self.directory

    def _content_hash(self) -> str:
        there = (self.directory / "card.json").is_file()
        return prepared.read_card(self.directory)["content_hash"] if there else ""

    def _command(self) -> str:
        files = "DIR" if self.source.published else None
        return prepared.command(self.source.option, manual_dir=files, data_dir=self.directory.parents[1])


def read_arrays(path: Path, name: str) -> dict[str, np.ndarray]:
    """A person's file: an .npy file's array under `name`, or all arrays of an .npz file. Raises `UnreadableFile`."""
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            return {name: content} if isinstance(content, np.ndarray) else dict(content)
    except UNREADABLE as error:
        raise UnreadableFile(f"is no NumPy file of numbers ({error})") from error


def refuse_what_is_not_finite(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise `UnreadableFile` where a person's arrays, as models see them in float32, hold what is no number."""
    for name, array in arrays.items():
        with np.errstate(over="ignore"):
            finite = np.isfinite(np.asarray(array, np.float32)).all()
        if not finite:
            raise UnreadableFile(f"holds NaN or infinite numbers in {name}, or such as float32 cannot hold")
