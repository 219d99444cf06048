"""The order of training examples, as arithmetic: which example stands at a position depends on (seed, epoch) alone.

Position `p = step * batch_size + i` lies in epoch `p // size`; every epoch is a permutation of all examples, and a
batch may cross from one epoch into the next. Nothing depends on workers, processes or devices, and any step can be
reached without taking those before it.

With repeats, each example of an epoch's permutation stands at several positions in a row, to be augmented differently,
and an epoch of as many positions ends before all examples have had their turn (Hoffer et al., "Augment your batch",
CVPR 2020; as timm's repeated-augmentation sampler over all devices).
"""

import functools

import numpy as np


def example_at(seed: int, size: int, position: int) -> tuple[int, int]:
    """(epoch, example index) of a position in the endless training sequence over `size` examples."""
    epoch, offset = divmod(position, size)
    return epoch, int(epoch_order(seed, epoch, size)[offset])


def repeat_at(seed: int, size: int, position: int, repeats: int) -> tuple[int, int, int]:
    """(epoch, example index, which of its `repeats`) of a position, when each example stands at several in a row."""
    epoch, offset = divmod(position, size)
    return epoch, int(epoch_order(seed, epoch, size)[offset // repeats]), offset % repeats


def examples_at(seed: int, size: int, first: int, count: int) -> np.ndarray:
    """Example indices of `count` positions from `first` on; int32 (count,)."""
    positions = np.arange(first, first + count)
    epochs = positions // size
    parts = [epoch_order(seed, int(epoch), size)[positions[epochs == epoch] % size] for epoch in np.unique(epochs)]
    return np.concatenate(parts)


@functools.lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, size: int) -> np.ndarray:
    """The permutation of one epoch; int32 (size,)."""
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(size).astype(np.int32)
    order.setflags(write=False)
    return order


def example_generator(seed: int, epoch: int, example: int, repeat: int = 0) -> np.random.Generator:
    """The generator that drives an example's random transforms in an epoch, another for each of its repeats."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, repeat, example + 1]))
