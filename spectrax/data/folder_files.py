"""The pictures of a directory with a folder per class, found by their names; none is opened."""

import dataclasses
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.data.splitting import stratified

_SUFFIXES = (".png", ".jpg", ".jpeg")
_SPLIT_FOLDERS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}


@dataclasses.dataclass(frozen=True)
class Files:
    """The pictures of one split, sorted by class and name.

    Attributes:
        names: relative to the root, folders separated by "/".
        labels: int32 (files,), never falling.
    """

    names: Sequence[str]
    labels: np.ndarray

    def rows(self, index: Sequence[int] | np.ndarray) -> "Files":
        """Those at some positions."""
        return Files([self.names[row] for row in index], self.labels[index])


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a directory holds.

    Attributes:
        class_names: names of the classes' folders, sorted.
        splits: those that hold pictures.
        given: the directory has a folder per split; otherwise the split was made here.
    """

    class_names: tuple[str, ...]
    splits: Mapping[str, Files]
    given: bool

    @property
    def names(self) -> list[str]:
        """Of all pictures, sorted."""
        return sorted(name for files in self.splits.values() for name in files.names)

    def without(self, left_out: Container[str]) -> "Listing":
        """The listing without some names; no other picture changes its split."""
        kept = {split: np.array([name not in left_out for name in files.names]) for split, files in self.splits.items()}
        splits = {split: files.rows(np.flatnonzero(kept[split])) for split, files in self.splits.items()}
        return dataclasses.replace(self, splits=splits)


def list_files(root: Path, shares: Mapping[str, float], seed: int) -> Listing:
    """Find all PNG and JPEG files by their suffixes; folders and files whose names begin with a dot are passed over.

    Args:
        root: holds `train/`, and perhaps `validation/` (or `val/`) and `test/`, with a folder per class in each; or
            the folders of the classes alone, to be split by `shares` and `seed`, see `splitting`.

    Raises:
        DataMissing: saying what is not as it should be.
    """
    if not root.is_dir():
        raise DataMissing(f"{root} is not a directory. Give one with a folder per class: dataset.image_dir=DIR.")
    try:
        return _given(root) if _folders(root / "train") else _made(root, shares, seed)
    except OSError as error:
        raise DataMissing(f"{error.filename} cannot be read ({error.strerror}). Mend its permissions.") from error


def _given(root: Path) -> Listing:
    classes = _folders(root / "train")
    splits = {}
    for split, candidates in _SPLIT_FOLDERS.items():
        folders = [name for name in candidates if _folders(root / name)]
        if len(folders) > 1:
            raise DataMissing(f"{root} holds both {' and '.join(folders)}. Keep one of them.")
        if not folders:
            continue
        strangers = sorted(set(_folders(root / folders[0])) - set(classes))
        if strangers:
            raise DataMissing(
                f"{root / folders[0] / strangers[0]} has no counterpart in {root / 'train'}. Move the folder away, or "
                "add pictures to train on."
            )
        files = _files(root, folders[0], classes)
        if split == "train":
            _check_none_empty(root / "train", classes, files)
        if files.names:
            splits[split] = files
    return Listing(tuple(classes), splits, given=True)


def _made(root: Path, shares: Mapping[str, float], seed: int) -> Listing:
    classes = _folders(root)
    files = _files(root, "", classes)
    _check_none_empty(root, classes, files)
    parts = stratified(files.labels, shares, seed, files.names)
    splits = {name: files.rows(rows) for name, rows in parts.items() if len(rows)}
    if "train" not in splits:
        raise DataMissing(
            f"{root} holds {len(files.names)} pictures, too few to split. Add some, or set dataset.shares."
        )
    return Listing(tuple(classes), splits, given=False)


def _check_none_empty(folder: Path, classes: Sequence[str], files: Files) -> None:
    if not classes:
        raise DataMissing(f"{folder} holds no folders. Put the pictures of each class in a folder of its name.")
    empty = sorted(set(range(len(classes))) - set(files.labels.tolist()))
    if empty:
        raise DataMissing(f"{folder / classes[empty[0]]} holds no PNG or JPEG file. Add some, or remove the folder.")


def _files(root: Path, folder: str, classes: Sequence[str]) -> Files:
    found = [sorted(_pictures(root, root / folder / name)) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), [len(names) for names in found])
    return Files([name for names in found for name in names], labels)


def _pictures(root: Path, folder: Path) -> Iterator[str]:
    start = len(str(root)) + 1
    if not folder.is_dir():
        return
    for where, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = where[start:]
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield f"{below}/{name}"


def _folders(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def _raise(error: OSError) -> None:
    raise error
