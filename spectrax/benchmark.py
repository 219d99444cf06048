"""`python -m spectrax.benchmark [+experiment=NAME] [vs=OLD.json]`: how fast an experiment trains here, and in what."""

import dataclasses
import json
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

_KEYS = {
    "only": "loader: measure the loader alone",
    "seconds": "how long to measure each thing (default 10)",
    "output": "file for the result as JSON (default: runs/benchmarks/<experiment>_<time>.json)",
    "vs": "an earlier result to compare with",
    "saved": "a result to compare with vs=, instead of measuring",
}
_NEEDED = {"experiment", "device", "batch_size", "precision", "loader_examples_per_second"}
# What a comparison shows, and whether more of it is better.
_COMPARED = {
    "compile_seconds": False,
    "compile_warm_seconds": False,
    "step_seconds": False,
    "forward_seconds": False,
    "examples_per_second": True,
    "forward_examples_per_second": True,
    "loader_examples_per_second": True,
    "input_stall": False,
    "flops_per_second": True,
    "peak_memory_bytes": False,
}


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Measure, print, write, compare."""
    from spectrax.config.compose import compose_command
    from spectrax.core.files import told_if_unwritable, write_json

    seconds, only = _seconds(keys.get("seconds", "10")), keys.get("only")
    if only not in (None, "loader"):
        raise ConfigError(f"only={only} is not known; there is only=loader.")
    if "saved" in keys:
        if "vs" not in keys:
            raise ConfigError("saved=FILE needs vs=FILE to be compared with.")
        _print_comparison(_read(keys["vs"]), _read(keys["saved"]))
        return 0
    old = _read(keys["vs"]) if "vs" in keys else None
    config = compose_command(overrides)
    found = measure(config, seconds, loader_only=only == "loader")
    _print(found)
    default = Path("runs") / "benchmarks" / f"{config.experiment}_{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
    output = Path(keys.get("output") or default)
    with told_if_unwritable(output):
        write_json(output, {**found, "overrides": overrides})
    print(f"Written: {output}")
    if old is not None:
        _print_comparison(old, found)
    return 0


def measure(config: "DictConfig", seconds: float, loader_only: bool = False) -> dict[str, Any]:
    """All figures of an experiment, flat, ready for JSON; what cannot be known is None."""
    import os

    from spectrax.assembly import assemble
    from spectrax.config.build import build
    from spectrax.parallel import devices, startup
    from spectrax.training import measuring

    trainer, experiment = build(config.trainer), assemble(config)
    if not hasattr(trainer, "program"):
        raise ConfigError(f"trainer: {type(trainer).__name__} takes no steps that could be timed.")
    experiment.dataset.prepare()
    facts = {
        "experiment": experiment.name,
        "device": devices.describe_devices(),
        "batch_size": trainer.batch_size,
        "steps_per_call": trainer.steps_per_call,
        "precision": config.precision.compute_dtype,
        "load_average": os.getloadavg()[0],
        "measured": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": _versions(),
    }
    rate = measuring.loader(experiment, trainer, seconds)
    workers = max(1, getattr(experiment.loader, "workers", 1))
    facts |= {"loader_examples_per_second": rate, "loader_workers": workers, "loader_per_worker": rate / workers}
    if loader_only:
        return facts
    # An empty cache of compiled programs, so that the first compilation is one.
    with tempfile.TemporaryDirectory() as cache:
        startup.start(Path(cache))
        return facts | _measure_training(trainer, experiment, facts["precision"], seconds)


def _measure_training(trainer: Any, experiment: Any, precision: str, seconds: float) -> dict[str, Any]:
    import jax

    from spectrax.parallel import devices
    from spectrax.training import measuring

    with jax.set_mesh(experiment.layout.mesh):
        program, state, compilation = measuring.compilation(trainer, experiment)
        state, step = measuring.steps(program, state, experiment, trainer.steps_per_call, seconds)
        size, forward = measuring.forward(program, state, experiment, seconds)
        pipeline = measuring.pipeline(program, state, experiment, trainer, seconds)
        cost = program.cost()
    rate = cost.flops / step.median if cost.flops else None
    peak = devices.peak_flops(precision)
    return {
        "parameters": program.parameters,
        "compile_seconds": compilation.cold,
        "compile_warm_seconds": compilation.warm,
        "step_seconds": step.median,
        "step_spread": dataclasses.asdict(step),
        "forward_batch_size": size,
        "forward_seconds": forward.median,
        "forward_spread": dataclasses.asdict(forward),
        "forward_examples_per_second": size / forward.median,
        "examples_per_second": pipeline.examples_per_second,
        "input_stall": pipeline.input_stall,
        "flops_per_step": cost.flops,
        "flops_per_second": rate,
        "share_of_peak": rate / peak if rate and peak else None,
        "step_memory_bytes": cost.memory_bytes,
        "peak_memory_bytes": measuring.peak_memory(),
    }


def _versions() -> dict[str, str]:
    import importlib.metadata

    return {name: importlib.metadata.version(name) for name in ("spectrax", "jax", "jaxlib", "flax")}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigError(f"seconds={text} should be a number above 0.")
    return seconds


def _read(name: str) -> dict[str, Any]:
    try:
        found = json.loads(Path(name).read_text())
        if not isinstance(found, dict) or not set(found) >= _NEEDED:
            raise ValueError("it holds no figures")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name} is not a result of this command ({error}). Give the JSON file of one.") from error
    return found


def _print(found: "Mapping[str, Any]") -> None:
    from rich.table import Table

    from spectrax.core.screen import standard_output

    title = f"{found['experiment']} on {found['device']}, batches of {found['batch_size']:,}, {found['precision']}"
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in _rows(found):
        table.add_row(name, value)
    standard_output().print(table)


def _rows(found: "Mapping[str, Any]") -> list[tuple[str, str]]:
    rate, per_worker = found["loader_examples_per_second"], found["loader_per_worker"]
    workers = found["loader_workers"]
    loader = ("loader alone", f"{rate:,.0f} examples/s, {per_worker:,.0f} per worker ({workers})")
    if "step_seconds" not in found:
        return [loader]
    cold, warm = found["compile_seconds"], found["compile_warm_seconds"]
    share = "" if found["share_of_peak"] is None else f", {found['share_of_peak']:.1%} of the device's peak"
    flops = found["flops_per_second"]
    return [
        ("compilation", f"{cold:.1f} s; {warm:.1f} s from the cache ({1 - warm / cold:.0%} less)"),
        ("training step", _timing(found["step_spread"])),
        ("forward", f"{_timing(found['forward_spread'])}, batches of {found['forward_batch_size']:,}"),
        ("forward rate", f"{found['forward_examples_per_second']:,.0f} examples/s"),
        ("training", f"{found['examples_per_second']:,.0f} examples/s, {found['input_stall']:.1%} waiting for input"),
        loader,
        ("operations", "unknown" if flops is None else f"{flops / 1e9:,.1f} GFLOP/s in training steps{share}"),
        ("memory", f"{found['peak_memory_bytes'] / 2**20:,.0f} MiB at most"),
        ("load before", f"{found['load_average']:.2f}"),
    ]


def _timing(spread: "Mapping[str, float]") -> str:
    median, lowest, highest = (1000 * spread[name] for name in ("median", "lowest", "highest"))
    return f"{median:,.2f} ms (from {lowest:,.2f} to {highest:,.2f}, {spread['count']} times)"


def _print_comparison(old: "Mapping[str, Any]", new: "Mapping[str, Any]") -> None:
    from rich.table import Table

    from spectrax.core.screen import standard_output

    console = standard_output()
    table = Table(title=f"{old['experiment']} -> {new['experiment']}", title_justify="left")
    for title in ("", "before", "now", "now / before", ""):
        table.add_column(title, justify="right" if title else "left")
    for name, more_is_better in _COMPARED.items():
        before, now = old.get(name), new.get(name)
        if before is None or now is None:
            continue
        ratio = now / before if before else math.nan
        table.add_row(name, f"{before:,.4g}", f"{now:,.4g}", f"{ratio:.3f}", _verdict(ratio, more_is_better))
    console.print(table)
    for name in ("device", "batch_size", "precision", "experiment"):
        if old[name] != new[name]:
            console.print(f"Mind that {name} differs: {old[name]} before, {new[name]} now.")


def _verdict(ratio: float, more_is_better: bool) -> str:
    """Differences below a twentieth are noise on most machines."""
    if math.isnan(ratio) or 0.95 < ratio < 1.05:
        return "same"
    return "better" if (ratio > 1) == more_is_better else "worse"


main = plain_command(run, __doc__, _KEYS)

if __name__ == "__main__":
    leave(main())
