"""What `Fields` asks of a source of examples, and the rule by which grids are thinned out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spectrax.core.protocols import DataCard, FieldSpec


class Examples(Protocol):
    """Examples that can be had, any of them at any time."""

    def examples(self, split: str, first: int, count: int) -> dict[str, np.ndarray]:
        """Examples `first` to `first + count` of a split: (count, *shape) for each field."""


class FieldSource(Protocol):
    """Where examples come from. Attributes are facts that need no data.

    Attributes:
        name: lower_snake_case, of the prepared directory; never that of a published benchmark for what is made here.
        option: what `dataset=` calls it.
        version: changes whenever the same settings come to give other examples.
        fields: of an example as it is prepared, float32 or float64.
        splits: examples by split.
        chunk: how many examples are made at once.
        in_processes: chunks are made by one thread each, so that processes share the work; else they are made one after
            the other, by a program that uses the whole machine.
        places: the two channels of "input" are places in the plane, of a mesh or of points.
        published: the files are somebody else's, so that the settings do not say what is in them.
    """

    name: str
    option: str
    version: str
    fields: Mapping[str, FieldSpec]
    splits: Mapping[str, int]
    chunk: int
    in_processes: bool
    places: bool
    published: bool

    def facts(self) -> dict[str, Any]:
        """Everything that decides what the examples are, as JSON."""

    def origin(self) -> dict[str, Any]:
        """What else the card says of how they came about, as JSON: versions of programs, files."""

    def check(self, command: str) -> None:
        """Raise `DataMissing` naming what is not there, before anything of an earlier preparation is touched.

        Args:
            command: what prepares this source, for messages.
        """

    def opened(self, scratch: Path) -> Examples:
        """The examples; `scratch` is a directory of this preparation's own, kept until it is finished.

        Raises:
            DataMissing: naming what is not what it should be.
        """

    def card(self, content_hash: str) -> DataCard:
        """The data card."""


def digest(facts: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that name what the facts describe."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def thinned_size(size: int, stride: int) -> int:
    """Points that are left of `size` when every `stride`-th is kept: `int((size - 1) / stride) + 1`."""
    return (size - 1) // stride + 1


def thinned(array: np.ndarray, strides: Sequence[int], first_axis: int = 0) -> np.ndarray:
    """Every `stride`-th point along the axes from `first_axis` on, beginning with the first; a view.

    This is the rule of the published benchmarks, `array[:, ::r1, ::r2][:, :s1, :s2]`.
    """
    return array[(slice(None),) * first_axis + tuple(slice(None, None, stride) for stride in strides)]
