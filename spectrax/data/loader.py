"""From dataset to batches: streamed by Grain's workers, or resident on the devices.

Both give the same sequence of examples for the same seed, see `order`.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Batch, Dataset
from spectrax.data import order

_WORKERS_PAY_FROM = 20_000  # evaluation examples from which starting worker processes pays


class ResidentLoader:
    """Keeps the transformed training split on the devices; a feed is the indices of a batch.

    Needs neither Grain nor TFDS once the dataset is prepared.

    Args:
        dataset: its training transforms must not be random.
        batch_size: global.
        eval_batch_size: of evaluation batches.
        seed: of the order.
    """

    def __init__(self, dataset: Dataset, *, batch_size: int, eval_batch_size: int, seed: int):
        self.dataset, self.seed = dataset, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self._arrays: dict[str, Batch] = {}

    @property
    def resident(self) -> Batch:
        """The training split: one array per field, examples first. Raises `ConfigError` when it is random."""
        self._check()
        return self._split("train")

    @property
    def resident_shapes(self) -> Batch:
        """Of `resident`, from the dataset's spec. Raises `ConfigError` when the training split is random."""
        import jax

        self._check()
        size, fields = self.examples("train"), self.dataset.spec.fields
        return {name: jax.ShapeDtypeStruct((size, *field.shape), field.dtype) for name, field in fields.items()}

    def examples(self, split: str) -> int:
        """Size of a split, 0 if there is none."""
        return self.dataset.spec.splits.get(split, 0)

    def feeds(self, start_step: int, process: tuple[int, int] = (0, 1)) -> Iterator[np.ndarray]:
        """int32 (batch_size / process count,) for each step from `start_step` on, without end."""
        size = self.examples("train")
        first, count = _slice(self.batch_size, process)
        step = start_step
        while True:
            yield order.examples_at(self.seed, size, step * self.batch_size + first, count)
            step += 1

    def example_feed(self, process: tuple[int, int] = (0, 1)) -> np.ndarray:
        """Zeros of a feed's shape."""
        return np.zeros(_slice(self.batch_size, process)[1], np.int32)

    def fetch(self, resident: Any, feed: Any) -> Batch:
        """The examples at the feed's indices; traced."""
        import jax.numpy as jnp

        return {name: jnp.take(array, feed, axis=0) for name, array in resident.items()}

    def evaluation(self, split: str, process: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """Every example once, in order, the last batch padded; of each batch the process's part."""
        arrays, size = self._split(split), self.examples(split)
        first, count = _slice(self.eval_batch_size, process, "eval_batch_size")
        for start in range(first, size + first, self.eval_batch_size):
            batch = {name: array[start : start + count] for name, array in arrays.items()}
            yield _padded(batch, count)

    def _check(self) -> None:
        if self.dataset.is_random("train"):
            raise ConfigError("The resident loader transforms once, but dataset.train is random. Use loader=grain.")

    def _split(self, name: str) -> Batch:
        if name not in self._arrays:
            self._arrays[name] = _stacked(
                [self.dataset.transform(name, example, None) for example in self.dataset.stored(name)]
            )
        return self._arrays[name]


class GrainLoader:
    """Streams batches from stored examples; random transforms run in worker processes.

    Args:
        dataset: any.
        batch_size: global.
        eval_batch_size: of evaluation batches.
        seed: of the order and of random transforms.
        workers: processes that read and transform; 0 does it in threads of this process. The number changes speed
            only, never the sequence of examples.
        prefetch: batches read ahead by each worker.
        repeats: times that an example is taken in a row, augmented differently, see `order`.
    """

    # Nothing is resident; the mappings are never written.
    resident: dict[str, Any] = {}  # noqa: RUF012
    resident_shapes: dict[str, Any] = {}  # noqa: RUF012

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        eval_batch_size: int,
        seed: int,
        workers: int = 0,
        prefetch: int = 4,
        repeats: int = 1,
    ):
        if repeats < 1:
            raise ConfigError(f"loader.repeats={repeats} must be at least 1.")
        if workers < 0 or prefetch < 1:
            raise ConfigError(f"loader.workers={workers} must be at least 0 and loader.prefetch={prefetch} at least 1.")
        self.dataset, self.seed = dataset, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.workers, self.prefetch, self.repeats = workers, prefetch, repeats

    def examples(self, split: str) -> int:
        """Size of a split, 0 if there is none."""
        return self.dataset.spec.splits.get(split, 0)

    def feeds(self, start_step: int, process: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """This process's part of each global batch from `start_step` on, without end."""
        first, count = _slice(self.batch_size, process)
        size = self.examples("train")
        batches = _TrainBatches(self.dataset, self.seed, size, self.batch_size, first, count, self.repeats)
        return self._stream(batches, start_step, self.workers)

    def example_feed(self, process: tuple[int, int] = (0, 1)) -> Batch:
        """Zeros of a feed's shapes."""
        count = _slice(self.batch_size, process)[1]
        return {name: np.zeros((count, *field.shape), field.dtype) for name, field in self.dataset.spec.fields.items()}

    def fetch(self, resident: Any, feed: Batch) -> Batch:
        """The feed is the batch."""
        return feed

    def evaluation(self, split: str, process: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """Every example once, in order, the last batch padded; of each batch the process's part."""
        size = self.examples(split)
        first, count = _slice(self.eval_batch_size, process, "eval_batch_size")
        batches = _EvaluationBatches(self.dataset, split, size, self.eval_batch_size, first, count)
        return self._stream(batches, 0, self.workers if size >= _WORKERS_PAY_FROM else 0)

    def _stream(self, batches: Any, start: int, workers: int) -> Iterator[Batch]:
        import absl.flags
        import grain

        # Grain's worker processes read absl's flags, which nobody parses under Hydra.
        absl.flags.FLAGS.mark_as_parsed()
        threads = grain.ReadOptions(num_threads=1 if workers else 2, prefetch_buffer_size=self.prefetch)
        stream = grain.MapDataset.source(batches)[start:].to_iter_dataset(threads)
        if workers:
            options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=self.prefetch)
            stream = stream.mp_prefetch(options, worker_init_fn=_begin_worker)
        iterator = iter(stream)
        try:
            yield from iterator
        finally:
            with contextlib.suppress(AttributeError):
                iterator.close()


def _begin_worker(index: int, count: int) -> None:
    """A worker ends when its parent does, and not before: Ctrl-C and SIGTERM reach the whole group of processes, and
    the parent still wants batches while it comes to a saved end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(0)


class _TrainBatches:
    """The endless sequence of one process's batches as a random-access source for Grain.

    Whole batches, not examples: stored examples are then read many at a time, and little Python runs per example.
    """

    def __init__(self, dataset: Dataset, seed: int, size: int, batch_size: int, first: int, count: int, repeats: int):
        self.dataset, self.stored, self.seed, self.size = dataset, dataset.split("train"), seed, size
        self.batch_size, self.first, self.count, self.repeats = batch_size, first, count, repeats

    def __len__(self) -> int:
        return 2**40

    def __getitem__(self, step: int) -> Batch:
        start = step * self.batch_size + self.first
        positions = [order.repeat_at(self.seed, self.size, start + i, self.repeats) for i in range(self.count)]
        wanted = list(dict.fromkeys(example for _, example, _ in positions))
        stored = dict(zip(wanted, self.stored.__getitems__(wanted), strict=True))
        seen = [
            self.dataset.transform("train", stored[example], order.example_generator(self.seed, epoch, example, repeat))
            for epoch, example, repeat in positions
        ]
        return _stacked(seen)


class _EvaluationBatches:
    """One process's part of a split in order, the last batch padded, as a random-access source for Grain."""

    def __init__(self, dataset: Dataset, split: str, size: int, batch_size: int, first: int, count: int):
        self.dataset, self.stored, self.split = dataset, dataset.split(split), split
        self.size, self.batch_size, self.first, self.count = size, batch_size, first, count

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        start = index * self.batch_size + self.first
        wanted = list(range(start, min(start + self.count, self.size)))
        # A part of nothing but padding takes its shapes from an example too.
        stored = self.stored.__getitems__(wanted or [0])
        seen = _stacked([self.dataset.transform(self.split, example, None) for example in stored])
        return _padded({name: array[: len(wanted)] for name, array in seen.items()}, self.count)


def _stacked(examples: list[dict[str, Any]]) -> Batch:
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def _slice(batch_size: int, process: tuple[int, int], key: str = "batch_size") -> tuple[int, int]:
    """(first, count) of a process's part of the global batch."""
    index, processes = process
    if batch_size % processes:
        raise ConfigError(f"trainer.{key}={batch_size} does not divide over {processes} processes.")
    count = batch_size // processes
    return index * count, count


def _padded(batch: Batch, size: int) -> Batch:
    """The batch with zeros up to `size` examples and the mask that says which are real."""
    count = len(next(iter(batch.values())))
    padding = size - count
    full = {name: np.pad(array, [(0, padding)] + [(0, 0)] * (array.ndim - 1)) for name, array in batch.items()}
    return {**full, "mask": np.arange(size) < count}
