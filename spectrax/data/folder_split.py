"""Random access to the pictures of a folder, each decoded when it is wanted."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import DataMissing, UnreadableFile
from spectrax.data.corrupt_files import CorruptFiles
from spectrax.data.folder_files import Files
from spectrax.data.picture_files import read_picture


class FolderSplit:
    """One split of a folder of pictures.

    In the place of a corrupt file stands the next readable one of its class, so that sizes and order are those that
    the names say, whoever reads.
    """

    def __init__(self, root: Path, files: Files, channels: int, corrupt: CorruptFiles):
        self._root, self._files, self._channels, self._corrupt = root, files, channels, corrupt
        corrupt.open()

    def __len__(self) -> int:
        return len(self._files.names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The decoded example: "image" uint8 (height, width, channels) of any size, and "label"."""
        broken: dict[str, str] = {}
        for row in self._candidates(index):
            name = self._files.names[row]
            try:
                image = read_picture(self._root / name, self._channels)
            except UnreadableFile as error:
                broken[name] = str(error)
                continue
            for bad, reason in broken.items():
                self._corrupt.meet(bad, reason, name)
            return {"image": image, "label": self._files.labels[index]}
        raise DataMissing(
            f"None of the files beside {self._root / next(iter(broken))} can be read. Mend or remove them."
        )

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Many decoded examples."""
        return [self[index] for index in indices]

    def _candidates(self, index: int) -> Iterator[int]:
        """The row itself, then those of its class in a circle."""
        labels = self._files.labels
        first, end = np.searchsorted(labels, labels[index]), np.searchsorted(labels, labels[index], side="right")
        yield from (int(first + (index - first + step) % (end - first)) for step in range(end - first))
