"""`python -m spectrax.describe [+experiment=NAME | checkpoint=RUN]`: what an experiment is and what it costs."""

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import plain_command
from spectrax.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

    from spectrax.core.protocols import Experiment

_KEYS = {
    "checkpoint": "a run directory, instead of an experiment",
    "depth": "how deep the table of modules goes (default 4 names below the root)",
    "output": "file for everything as JSON",
}


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Print the object graph, the modules, the cost of a training step and the data card; no data are needed."""
    from spectrax.assembly import assemble
    from spectrax.config.build import build
    from spectrax.config.compose import compose_command
    from spectrax.core.files import told_if_unwritable, write_json
    from spectrax.parallel import devices, startup
    from spectrax.saved_config import reopen

    depth = keys.get("depth", "4")
    if not depth.isdigit() or not int(depth):
        raise ConfigError(f"depth={depth} should be a whole number from 1.")
    config = reopen(Path(keys["checkpoint"]), overrides) if "checkpoint" in keys else compose_command(overrides)
    if Path(config.data_dir).is_dir():
        startup.start(Path(config.data_dir) / "compiled")
    trainer, experiment = build(config.trainer), assemble(config)
    step_cost = trainer.step_cost(experiment) if hasattr(trainer, "step_cost") else None
    with ThreadPoolExecutor() as pool:
        # Compiling the step takes longest, and leaves Python free.
        step = pool.submit(step_cost) if step_cost else None
        modules = [dataclasses.asdict(cost) for cost in costs(experiment, int(depth))]
    found = {
        "experiment": experiment.name,
        "device": devices.describe_devices(),
        "device_memory_bytes": device_memory(),
        "modules": modules,
        "training_step": dataclasses.asdict(step.result()) if step else None,
        "batch_size": config.trainer.get("batch_size"),
        "data": dataclasses.asdict(experiment.dataset.card()),
    }
    _print(config, found)
    if "output" in keys:
        with told_if_unwritable(keys["output"]):
            write_json(keys["output"], found)
        print(f"Written: {keys['output']}")
    return 0


def costs(experiment: "Experiment", depth: int) -> list[Any]:
    """The `ModuleCost`s of an evaluation of one example."""
    import jax

    from spectrax.diagnostics.module_costs import module_costs

    fields = experiment.dataset.spec.fields
    example = {name: jax.ShapeDtypeStruct((1, *field.shape), field.dtype) for name, field in fields.items()}
    inputs = experiment.task.inputs(example)
    with jax.set_mesh(experiment.layout.mesh):
        return module_costs(experiment.make_model, lambda model, x: model(x, train=False, key=None), inputs, depth)


def device_memory() -> int | None:
    """Bytes that one device has; on a CPU those of the machine; None when unknown."""
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (device.memory_stats() or {}).get("bytes_limit")


def _print(config: "DictConfig", found: "Mapping[str, Any]") -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    console.print(_graph(config))
    console.print(_modules(found["modules"]))
    step, memory = found["training_step"], found["device_memory_bytes"]
    if step is not None:
        work = f"{step['flops']:.3g} operations" if step["flops"] else "unknown operations"
        used = f"{step['memory_bytes'] / 2**20:,.0f} MiB" if step["memory_bytes"] else "unknown memory"
        there = f" of {memory / 2**30:,.1f} GiB" if memory else ""
        console.print(
            f"Training step of {found['batch_size']:,} examples: {work}, {used}{there} per device ({found['device']})."
        )
    for name, value in found["data"].items():
        console.print(f"  {name.replace('_', ' '):<14} {_said(value)}", markup=False)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count:,}" for key, count in value.items())
    return str(value) or "none"


def _graph(config: "DictConfig") -> Any:
    """The nodes of the config with their plain arguments; where one refers to another node, its key."""
    from omegaconf import OmegaConf
    from rich.tree import Tree

    root = Tree(f"[bold]{config.experiment}[/bold]")
    written = OmegaConf.to_container(config, resolve=False)
    for name, node in OmegaConf.to_container(config, resolve=True).items():
        if isinstance(node, dict):
            _grow(root, name, node, written[name])
    return root


def _grow(tree: Any, name: str, node: "Mapping[str, Any]", written: Any) -> None:
    from rich.markup import escape

    nested = {key: value for key, value in node.items() if _holds_nodes(value)}
    plain = ", ".join(f"{key}={value}" for key, value in node.items() if key not in nested and key != "_target_")
    branch = tree.add(f"[bold]{name}[/bold] {node.get('_target_', '')} [dim]{escape(plain)}[/dim]")
    for key, value in nested.items():
        source = written[key] if isinstance(written, dict) else value
        if isinstance(source, str):
            branch.add(f"[bold]{key}[/bold] [dim]{source}[/dim]")
        elif isinstance(value, dict):
            _grow(branch, key, value, source)
        else:
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    _grow(branch, f"{key}.{index}", item, source[index])


def _holds_nodes(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _modules(rows: Sequence["Mapping[str, Any]"]) -> Any:
    from rich.table import Table

    table = Table(title="Modules, one example", title_justify="left")
    for title in ("module", "class", "output"):
        table.add_column(title, overflow="fold")
    for title in ("parameters", "operations", "activations"):
        table.add_column(title, justify="right")
    for row in rows:
        name = row["path"] or "the whole network"
        flops = "" if row["flops"] is None else f"{row['flops']:,.0f}"
        size = f"{row['activation_bytes'] / 1024:,.1f} KiB"
        table.add_row(name, row["kind"], row["output"], f"{row['parameters']:,}", flops, size)
    return table


main = plain_command(run, __doc__, _KEYS)

if __name__ == "__main__":
    raise SystemExit(main())
