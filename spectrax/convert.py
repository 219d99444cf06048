"""`python -m spectrax.convert importer=NAME source=FILE output=DIR [verify=IO.npz]`: an authors' checkpoint as a run.

NAME is svt, lsm (on grids of two and three axes, and on points), fno (the classic one, that on points, and the library
neuraloperator's), t1 (and T1U), consistent_koopman or information_koopman (its networks for flows).

The configuration is found from keys and shapes, and every weight must find its place. DIR is then a run directory that
evaluate, predict, describe and export open, at step 0. `verify` names an .npz file with `input` and `output` of the
authors' code in their layout (of SVT images NCHW, logits, and `stage1` to `stage4`, the maps after each).

The way back: `python -m spectrax.convert exporter=NAME checkpoint=RUN output=FILE`, their keys and layout, as
.safetensors or as PyTorch saves a state dict.

Keys of the config may be changed, and some say what no shape tells: of SVT `model.num_heads=[2,4,10,14]` (default:
channels / 32), `dataset.image_size=256` (gates are interpolated); of LSM and FNO `model.grid=[85,85]`,
`model.padding=[11,11]`; of T1 `model.activation=sin`; and `dataset=NAME`, `+experiment=NAME`.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np

    from spectrax.importers.verification import Difference

_SYSTEMS = "svt, lsm, fno, t1, consistent_koopman or information_koopman"
_KEYS = {
    "importer": f"the system whose authors' checkpoint it is: {_SYSTEMS}",
    "source": "the authors' file: .safetensors, or .pth, .pt, .tar (extra: torch)",
    "output": "the run directory to be made; with exporter= the file",
    "verify": ".npz file of inputs and outputs of the authors' code, to be compared with",
    "tolerance": "largest difference that verify= bears, in standard deviations of the authors' array (default 1e-4)",
    "exporter": f"the system as whose authors' checkpoint a run is to be written: {_SYSTEMS}",
    "checkpoint": "with exporter=: the run directory",
    "step": "with exporter=: best (default), last, or the number of a saved step",
}
_NEEDED = {"importer": ("source",), "exporter": ("checkpoint",)}
_SHOWN = 20  # keys named in a message

Weights = dict[str, Any]
"""Trees of arrays: "parameters" and "statistics"."""


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Import or export, as the keys say."""
    direction = _direction(keys)
    system = _system(direction, keys[direction])
    if direction == "importer":
        return import_checkpoint(system, keys, overrides)
    return export_checkpoint(system, keys, overrides)


