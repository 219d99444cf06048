"""`python -m spectrax.describe [+experiment=NAME | checkpoint=RUN] [topology=v5e:16x16]`: what it is and what it costs.

With a topology its training step is compiled for that slice of TPUs, which need not be here.
"""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from spectrax.core.protocols import Experiment
    from spectrax.parallel.topology import Topology

_KEYS = {
    "checkpoint": "a run directory, instead of an experiment",
    "depth": "how deep the table of modules goes (default 4 names below the root)",
    "topology": "compile the training step for this slice, such as v5e:16x16, v5p:4x4x4, v6e:8x8 (extra: tpu)",
    "effort": "low or full: how hard the compiler for topology= tries (default low: minutes, not many)",
    "output": "file for everything as JSON",
}


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Print the object graph, the modules, the cost of a training step and the data card; no data are needed."""
    from spectrax.config.compose import compose_command
    from spectrax.core import remote
    from spectrax.core.files import check_writable, told_if_unwritable, write_json
    from spectrax.parallel import topology
    from spectrax.saved_config import reopen

    _check(keys)
    if "output" in keys:
        check_writable(keys["output"])
    wanted = topology.parse(keys["topology"]) if "topology" in keys else None
    config = (
        reopen(remote.opened(keys["checkpoint"]), overrides) if "checkpoint" in keys else compose_command(overrides)
    )
    depth = int(keys.get("depth", "4"))
    if wanted is None:
        found = _here(config, depth)
        _print(config, found)
    else:
        found = _there(config, depth, wanted, keys.get("effort", "low"))
    if "output" in keys:
        with told_if_unwritable(keys["output"]):
            write_json(keys["output"], found)
        print(f"Written: {keys['output']}")
    return 0


def _check(keys: "Mapping[str, str]") -> None:
    depth = keys.get("depth", "4")
    if not depth.isdigit() or not int(depth):
        raise ConfigError(f"depth={depth} should be a whole number from 1.")
    if keys.get("effort", "low") not in ("low", "full"):
        raise ConfigError(f"effort={keys['effort']} should be low or full.")
    if "effort" in keys and "topology" not in keys:
        raise ConfigError("effort= is for the compiler of topology=. Give both, or none.")


def _here(config: "DictConfig", depth: int) -> dict[str, Any]:
    """The experiment on this machine."""
    from concurrent.futures import ThreadPoolExecutor

    from spectrax.assembly import assemble
    from spectrax.config.build import build
    from spectrax.parallel import devices, startup

    if Path(config.data_dir).is_dir():
        startup.start(Path(config.data_dir) / "compiled")
    trainer, experiment = build(config.trainer), assemble(config)
    step_cost = trainer.step_cost(experiment) if hasattr(trainer, "step_cost") else None
    with ThreadPoolExecutor() as pool:
        # Compiling the step takes longest, and leaves Python free.
        step = pool.submit(step_cost) if step_cost else None
        modules = costs(experiment, depth) if step_cost else []
    return {
        "experiment": experiment.name,
        "device": devices.describe_devices(),
        "device_memory_bytes": device_memory(),
        "unread": list(getattr(trainer, "unread", ())),
        "modules": modules,
        "estimator": None if step_cost else estimator(experiment),
        "training_step": dataclasses.asdict(step.result()) if step else None,
        "batch_size": config.trainer.get("batch_size"),
        "data": dataclasses.asdict(experiment.dataset.card()),
    }


def _there(config: "DictConfig", depth: int, wanted: "Topology", effort: str) -> dict[str, Any]:
    """The experiment, with its step compiled for a slice that is not here; printed as it becomes known."""
    from spectrax import slice_description
    from spectrax.assembly import assemble
    from spectrax.config.build import build

    if not hasattr(build(config.trainer), "lowered_step"):
        raise ConfigError(f"{config.trainer._target_} takes no steps that could be compiled. Leave out topology=.")
    pending = slice_description.begin(config, wanted, effort)
    plain = assemble(_on_one_device(config))
    found = {
        "experiment": plain.name,
        "modules": costs(plain, depth),
        "batch_size": config.trainer.batch_size,
        "data": dataclasses.asdict(plain.dataset.card()),
    }
    _print(config, found)
    step = pending.finish()
    slice_description.show(step, wanted, pending.remembered)
    return {**found, "slice": slice_description.as_json(step, wanted)}


def _on_one_device(config: "DictConfig") -> "DictConfig":
    """The config for any machine: its own mesh may need more devices."""
    from omegaconf import OmegaConf

    return OmegaConf.merge(config, {"mesh": {"data": 1, "fsdp": 1, "model": 1}})


def costs(experiment: "Experiment", depth: int) -> list[dict[str, Any]]:
    """The `ModuleCost`s of an evaluation of one example, as dicts."""
    import jax

    from spectrax.diagnostics.module_costs import module_costs

    fields = experiment.dataset.spec.fields
    example = {name: jax.ShapeDtypeStruct((1, *field.shape), field.dtype) for name, field in fields.items()}
    inputs = experiment.task.inputs(example)
    with jax.set_mesh(experiment.layout.mesh):
        found = module_costs(experiment.make_model, lambda model, x: model(x, train=False, key=None), inputs, depth)
    return [dataclasses.asdict(cost) for cost in found]


def estimator(experiment: "Experiment") -> dict[str, Any]:
    """What is fitted where nothing is trained: its class, the functions of its dictionary, and what it is fitted to."""
    made = experiment.make_model()
    try:
        size = getattr(getattr(made, "dictionary", None), "size", None)
    except ConfigError:  # the data decide it
        size = None
    return {
        "kind": f"{type(made).__module__}.{type(made).__qualname__}",
        "functions": size,
        "examples": experiment.dataset.spec.splits["train"],
    }


def device_memory() -> int | None:
    """Bytes that one device has; on a CPU those of the machine; None when unknown."""
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (device.memory_stats() or {}).get("bytes_limit")


def _print(config: "DictConfig", found: "Mapping[str, Any]") -> None:
    from spectrax.core.screen import standard_output
    from spectrax.described import experiment_text

    console = standard_output()
    console.print(experiment_text.graph(config, found.get("unread", ())))
    if found["modules"]:
        console.print(experiment_text.modules(found["modules"]))
        console.print(experiment_text.totals(found["modules"]), markup=False)
    if found.get("estimator") is not None:
        console.print(experiment_text.estimator(found["estimator"]), markup=False)
    if found.get("training_step") is not None:
        console.print(experiment_text.training_step(found), markup=False)
    console.print(experiment_text.card(found["data"]), markup=False)


main = plain_command(run, __doc__, _KEYS)

if __name__ == "__main__":
    leave(main())
