"""Split sizes of data that are not at hand."""

from collections.abc import Iterator, Mapping

from spectrax.core.errors import DataMissing

SPLITS = ("train", "validation", "test")


class UnknownSizes(Mapping[str, int]):
    """Any split may be there; asking for a size says what is missing.

    So a run on such data can be opened, and predict, where only its checkpoint is.
    """

    def __init__(self, reason: DataMissing):
        self._reason = str(reason)

    def __getitem__(self, name: str) -> int:
        raise DataMissing(f"{self._reason} (Where sizes are enough, state them: dataset.split_sizes={{train: 1000}}.)")

    def __contains__(self, name: object) -> bool:
        return name in SPLITS

    def __iter__(self) -> Iterator[str]:
        return iter(SPLITS)

    def __len__(self) -> int:
        return len(SPLITS)
