"""A stand-in for ImageNet, made here in a second: archives of the official layout, of crops of the two photographs that
scikit-learn ships, and label maps that no teacher has made.

For trying a recipe out as a whole. Eight classes, each a quarter of a photograph, are nothing that could be learnt.
"""

import dataclasses
import functools
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spectrax.core.files import atomic_write
from spectrax.core.protocols import DataCard
from spectrax.data import label_maps, prepared
from spectrax.data.imagenet2012 import Imagenet2012
from spectrax.data.imagenet_archives import TRAIN, VALIDATION
from spectrax.data.imagenet_devkit import NAME as DEVKIT

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
SYNSETS = tuple(f"n{99000001 + label}" for label in range(8))  # none of WordNet's
WORDS = tuple(
    f"{photograph.removesuffix('.jpg')}, {vertical} {horizontal}"
    for photograph in PHOTOGRAPHS
    for vertical in ("upper", "lower")
    for horizontal in ("left", "right")
)
_CROP = (160, 200)  # pixels of the 213x320 of a quarter


class ImagenetSample(Imagenet2012):
    """Prepared from archives that it writes to `manual_dir`, as ImageNet is from the official ones; see `Imagenet2012`
    for the arguments, of which `published` says how many pictures there are."""

    def prepare(self, progress: bool = True) -> Path:
        """The prepared directory; everything is made where it is not there."""
        if self._found() is None and self._manual_dir is not None:
            write = functools.partial(write_archives, train=self._published["train"])
            prepared.prepare(self._manual_dir, functools.partial(write, validation=self._published["validation"]))
        if self._label_maps is not None:
            prepared.prepare(self._label_maps.directory, self._write_label_maps)
        return super().prepare(progress)

    def card(self) -> DataCard:
        """The data card, which says that it is a stand-in."""
        return dataclasses.replace(
            super().card(),
            name="imagenet_sample",
            description="Crops of two photographs, laid out as ImageNet's archives are, to try recipes out.",
            licence="photographs: Creative Commons BY 2.0, see scikit-learn's datasets/images/README.txt",
            citation="photographs china.jpg and flower.jpg of scikit-learn",
            split_rule="made here",
        )

    def _write_label_maps(self, directory: Path) -> None:
        """Stand-ins: a picture's own class, surest in the middle, before four others. A real teacher sees more."""
        best, rows, columns = shape = self._label_maps.fields["label_scores"].shape
        down, along = (np.abs(np.linspace(-1, 1, size)) for size in (rows, columns))
        sure = 10 - 4 * np.maximum(down[:, None], along)
        scores = np.stack(
            [sure, *np.broadcast_to(np.linspace(3, 1, best - 1)[:, None, None], (best - 1, rows, columns))]
        )
        names = {name.removesuffix(".JPEG"): label for name, label in train_names(self._published["train"])}

        def made(name: str) -> label_maps.Map:
            classes = (names[name] + np.arange(best)) % len(SYNSETS)
            return scores, np.broadcast_to(classes[:, None, None], shape)

        label_maps.write(directory, names, shape, made)


def train_names(count: int) -> list[tuple[str, int]]:
    """Names and classes of that many training pictures, class after class as even as may be."""
    return [
        (f"{SYNSETS[label]}_{number}.JPEG", label)
        for label in range(len(SYNSETS))
        for number in range(len(range(label, count, len(SYNSETS))))
    ]


def write_archives(directory: Path, train: int, validation: int) -> None:
    """The three official files, of that many pictures."""
    by_synset: dict[str, dict[str, bytes]] = {synset: {} for synset in SYNSETS}
    for name, label in train_names(train):
        by_synset[SYNSETS[label]][name] = picture(label, len(by_synset[SYNSETS[label]]))
    truth = [number % len(SYNSETS) for number in range(validation)]
    seen = {f"ILSVRC2012_val_{n + 1:08d}.JPEG": picture(label, 10_000 + n) for n, label in enumerate(truth)}
    inner = {f"{synset}.tar": tar(files) for synset, files in by_synset.items()}
    # The challenge's own numbers are in another order than the synsets' names.
    identifiers = list(range(len(SYNSETS), 0, -1))
    files = {TRAIN: tar(inner), VALIDATION: tar(seen), DEVKIT: devkit(SYNSETS, WORDS, identifiers, truth)}
    for name, content in files.items():
        with atomic_write(directory / name) as file:
            file.write(content)


def picture(label: int, number: int) -> bytes:
    """A JPEG of a crop from the quarter that is the class; its place depends on the number."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photograph, quarter = divmod(label, 4)
    pixels = load_sample_image(PHOTOGRAPHS[photograph])
    spare = [pixels.shape[axis] // 2 - _CROP[axis] for axis in (0, 1)]
    corner = np.random.default_rng([label, number]).integers(0, spare, endpoint=True)
    top, left = corner + np.array(divmod(quarter, 2)) * (pixels.shape[0] // 2, pixels.shape[1] // 2)
    file = io.BytesIO()
    Image.fromarray(pixels[top : top + _CROP[0], left : left + _CROP[1]]).save(file, "JPEG", quality=90)
    return file.getvalue()


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """An archive of name to content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def devkit(synsets: Sequence[str], words: Sequence[str], identifiers: Sequence[int], truth: Sequence[int]) -> bytes:
    """The development kit: leaves and one inner node of WordNet, and the validation pictures' classes.

    Args:
        identifiers: the challenge's own number of each synset, from 1 on.
        truth: classes of the validation pictures, as places in `synsets`.
    """
    from scipy.io import savemat

    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "num_train_images")
    rows = [(i, s, w, "", 0, 5) for i, s, w in sorted(zip(identifiers, synsets, words, strict=True))]
    inner = (len(synsets) + 1, "n00000001", "entity", "", len(synsets), 0)
    table = np.array([*rows, inner], dtype=[(name, object) for name in fields])
    file = io.BytesIO()
    savemat(file, {"synsets": table.reshape(-1, 1)})
    lines = "".join(f"{identifiers[label]}\n" for label in truth)
    folder = "ILSVRC2012_devkit_t12/data"
    names = {f"{folder}/meta.mat": file.getvalue(), f"{folder}/ILSVRC2012_validation_ground_truth.txt": lines.encode()}
    return tar(names, "w:gz")
