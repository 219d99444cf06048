"""`python -m spectrax.predict checkpoint=RUN input=FILES output=DIR`: a run's predictions of a person's own files."""

import collections
import contextlib
import csv
import glob
import io
import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import ConfigError, RunDirectoryError, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spectrax.evaluate import LoadedRun

_KEYS = {
    "checkpoint": "the run directory",
    "input": "a file, a directory (with all below it) or a pattern such as 'photos/*.png'",
    "output": "directory for predictions.csv, unreadable.csv, sheet.png and, of fields, one .npy for each file",
    "step": "best (default), last, or the number of a saved step",
}
_SHEET = 64  # files on the contact sheet: the first ones
_SPOKEN = 20  # unreadable files named on the screen; all are in unreadable.csv
_AHEAD = 2  # batches read while one is predicted

Read = tuple[Path, dict[str, Any] | UnreadableFile]
"""A file and what the model will see of it, or why it cannot be read."""


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Predict every file, batch by batch, so that memory does not grow with their number."""
    from spectrax.core.progress import counting
    from spectrax.evaluate import load_run
    from spectrax.parallel import startup
    from spectrax.training import run_directory

    source, output = keys["input"], Path(keys["output"])
    total = sum(1 for _ in files(source, output))
    if not total:
        raise UnreadableFile(f"input={source} is not there or empty. Give a file, a directory or a quoted pattern.")
    run_directory.log_to_console()
    loaded = load_run(keys["checkpoint"], keys.get("step", "best"), overrides)
    _check(loaded)
    startup.start(Path(loaded.config.data_dir) / "compiled")
    sheet, arrays = _Sheet(), ArrayFiles(output)
    with _tables(output) as (predictions, unreadable), counting("Predicting", total) as advance:
        for batch in read_ahead(loaded, files(source, output)):
            failed = [(path, found) for path, found in batch if isinstance(found, UnreadableFile)]
            good = [(path, found) for path, found in batch if not isinstance(found, UnreadableFile)]
            for path, reason in failed:
                unreadable.add({"file": path, "reason": reason})
                if unreadable.count <= _SPOKEN:
                    print(f"{path} {reason}; skipped.", flush=True)
            if good:
                paths, examples = zip(*good, strict=True)
                inputs, rows = predict(loaded, examples)
                for path, row in zip(paths, rows, strict=True):
                    predictions.add({"file": path, **arrays.saved(path, row)})
                sheet.add(inputs, rows, [path.name for path in paths])
            advance(len(batch))
    if not predictions.count:
        raise UnreadableFile(f"None of the {total:,} files could be read; {output}/unreadable.csv says why.")
    sheet.save(loaded.task, output / "sheet.png")
    skipped = f", {unreadable.count:,} skipped (see unreadable.csv)" if unreadable.count else ""
    print(f"{predictions.count:,} of {total:,} predicted{skipped}: {output}/predictions.csv, {output}/sheet.png")
    return 0


def files(source: str, output: Path) -> Iterator[Path]:
    """The file, all files below the directory, or those that match the pattern, in order of their names; hidden ones
    and those of the output directory are not among them."""
    own = output.absolute()
    if Path(source).is_file():
        yield Path(source)
    elif Path(source).is_dir():
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(folder, f).absolute() != own)
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
    else:
        for name in sorted(glob.glob(os.path.expanduser(source), recursive=True)):
            if os.path.isfile(name):
                yield Path(name)


def read_ahead(loaded: "LoadedRun", paths: Iterable[Path]) -> Iterator[list[Read]]:
    """The files in batches of the run's evaluation size, decoded by threads while the devices are busy."""
    paths, size = iter(paths), loaded.config.trainer.eval_batch_size
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: collections.deque[list[Future[Read]]] = collections.deque()
        while True:
            while len(waiting) <= _AHEAD and (batch := list(itertools.islice(paths, size))):
                waiting.append([pool.submit(_read, loaded.dataset, path) for path in batch])
            if not waiting:
                return
            yield [future.result() for future in waiting.popleft()]


