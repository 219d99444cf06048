"""The development kit of ILSVRC 2012: the synsets that are classes, and the classes of the validation pictures."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spectrax.core.errors import DataMissing
from spectrax.data import matlab_files, published_archives

NAME = "ILSVRC2012_devkit_t12.tar.gz"
_SYNSETS = "ILSVRC2012_devkit_t12/data/meta.mat"
_TRUTH = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"
_LARGEST = 2**26  # bytes that either may have


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
    found = published_archives.contents(path, dict.fromkeys((_SYNSETS, _TRUTH), _LARGEST))
    try:
        by_identifier = _classes(found[_SYNSETS], path)
        identifiers = [int(line) for line in found[_TRUTH].split()]
        rank = {synset: place for place, synset in enumerate(sorted(synset for synset, _ in by_identifier.values()))}
        words = dict(by_identifier.values())
        validation = [rank[by_identifier[identifier][0]] for identifier in identifiers]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataMissing(
            f"{path} is not the development kit of ILSVRC 2012, tasks 1 and 2 ({error}). Download it anew."
        ) from error
    return Devkit(tuple(rank), tuple(words[synset] for synset in rank), tuple(validation))


def _classes(content: bytes, path: Path) -> dict[int, tuple[str, str]]:
    """(synset, words) by the challenge's own identifiers; the kit lists inner nodes of WordNet too, which are none."""
    rows = np.atleast_1d(matlab_files.variables(content, path, "synsets")["synsets"])
    leaves = [row for row in rows if int(row["num_children"]) == 0]
    return {int(row["ILSVRC2012_ID"]): (str(row["WNID"]), str(row["words"])) for row in leaves}
