"""Handwritten digits that scikit-learn ships: 1,797 real 8x8 images, no download."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from spectrax.core.protocols import DataCard
from spectrax.data import splitting
from spectrax.data.prepared import Examples

_SPLIT_SEED = 20231102
_SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


@dataclasses.dataclass(frozen=True)
class Digits:
    """The test part of the UCI "Optical Recognition of Handwritten Digits" data, with a fixed stratified split."""

    name: ClassVar[str] = "digits"
    version: ClassVar[str] = "1.0.0"
    shape: ClassVar[tuple[int, int, int]] = (8, 8, 1)
    maximum: ClassVar[int] = 16
    splits: ClassVar[Mapping[str, int]] = {"train": 1077, "validation": 360, "test": 360}
    class_names: ClassVar[Sequence[str]] = tuple("0123456789")

    def examples(self) -> Examples:
        """Images uint8 (n, 8, 8, 1) with values 0 to 16, and labels."""
        from sklearn.datasets import load_digits

        data = load_digits()
        images = data.images.astype(np.uint8)[..., None]
        rows = stratified_split(data.target)
        return {name: (images[index], data.target[index]) for name, index in rows.items()}

    def card(self, content_hash: str) -> DataCard:
        """The data card."""
        return DataCard(
            name=self.name,
            version=self.version,
            description="8x8 images of handwritten digits by 13 writers, 4x4 block counts of 32x32 bitmaps.",
            units="ink count per 4x4 block, 0 to 16",
            normalisation="by the dataset's transforms; stored as counted",
            licence="CC BY 4.0 (UCI Machine Learning Repository)",
            citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998; "
            "as distributed with scikit-learn (Pedregosa et al., JMLR 12, 2011)",
            splits=self.splits,
            content_hash=content_hash,
            split_rule=f"made here: stratified by class, shares {_SHARES}, Philox seed {_SPLIT_SEED}",
        )


def stratified_split(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Row indices of train, validation and test, see `splitting`."""
    return splitting.stratified(labels, _SHARES, _SPLIT_SEED)
