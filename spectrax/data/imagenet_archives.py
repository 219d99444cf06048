"""The pictures of ILSVRC 2012 in the archives that image-net.org gives out, read where they lie in them.

Names in an archive are compared with those that must be there, and are never paths to write to.
"""

import dataclasses
import functools
import hashlib
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from spectrax.core.errors import DataMissing
from spectrax.data import imagenet_devkit
from spectrax.data.record_shards import Picture, Shard

TRAIN = "ILSVRC2012_img_train.tar"
VALIDATION = "ILSVRC2012_img_val.tar"
FILES = {
    TRAIN: "the training pictures of tasks 1 and 2, 138 GB",
    VALIDATION: "the validation pictures, 6.3 GB",
    imagenet_devkit.NAME: "the development kit of tasks 1 and 2, 2.5 MB",
}
VALIDATION_SHARD = 1000  # pictures
_LARGEST = 2**26  # bytes that a picture may have


@dataclasses.dataclass(frozen=True)
class ImagenetArchives:
    """The three files of `FILES` in a directory.

    Raises:
        DataMissing: naming each file that is not there, or is not what its name says.
    """

    directory: Path

    def __post_init__(self) -> None:
        missing = [name for name in FILES if not (self.directory / name).is_file()]
        if missing:
            wanted = "".join(f"\n  {self.directory / name}: {FILES[name]}" for name in missing)
            raise DataMissing(
                f"ImageNet cannot be prepared: not there {'are' if len(missing) > 1 else 'is'}{wanted}\n"
                "Download from image-net.org, where they are given to those who sign up, and put each where its line "
                "says; or give a directory that holds train/ and val/ with a folder for each synset."
            )

    @functools.cached_property
    def _devkit(self) -> imagenet_devkit.Devkit:
        return imagenet_devkit.read_devkit(self.directory / imagenet_devkit.NAME)

    @property
    def synsets(self) -> tuple[str, ...]:
        """Of the classes, sorted."""
        return tuple(self._devkit.synsets)

    @property
    def words(self) -> tuple[str, ...]:
        """Of each synset."""
        return tuple(self._devkit.words)

    def fingerprint(self) -> str:
        """SHA-256 over sizes and times of change of the files."""
        digest = hashlib.sha256()
        for name in FILES:
            facts = (self.directory / name).stat()
            digest.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def shards(self) -> list[Shard]:
        """One for each synset's training pictures, and the validation pictures in thousands."""
        return [*self._train_shards(), *self._validation_shards()]

    def _train_shards(self) -> Iterator[Shard]:
        path = self.directory / TRAIN
        members = {}
        for member in _members(path):
            name = _matched(path, member, r"(n\d{8})\.tar", "nXXXXXXXX.tar")
            members[name] = member
        missing = sorted(set(self.synsets) ^ set(members))
        if missing:
            raise DataMissing(
                f"{path} does not hold one archive for each synset of the development kit: {missing[0]}.tar "
                f"{'is not there' if missing[0] in self.synsets else 'is none of them'}. Download it anew."
            )
        for label, synset in enumerate(self.synsets):
            yield Shard("train", functools.partial(_synset_pictures, path, members[synset], synset, label))

    def _validation_shards(self) -> Iterator[Shard]:
        path, labels = self.directory / VALIDATION, self._devkit.validation
        members = {}
        for member in _members(path):
            members[int(_matched(path, member, r"ILSVRC2012_val_(\d{8})\.JPEG", "ILSVRC2012_val_XXXXXXXX.JPEG"))] = (
                member.offset_data,
                member.size,
            )
        if sorted(members) != list(range(1, len(labels) + 1)):
            raise DataMissing(
                f"{path} holds {len(members):,} pictures, where the development kit has labels for {len(labels):,}, "
                "numbered from 1 on. Download it anew."
            )
        places = [(f"ILSVRC2012_val_{number:08d}.JPEG", *members[number]) for number in sorted(members)]
        for start in range(0, len(places), VALIDATION_SHARD):
            part = slice(start, start + VALIDATION_SHARD)
            yield Shard("validation", functools.partial(_validation_pictures, path, places[part], labels[part]))


def _members(path: Path) -> list[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as archive:
            return archive.getmembers()
    except tarfile.TarError as error:
        raise DataMissing(f"{path} is not a whole tar archive ({error}). Download it anew.") from error


def _matched(path: Path, member: tarfile.TarInfo, pattern: str, shown: str) -> str:
    """The part of a member's name that the pattern's group finds."""
    match = re.fullmatch(pattern, member.name.removeprefix("./"))
    if match is None or not member.isfile():
        raise DataMissing(f"{path} holds {member.name!r}, where all should be files {shown}. Download it anew.")
    return match[1]


def _synset_pictures(path: Path, member: tarfile.TarInfo, synset: str, label: int) -> Iterator[Picture]:
    """The pictures of the archive of a synset inside the archive at `path`, in their order."""
    inside = path / member.name.removeprefix("./")
    try:
        with tarfile.open(path, "r:") as whole, tarfile.open(fileobj=whole.extractfile(member), mode="r:") as archive:
            for picture in archive:
                name = _matched(inside, picture, rf"({synset}_\d+\.JPEG)", f"{synset}_N.JPEG")
                content = b"" if picture.size > _LARGEST else archive.extractfile(picture).read()
                yield Picture(name, content, label)
    except tarfile.TarError as error:
        raise DataMissing(f"{inside} is not a whole tar archive ({error}). Download it anew.") from error


def _validation_pictures(path: Path, places: list[tuple[str, int, int]], labels: list[int]) -> Iterator[Picture]:
    with open(path, "rb") as file:
        for (name, offset, size), label in zip(places, labels, strict=True):
            file.seek(offset)
            yield Picture(name, b"" if size > _LARGEST else file.read(size), label)
