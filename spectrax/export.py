"""`python -m spectrax.export checkpoint=RUN output=FILE`: a run's predictions as one file that runs without Spectrax.

FILE is what `predict` computes, weights included, as StableHLO in the form of `jax.export`: one program for several
platforms and any batch size. It needs jax, numpy and flatbuffers, and JAX promises to read it for six months. Beside it
FILE.json says what goes in and what comes out, and FILE.example.py runs it, in ten lines.

It is made on the CPU, whatever the machine has: where a layer has several forms of one computation, the program holds
the CPU's for all platforms (wavelet transforms of maps below 160 samples have one form everywhere), and batches are
always computed whole, so that large ones take more memory than in `predict`.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import CheckpointError, ConfigError, RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spectrax.core.protocols import FieldSpec
    from spectrax.evaluate import LoadedRun

_KEYS = {
    "checkpoint": "the run directory",
    "output": "the file, such as digits.stablehlo",
    "step": "best (default), last, or the number of a saved step",
    "platforms": "where it shall run, of cpu, cuda, rocm, tpu (default: cpu,cuda,tpu); cpu must be among them",
}
_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_CHECKED_SIZES = (1, 3)  # batches on which the file must give what the run gives
_TOLERANCE = 1e-4

_EXAMPLE = '''"""Runs the exported function on two examples of zeros; the .json beside it says what they mean."""
from pathlib import Path

import jax
import numpy as np
from jax import export

exported = export.deserialize(Path(__file__).with_name({name!a}).read_bytes())
outputs = exported.call({zeros})
print(jax.tree.map(np.asarray, outputs))
'''


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Lower, check what is going to be written, write it, and say how it is run."""
    import jax

    from spectrax.evaluate import load_run
    from spectrax.export_description import described, origin
    from spectrax.parallel import startup
    from spectrax.training import run_directory

    platforms, output = chosen_platforms(keys.get("platforms", "")), Path(keys["output"])
    check_writable(output)
    jax.config.update("jax_platforms", "cpu")
    # Of source files the artefact tells the names, not the directories that this machine has them in.
    jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")
    run_directory.log_to_console()
    loaded = load_run(keys["checkpoint"], keys.get("step", "best"), overrides)
    check_trained(loaded)
    startup.start(Path(loaded.config.data_dir) / "compiled")
    artefact = lower(loaded, platforms)
    difference = check(artefact, loaded)
    checked = {"platform": "cpu", "batch_sizes": list(_CHECKED_SIZES), "largest_difference": difference}
    made = origin(loaded.run_dir, loaded, overrides)
    fields = jax.tree.leaves(_inputs(loaded, lambda field: field))
    record = {**described(output, artefact, loaded, fields), "run": made, "checked": checked}
    description, example = _write(output, artefact, record, example_program(loaded, output))
    facts = f"step {loaded.step}, for {', '.join(platforms)}, {len(artefact) / 2**20:.1f} MiB"
    print(f"Written: {output} ({facts}); what goes in and comes out: {description}")
    print(f"Run it anywhere with jax, numpy and flatbuffers: python {shlex.quote(str(example))}")
    return 0


def chosen_platforms(text: str) -> tuple[str, ...]:
    """The platforms of `cpu,cuda`, each once; without any, the default ones.

    Raises:
        ConfigError: when one is not known, naming the nearest, or the CPU, on which the file is checked, is missing.
    """
    from spectrax.config.explain import nearest

    names = [name.strip() for name in text.strip("[]").split(",") if name.strip()]
    platforms = tuple(dict.fromkeys(names)) or ("cpu", "cuda", "tpu")
    wrong = next((name for name in platforms if name not in _PLATFORMS), None)
    if wrong is not None:
        near = "cuda" if wrong == "gpu" else nearest(wrong, _PLATFORMS)[0]
        raise ConfigError(f"platforms={wrong} is not known. Nearest: {near}; all: {', '.join(_PLATFORMS)}.")
    if "cpu" not in platforms:
        raise ConfigError(f"The file is checked on the CPU: write platforms=cpu,{','.join(platforms)}.")
    return platforms


def check_writable(output: Path) -> None:
    """Raises `RunDirectoryError` when a file cannot be there, before any work is done for it."""
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if output.is_dir():
        raise RunDirectoryError(f"{output} cannot be written: it is a directory. Give output=FILE.")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise RunDirectoryError(f"{output} cannot be written: {folder} takes no files. Give another output=FILE.")