def predict(loaded: "LoadedRun", examples: Iterable[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """Model inputs and the task's rows of some examples, which are padded so that one program serves every batch."""
    import jax
    import numpy as np

    examples = list(examples)
    padding = [examples[-1]] * (loaded.config.trainer.eval_batch_size - len(examples))
    batch = jax.tree.map(lambda *leaves: np.stack(leaves), *examples, *padding)
    inputs = loaded.task.inputs(batch)
    rows = loaded.task.rows(loaded.predict(inputs))
    return jax.tree.map(lambda leaf: leaf[: len(examples)], inputs), rows[: len(examples)]


def _read(dataset: Any, path: Path) -> Read:
    split = next(name for name in ("test", "validation", "train") if name in dataset.spec.splits)
    try:
        return path, dataset.transform(split, dataset.read(path), None)
    except UnreadableFile as error:
        return path, error


def _check(loaded: "LoadedRun") -> None:
    from spectrax.evaluate import FittedRun

    if isinstance(loaded, FittedRun):
        model = f"spectrax.load({str(loaded.run_dir)!r}).model"
        asked = (
            f"{model}.predict(states, steps), states (batch, coordinates)"
            if hasattr(loaded.model, "predict")
            else model
        )
        raise ConfigError(
            f"This run fitted a {type(loaded.model).__name__} in closed form, which predicts no files. Ask it from "
            f"Python: {asked}."
        )
    for thing, noun, method in ((loaded.dataset, "dataset", "read"), (loaded.task, "task", "rows")):
        if not hasattr(thing, method):
            name = type(thing).__name__
            raise ConfigError(f"The {noun} of this run, {name}, predicts no files: it has no method `{method}`.")


class ArrayFiles:
    """What is predicted as an array, such as a field, in files of its own."""

    def __init__(self, output: Path):
        self._output = output
        self._taken: collections.Counter[str] = collections.Counter()

    def saved(self, path: Path, row: "Mapping[str, Any]") -> dict[str, Any]:
        """The row with the names of files, such as `flow_field.npy` of `flow.npz`, in the place of its arrays."""
        import numpy as np

        from spectrax.core.files import atomic_write

        row = dict(row)
        for column in [column for column, value in row.items() if isinstance(value, np.ndarray)]:
            stem = f"{path.stem}_{column}"
            self._taken[stem] += 1
            # Files in different directories may have one name.
            name = f"{stem}.npy" if self._taken[stem] == 1 else f"{stem}_{self._taken[stem]}.npy"
            with atomic_write(self._output / name) as file:
                np.save(file, row[column])
            row[column] = name
        return row


class _Table:
    """A CSV file written row by row; its columns are those of the first row."""

    def __init__(self, file: Any):
        self._file = file
        self._writer: csv.DictWriter | None = None
        self.count = 0

    def add(self, row: "Mapping[str, Any]") -> None:
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(row), lineterminator="\n")
            self._writer.writeheader()
        self._writer.writerow(row)
        self.count += 1


@contextlib.contextmanager
def _tables(output: Path) -> Iterator[tuple[_Table, _Table]]:
    """`predictions.csv` and `unreadable.csv` of the directory, which take their names at the end."""
    from spectrax.core.files import atomic_write

    try:
        with contextlib.ExitStack() as opened:
            tables = []
            for name in ("predictions.csv", "unreadable.csv"):
                binary = opened.enter_context(atomic_write(output / name))
                # Names of files may hold bytes that are no text.
                text = io.TextIOWrapper(binary, "utf-8", errors="surrogateescape", newline="")
                opened.callback(text.detach)
                tables.append(_Table(text))
            yield tables[0], tables[1]
    except OSError as error:
        if isinstance(error.filename, str) and not Path(error.filename).is_relative_to(output):
            raise
        raise RunDirectoryError(f"{output} cannot be written ({error.strerror}). Give another output=DIR.") from error


class _Sheet:
    """The first files, kept for a picture."""

    def __init__(self) -> None:
        self._kept: list[tuple[Any, Any, str]] = []

    def add(self, inputs: Any, rows: list[dict[str, Any]], names: list[str]) -> None:
        import jax

        for index in range(min(len(names), _SHEET - len(self._kept))):
            self._kept.append((jax.tree.map(lambda leaf, i=index: leaf[i], inputs), rows[index], names[index]))

    def save(self, task: Any, path: Path) -> None:
        import jax
        import numpy as np

        from spectrax.core.files import atomic_write

        inputs, rows, names = zip(*self._kept, strict=True)
        figure = task.sheet(jax.tree.map(lambda *leaves: np.stack(leaves), *inputs), rows, names)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", dpi=120)


main = plain_command(run, __doc__, _KEYS, required=["checkpoint", "input", "output"], config="run")

if __name__ == "__main__":
    leave(main())
