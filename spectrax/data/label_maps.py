"""A teacher's labels of the places of every training picture: the published maps of the best five classes.

Published as one file of PyTorch's per picture, `SYNSET/PICTURE.pt`, a float16 tensor (2, 5, rows, columns) of scores
(before a softmax) and class numbers; converted once to arrays that training reads without PyTorch.

Source: Jiang et al., "All tokens matter: token labeling for training better vision transformers", NeurIPS 2021.
"""

import importlib.util
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.core.progress import counting
from spectrax.core.protocols import FieldSpec
from spectrax.data import prepared
from spectrax.data.views import View

Map = tuple[np.ndarray, np.ndarray]
"""Scores float16 and classes int16 of one picture, each (best, rows, columns)."""


class LabelMaps:
    """Maps by the name of a picture's file; `data_dir/NAME.arrays` holds them converted.

    Args:
        data_dir: where they are converted to.
        name: of the published directory.
        manual_dir: the published directory itself, unpacked; None for `data_dir/NAME`.
        size: rows and columns of a map.
        best: classes kept at each place.
    """

    def __init__(
        self,
        *,
        data_dir: str,
        name: str = "label_top5_train_nfnet",
        manual_dir: str | None = None,
        size: int = 18,
        best: int = 5,
    ):
        self.directory = Path(data_dir).expanduser() / f"{name}.arrays"
        self._source = Path(manual_dir or Path(data_dir) / name).expanduser()
        self._shape = (best, size, size)
        self._opened: tuple[np.ndarray, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes open the arrays themselves.
        return {**self.__dict__, "_opened": None}

    @property
    def fields(self) -> dict[str, FieldSpec]:
        """What an example gets."""
        return {
            "label_scores": FieldSpec(
                self._shape, "float16", "scores of the best classes at each place of the picture"
            ),
            "label_classes": FieldSpec(self._shape, "int16", "those classes"),
            "crop_box": FieldSpec(
                (4,), "float32", "top, left, bottom, right of the image in the picture, in its sides"
            ),
        }

    def prepare(self, pictures: int, progress: bool = True) -> Path:
        """Convert the published files, unless that was done; returns the directory of the arrays.

        Args:
            pictures: how many there are in the training split.

        Raises:
            DataMissing: when they are not there or too few, when one is not as it should be, and when PyTorch is wanted
                for them.
        """
        directory = prepared.prepare(self.directory, lambda target: self._convert(target, progress))
        maps = len(self._arrays()[0])
        if maps < pictures:
            raise DataMissing(f"{directory} has label maps of {maps:,} pictures out of {pictures:,}. {self._advice()}")
        return directory

    def seen(self, file_name: str | bytes, view: View) -> dict[str, np.ndarray]:
        """The fields of a training example. Raises `DataMissing` when there is no map of the picture."""
        scores, classes = self._read(file_name)
        if view.matrix is not None:
            scores, classes = follow(scores, classes, view)
        return {"label_scores": scores, "label_classes": classes, "crop_box": np.asarray(view.box, np.float32)}

    def blank(self) -> dict[str, np.ndarray]:
        """The fields of an example that nothing is learnt from."""
        return {name: np.zeros(field.shape, field.dtype) for name, field in self.fields.items()}

    def _read(self, file_name: str | bytes) -> Map:
        names, scores, classes = self._arrays()
        name = Path(os.fsdecode(file_name)).stem.encode()
        place = int(np.searchsorted(names, name))
        if place == len(names) or names[place] != name:
            raise DataMissing(f"{self.directory} has no label map of {name.decode()}. {self._advice()}")
        return np.asarray(scores[place]), np.asarray(classes[place])

    def _arrays(self) -> tuple[np.ndarray, ...]:
        """Names in order, scores and classes."""
        if self._opened is None:
            paths = [self.directory / f"{name}.npy" for name in ("names", "scores", "classes")]
            self._opened = tuple(np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
        return self._opened

    def _advice(self) -> str:
        return (
            f"Remove it and put the maps of the whole training split in {self._source}, or train without them: "
            "dataset.label_maps=null."
        )

    def _convert(self, target: Path, progress: bool) -> None:
        if not self._source.is_dir():
            raise DataMissing(
                f"The label maps are not in {self._source}. Unpack {self._source.name} there, see 'Label data' at "
                "https://github.com/zihangJiang/TokenLabeling, or train without them: dataset.label_maps=null."
            )
        files = {path.stem: path for path in self._source.glob("*/*.pt")}
        if not files:
            raise DataMissing(f"{self._source} holds no SYNSET/PICTURE.pt: it is no directory of label maps.")
        with counting("Converting label maps", len(files), progress) as advance:

            def read(name: str) -> Map:
                advance(1)
                return read_published(files[name], self._shape)

            write(target, files, self._shape, read)


def write(directory: Path, names: Collection[str], shape: tuple[int, int, int], read: Callable[[str], Map]) -> None:
    """Write the arrays of maps of this shape (best, rows, columns), one for each name."""
    ordered = sorted(names)
    arrays = [
        np.lib.format.open_memmap(directory / f"{name}.npy", "w+", dtype, (len(ordered), *shape))
        for name, dtype in (("scores", np.float16), ("classes", np.int16))
    ]
    for place, name in enumerate(ordered):
        for array, values in zip(arrays, read(name), strict=True):
            array[place] = values
    for array in arrays:
        array.flush()
    np.save(directory / "names.npy", np.array([name.encode() for name in ordered]), allow_pickle=False)


def read_published(path: Path, shape: tuple[int, int, int]) -> Map:
    """A published file, of which nothing but a tensor is ever opened. Raises `DataMissing` when it is no such file."""
    if importlib.util.find_spec("torch") is None:
        raise DataMissing(
            "Label maps are files of PyTorch's, which is wanted once to convert them and not installed: "
            "python -m pip install 'spectrax[torch]'."
        )
    import torch

    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file PyTorch's reader says anything
        raise DataMissing(f"{path} is damaged, or holds more than a tensor. Unpack the label maps anew.") from error
    found = tuple(getattr(tensor, "shape", ()))
    if found != (2, *shape):
        raise DataMissing(
            f"{path} holds an array {found} where {(2, *shape)} is expected. For maps of another size set "
            "dataset.label_maps.size."
        )
    return tensor[0].half().numpy(), tensor[1].short().numpy()


def follow(scores: np.ndarray, classes: np.ndarray, view: View) -> Map:
    """The map (best, rows, columns) of a picture whose content was moved as in the view: each place takes the nearest,
    and where only fill came in no class has a score."""
    rows, columns = scores.shape[1:]
    y, x = (np.arange(rows)[:, None] + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    x, y, inside = view.sources(x, y)
    row = np.clip(np.floor(y * rows), 0, rows - 1).astype(int)
    column = np.clip(np.floor(x * columns), 0, columns - 1).astype(int)
    return np.where(inside, scores[:, row, column], np.float16(0)), classes[:, row, column]