def import_checkpoint(system: Any, keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Read, convert, compare with the authors' outputs where there are some, and write the run directory."""
    from spectrax import converted_run
    from spectrax.assembly import assemble
    from spectrax.config.compose import compose_command
    from spectrax.core import trees
    from spectrax.importers import state_files, verification
    from spectrax.training import run_directory
    from spectrax.training.state import abstract_weights

    output, tolerance = Path(keys["output"]), _tolerance(keys)
    converted_run.check_new(output)
    run_directory.log_to_console()
    compared = verification.read(Path(keys["verify"])) if "verify" in keys else None
    state = state_files.read(Path(keys["source"]))
    converted = system.convert(state)
    words = [*system.overrides(state, overrides), f"run_dir={output.absolute()}"]
    config = compose_command(words)
    experiment = assemble(config)
    graph, wanted = abstract_weights(experiment.make_model, experiment.layout)
    weights = placed(system, converted, wanted)
    print(f"{trees.parameter_count(weights['parameters']):,} parameters. The model that was found:", flush=True)
    print("\n".join(f"  {word}" for word in words if word.startswith(("model", "dataset"))), flush=True)
    if compared is not None:
        found = verification.differences(compared, system.outputs, trees.merge_module(graph, **weights))
        _print(found, keys["verify"])
        _check(found, keys["verify"], tolerance, system.UNSAID)
    converted_run.write(output, config, weights, words[:-1])
    print(f"Written: {output}")
    return 0


def export_checkpoint(system: Any, keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Write the weights of a run under the authors' keys and in their layout."""
    import jax
    import numpy as np

    from spectrax.core import trees
    from spectrax.evaluate import load_run
    from spectrax.importers import state_files
    from spectrax.training import run_directory

    output = Path(keys["output"])
    state_files.check_ending("output", output)
    run_directory.log_to_console()
    loaded = load_run(keys["checkpoint"], keys.get("step", "best"), overrides)
    _, *parts = trees.split_module(loaded.model)
    weights = {path: np.asarray(leaf) for part in parts for path, leaf in trees.leaf_paths(jax.device_get(part))}
    state = system.official_state(weights)
    state_files.write(output, state)
    print(f"Written: {output} (step {loaded.step}, {len(state):,} tensors)")
    return 0


def placed(system: Any, converted: "Mapping[str, np.ndarray]", wanted: Weights) -> Weights:
    """Converted arrays, by path, as the weights of the model; gates that are for another image size interpolated.

    Raises:
        CheckpointError: naming, by the authors' keys, all that is missing, left over or of another shape.
    """
    import jax
    import jax.numpy as jnp

    from spectrax.core import trees
    from spectrax.nn.gate_resizing import at_grid

    shapes = {path: leaf.shape for part in wanted.values() for path, leaf in trees.leaf_paths(part)}
    problems = [f"{system.official_name(path)} is missing" for path in shapes if path not in converted]
    problems += [f"{system.official_name(path)} is left over" for path in converted if path not in shapes]
    _refuse(problems)
    weights = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(converted[trees.path_string(path[1:])]), wanted
    )
    weights = at_grid(weights, wanted)
    found = {path: leaf.shape for part in weights.values() for path, leaf in trees.leaf_paths(part)}
    _refuse(
        f"{system.official_name(path)} has, in our order, the shape {list(shape)} where {list(shapes[path])} is wanted"
        for path, shape in found.items()
        if shape != shapes[path]
    )
    return weights


def _refuse(problems: "Iterable[str]") -> None:
    problems = list(problems)
    if problems:
        more = [f"... and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        lines = "".join(f"\n  {line}" for line in [*problems[:_SHOWN], *more])
        raise CheckpointError(f"The checkpoint does not fit the model that its keys speak of:{lines}")


def _print(found: "Sequence[Difference]", source: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "largest difference", "over deviation", title=f"Compared with {source}", title_justify="left")
    for difference in found:
        table.add_row(difference.name, f"{difference.largest:.2e}", f"{difference.relative:.2e}")
    Console(soft_wrap=True).print(table)


def _check(found: "Sequence[Difference]", source: str, tolerance: float, unsaid: str) -> None:
    """Raises `CheckpointError` naming what differs by more than the tolerance, or is not even a number, and what no
    shape of the checkpoint tells."""
    far = [difference.name for difference in found if not difference.relative <= tolerance]
    if far:
        raise CheckpointError(
            f"{' and '.join(far)} of {source} differ{'s' if len(far) == 1 else ''} by more than tolerance="
            f"{tolerance:g}, so nothing was written. See that it is of these weights, that {unsaid}, and that the "
            "authors' code was in evaluation mode."
        )


def _direction(keys: "Mapping[str, str]") -> str:
    """ "importer" or "exporter". Raises `ConfigError` when it is neither or both, or what it needs is not there."""
    given = [name for name in _NEEDED if name in keys]
    if len(given) != 1:
        raise ConfigError("Give one of importer=NAME and exporter=NAME. See --help.")
    for name in _NEEDED[given[0]]:
        if not keys.get(name):
            raise ConfigError(f"{name}={name.upper()} is needed: {_KEYS[name]}. See --help.")
    other = [name for name in ("source", "verify", "tolerance") if name in keys and given[0] == "exporter"]
    other += [name for name in ("checkpoint", "step") if name in keys and given[0] == "importer"]
    if other:
        raise ConfigError(f"{other[0]}= is of no use with {given[0]}=. See --help.")
    return given[0]


def _system(direction: str, name: str) -> Any:
    """The package of `spectrax.importers` of this name. Raises `ConfigError` naming the nearest."""
    from spectrax import importers
    from spectrax.config.explain import nearest

    names = [module.name for module in pkgutil.iter_modules(importers.__path__) if module.ispkg]
    if name not in names:
        near = nearest(name, names)[0]
        raise ConfigError(f"{direction}={name} is not known. Nearest: {near}; all: {', '.join(names)}.")
    return importlib.import_module(f"spectrax.importers.{name}")


def _tolerance(keys: "Mapping[str, str]") -> float:
    text = keys.get("tolerance", "1e-4")
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = float("nan")
    if not tolerance >= 0:
        raise ConfigError(f"tolerance={text} should be a number from 0, such as 1e-4.")
    return tolerance


main = plain_command(run, __doc__, _KEYS, required=["output"])

if __name__ == "__main__":
    leave(main())
