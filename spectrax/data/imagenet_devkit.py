"""The development kit of ILSVRC 2012: the synsets that are classes, and the classes of the validation pictures."""

import dataclasses
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from spectrax.core.errors import DataMissing

NAME = "ILSVRC2012_devkit_t12.tar.gz"
_SYNSETS = "ILSVRC2012_devkit_t12/data/meta.mat"
_TRUTH = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"


@dataclasses.dataclass(frozen=True)
class Devkit:
    """What the kit says.

    Attributes:
        synsets: WordNet identifiers such as "n01440764", sorted: a class's number is its place here.
        words: of each synset, such as "tench, Tinca tinca".
        validation: the class of each validation picture, in the order of the pictures' numbers.
    """

    synsets: Sequence[str]
    words: Sequence[str]
    validation: Sequence[int]


def read_devkit(path: Path) -> Devkit:
    """Read the archive; nothing is unpacked.

    Raises:
        DataMissing: when it is not the kit of the challenge of 2012.
    """
    try:
        with tarfile.open(path) as archive:
            by_identifier = _classes(_content(archive, _SYNSETS))
            identifiers = [int(line) for line in _content(archive, _TRUTH).split()]
        rank = {synset: place for place, synset in enumerate(sorted(synset for synset, _ in by_identifier.values()))}
        words = dict(by_identifier.values())
        validation = [rank[by_identifier[identifier][0]] for identifier in identifiers]
    except (tarfile.TarError, EOFError, KeyError, ValueError, TypeError, IndexError) as error:
        raise DataMissing(
            f"{path} is not the development kit of ILSVRC 2012, tasks 1 and 2 ({error}). Download it anew."
        ) from error
    return Devkit(tuple(rank), tuple(words[synset] for synset in rank), tuple(validation))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)  # a KeyError names what is not there
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file.read()


def _classes(content: bytes) -> dict[int, tuple[str, str]]:
    """(synset, words) by the challenge's own identifiers; the kit lists inner nodes of WordNet too, which are none."""
    import numpy as np
    from scipy.io import loadmat

    rows = np.atleast_1d(loadmat(io.BytesIO(content), squeeze_me=True)["synsets"])
    leaves = [row for row in rows if int(row["num_children"]) == 0]
    return {int(row["ILSVRC2012_ID"]): (str(row["WNID"]), str(row["words"])) for row in leaves}
