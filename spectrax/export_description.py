"""What an exported function is: its inputs, outputs, data and origin, as the JSON beside it says."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from spectrax.evaluate import LoadedRun


def described(output: Path, artefact: bytes, loaded: "LoadedRun", fields: list[Any]) -> dict[str, Any]:
    """The artefact, what goes in and comes out, and the data that it was learnt from, ready for JSON.

    Args:
        fields: those of the dataset that go in, in order.
    """
    import hashlib
    import importlib.metadata

    import jax
    from jax import export

    from spectrax.core import trees

    exported, spec = export.deserialize(artefact), loaded.dataset.spec
    names = {id(field): name for name, field in spec.fields.items()}
    outputs = trees.leaf_paths(jax.tree.unflatten(exported.out_tree, exported.out_avals))
    packages = ("spectrax", "jax", "jaxlib", "flax", "numpy")
    return {
        "artefact": {
            "file": output.name,
            "format": "StableHLO, serialised by jax.export",
            "calling_convention_version": exported.calling_convention_version,
            "platforms": list(exported.platforms),
            "bytes": len(artefact),
            "sha256": hashlib.sha256(artefact).hexdigest(),
            "made_with": {name: importlib.metadata.version(name) for name in packages},
        },
        "inputs": [
            {"name": names[id(field)], **_shape(aval), "meaning": field.meaning}
            for field, aval in zip(fields, exported.in_avals, strict=True)
        ],
        "preprocessing": _preprocessing(loaded.config.dataset),
        "outputs": [{"name": name, **_shape(aval)} for name, aval in outputs],
        "class_names": list(spec.class_names),
        "data": dataclasses.asdict(loaded.dataset.card()),
    }


def _shape(aval: Any) -> dict[str, Any]:
    return {"shape": [size if isinstance(size, int) else str(size) for size in aval.shape], "dtype": str(aval.dtype)}


def _preprocessing(dataset: "DictConfig") -> list[str]:
    """The transforms that evaluation puts a stored example through, in order, in words."""
    import inspect

    from omegaconf import OmegaConf

    from spectrax.config.build import build

    nodes = OmegaConf.to_container(dataset, resolve=True).get("evaluate")
    said = []
    for node in nodes if isinstance(nodes, list) else []:
        arguments = ", ".join(f"{key}={value}" for key, value in node.items() if key != "_target_")
        meaning = (inspect.getdoc(type(build(node))) or "").partition("\n")[0]
        said.append(f"{node['_target_'].rpartition('.')[2]}({arguments}): {meaning}")
    return said


def origin(directory: Path, loaded: "LoadedRun", overrides: list[str]) -> dict[str, Any]:
    """Where the weights come from; `metrics` are those of the run at their step, where it has them."""
    from omegaconf import OmegaConf

    from spectrax.config.compose import config_hash
    from spectrax.reports import runs

    told = runs.read(directory, directory.name)
    when = {told.step: "final.", told.best_step: "best."}.get(loaded.step, "none.")
    return {
        "experiment": loaded.experiment.name,
        "step": loaded.step,
        "config_hash": config_hash(OmegaConf.to_container(loaded.config, resolve=True)),
        "overrides": overrides,
        "metrics": {name.removeprefix(when): value for name, value in told.metrics.items() if name.startswith(when)},
    }