def check_trained(loaded: "LoadedRun") -> None:
    """Raises `ConfigError` for a run that fitted in closed form, saying where what it found lies."""
    from spectrax.core import remote
    from spectrax.evaluate import FittedRun
    from spectrax.training.direct import FILE

    if isinstance(loaded, FittedRun):
        raise ConfigError(
            f"This run fitted a {type(loaded.model).__name__} in closed form, which is not exported. Its numbers lie "
            f"in {remote.home(loaded.run_dir)}/{FILE}, which numpy.load reads."
        )


def lower(loaded: "LoadedRun", platforms: Sequence[str]) -> bytes:
    """The run's `task.predict`, weights included, for any batch size, as `jax.export` serialises it.

    Raises:
        ConfigError: when model or task cannot be traced without knowing the batch size, or lowered for a platform.
    """
    import jax
    import jax.numpy as jnp
    from jax import export

    from spectrax.core import trees

    graph, *parts = trees.split_module(loaded.model)
    weights = jax.device_get(parts)  # away from the run's mesh: the program is for one device

    def predict(inputs: Any) -> Any:
        return loaded.task.predict(trees.merge_module(graph, *jax.tree.map(jnp.asarray, weights)), inputs)

    (batch,) = export.symbolic_shape("batch")
    shapes = _inputs(loaded, lambda field: jax.ShapeDtypeStruct((batch, *field.shape), field.dtype))
    try:
        return bytes(export.export(jax.jit(predict), platforms=platforms)(shapes).serialize())
    except (jax.core.InconclusiveDimensionOperation, NotImplementedError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"The function of this run cannot be exported for {', '.join(platforms)} and any batch size ({reason}). "
            "Let the model not compute with the size of the batch."
        ) from error


def check(artefact: bytes, loaded: "LoadedRun") -> float:
    """Run the artefact and the run on the same random batches; returns and prints the largest difference.

    Raises:
        CheckpointError: when it is too large.
    """
    import numpy as np
    from jax import export

    exported, random = export.deserialize(artefact), np.random.default_rng(0)
    differences = []
    for size in _CHECKED_SIZES:
        inputs = _inputs(loaded, lambda field, n=size: random.normal(size=(n, *field.shape)).astype(field.dtype))
        differences.append(largest_difference(exported.call(inputs), loaded.predict(inputs)))
    difference, sizes = float(np.max(differences)), " and ".join(map(str, _CHECKED_SIZES))
    print(f"Largest difference from the run's own predictions, in batches of {sizes}: {difference:.1e}", flush=True)
    if not difference <= _TOLERANCE:
        raise CheckpointError(
            f"The exported function differs from the run's own predictions by {difference:.1e}, more than "
            f"{_TOLERANCE:.0e}, so nothing was written. If the run computes in bfloat16, try precision=float32."
        )
    return difference


def largest_difference(found: Any, expected: Any) -> float:
    """Over all outputs, relative where they exceed 1. Integers count only where there is nothing else: which of two
    equally likely classes is named hangs on rounding."""
    import jax
    import numpy as np

    pairs = [
        (np.asarray(one), np.asarray(other))
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    ]
    inexact = [pair for pair in pairs if np.issubdtype(pair[1].dtype, np.inexact)]
    return float(np.max([np.max(np.abs(a - b)) / np.maximum(1, np.max(np.abs(b))) for a, b in inexact or pairs]))


def example_program(loaded: "LoadedRun", output: Path) -> str:
    """The text of a Python file beside `output` that runs it on zeros."""
    zeros = _inputs(loaded, lambda field: _Code(f'np.zeros({(2, *field.shape)}, "{field.dtype}")'))
    return _EXAMPLE.format(name=output.name, zeros=zeros)


class _Code(str):
    """Text that stands in a `repr` as it is."""

    __slots__ = ()
    __repr__ = str.__str__


def _inputs(loaded: "LoadedRun", make: "Callable[[FieldSpec], Any]") -> Any:
    """What the model is called with, made from the dataset's fields that the task takes it from."""
    import jax

    return jax.tree.map(make, loaded.task.inputs(dict(loaded.dataset.spec.fields)))


def _write(output: Path, artefact: bytes, record: "Mapping[str, Any]", example: str) -> tuple[Path, Path]:
    """Write all three files, the description last, since it vouches for the artefact; returns the other two."""
    from spectrax.core.files import atomic_write, told_if_unwritable, write_json, write_text

    description, program = (output.with_name(output.name + ending) for ending in (".json", ".example.py"))
    with told_if_unwritable(output):
        with atomic_write(output) as file:
            file.write(artefact)
        write_text(program, example)
        write_json(description, record)
    return description, program


main = plain_command(run, __doc__, _KEYS, required=["checkpoint", "output"], config="run")

if __name__ == "__main__":
    leave(main())
