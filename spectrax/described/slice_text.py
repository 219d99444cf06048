"""A compiled step for people."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax.described.slice_step import Memory, SliceStep
from spectrax.diagnostics.collectives import Collective
from spectrax.parallel.accelerators import Accelerator

_ROWS = 12  # of collectives; the JSON has them all
_LINES = 8  # of those that move most through memory
_GIB = 2**30


def lines(step: SliceStep, chip: Accelerator) -> Iterator[tuple[str, str]]:
    """Name and text of each line of the answer."""
    share = f"{step.batch_size // step.chips:,}" if step.batch_size >= step.chips else "less than one"
    yield "chips", f"{step.chips} {chip.kind} ({step.topology}), {step.batch_size:,} examples, {share} for each chip"
    yield "memory", _memory(step.memory)
    if step.work is None or step.roofline is None:
        yield "", "Try trainer.remat=true, trainer.accumulate=2, mesh=fsdp, a smaller batch, or more chips."
        return
    work, bound, peak = step.work, step.roofline, chip.flops["bfloat16"]
    again = f", {work.recomputed_flops / work.flops:.0%} of it recomputed" if work.recomputed_flops else ""
    yield (
        "products",
        f"{_scaled(work.flops * step.chips)}FLOP a step, {_scaled(work.flops)}FLOP on each chip{again}; in bfloat16 "
        f"passes {_scaled(work.pass_flops)}FLOP",
    )
    yield "traffic", f"{_scaled(work.memory_bytes * step.chips)}B a step, {_scaled(work.memory_bytes)}B on each chip"
    parts = {"memory": bound.memory, "products": bound.compute, "links": bound.links}
    said = ", ".join(f"{name} {_milliseconds(seconds)}" for name, seconds in parts.items())
    # What a hasty compiler moves through memory is more than need be: no bound follows from it.
    least, most = ("at least", "at most") if step.effort == "full" else ("about", "about")
    yield "time", f"{least} {_milliseconds(bound.seconds)} a step ({said})"
    yield "speed", f"{most} {step.examples_per_second:,.0f} examples/s; MFU {most} {step.utilisation(peak):.1%}"
    if chip.memory_bandwidth and chip.link_bandwidth:
        yield (
            "peaks",
            f"{_scaled(peak)}FLOP/s in bfloat16, memory {_scaled(chip.memory_bandwidth)}B/s, links "
            f"{_scaled(chip.link_bandwidth)}B/s in both directions ({chip.source})",
        )
    if step.effort == "low":
        yield "", "Compiled with low effort, which keeps nothing in the memory on the chip: traffic, time and speed are"
        yield "", "too pessimistic, the memory needed is not. effort=full compiles as training does, and takes longer."
    if work.unknown_loops:
        yield "", f"{work.unknown_loops} loops of unknown length count as one round."
    yield "gathered", _gathered(step)


def table(found: Sequence[Collective]) -> Any:
    """The collectives, those that move most first, equal ones of a line together."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = sorted(_by_line(found), key=lambda row: -row["bytes"])
    title = f"Collectives: {sum(one.rounds for one in found):,} a step"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("kind", "carries", "caused by"):
        shown.add_column(name, overflow="fold")
    for name in ("times", "largest", "bytes a step"):
        shown.add_column(name, justify="right")
    for row in rows[:_ROWS]:
        moved = f"{_scaled(row['bytes'])}B"
        shown.add_row(row["kind"], row["carries"], row["source"], row["times"], row["largest"], moved)
    if len(rows) > _ROWS:
        rest = sum(row["bytes"] for row in rows[_ROWS:])
        shown.add_row(f"{len(rows) - _ROWS} more", "", "", "", "", f"{_scaled(rest)}B")
    return shown


def traffic_table(step: SliceStep) -> Any:
    """The lines that move most between a chip and its memory."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(title="Memory traffic of each chip", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("caused by", overflow="fold")
    for name in ("bytes a step", "of all"):
        shown.add_column(name, justify="right")
    whole = step.work.memory_bytes if step.work else 0
    for source, moved in step.traffic[:_LINES]:
        shown.add_row(_short(source) or "not known", f"{_scaled(moved)}B", f"{moved / whole:.0%}")
    return shown


def _by_line(found: Sequence[Collective]) -> Iterator[Mapping[str, Any]]:
    groups: dict[tuple[Any, ...], list[Collective]] = {}
    for one in found:
        groups.setdefault((one.kind, one.carries, one.source, one.times is None), []).append(one)
    for (kind, carries, source, unknown), members in groups.items():
        largest = max(members, key=lambda one: one.bytes)
        others = sum(one.arrays for one in members) - len(members)
        together = f" and {others} more arrays" if others else ""
        yield {
            "kind": kind,
            "carries": carries or "",
            "source": f"{_short(source) or largest.operation or 'not known'}{together}",
            "times": f"{'at least ' if unknown else ''}{sum(one.rounds for one in members):,}",
            "largest": f"{largest.dtype}{list(largest.shape)}",
            "bytes": sum(one.total_bytes for one in members),
        }


def _memory(memory: Memory) -> str:
    needed, there = memory.needed / _GIB, memory.available / _GIB
    verdict = f"fits, {there - needed:.2f} to spare" if memory.fits else f"does not fit, {needed - there:.2f} too much"
    text = f"{needed:.2f} GiB of {there:.2f} GiB on each chip: {verdict}"
    named = {
        "state and batch": memory.arguments,
        "temporaries": memory.temporaries,
        "results": memory.outputs,
        "program": memory.code,
    }
    parts = [f"{name} {size / _GIB:.2f}" for name, size in named.items() if size]
    return f"{text} ({', '.join(parts)})" if parts else text


def _gathered(step: SliceStep) -> str:
    known, unknown = step.gathered_activations, step.unknown_gathers
    if not known and not unknown:
        return "no activation is gathered"
    text = f"ACTIVATIONS ARE GATHERED: {_moved(known)}" if known else "no activation is known to be gathered"
    return f"{text}; of other gathers it cannot be told what they carry: {_moved(unknown)}" if unknown else text


def _moved(found: Sequence[Collective]) -> str:
    """How much, and what causes it."""
    sources = ", ".join(sorted({_short(one.source) or one.operation or "a line not known" for one in found}))
    return f"{_scaled(sum(one.total_bytes for one in found))}B a step, from {sources}"


def _short(source: str) -> str:
    """A path from the package or the current directory on, where it is below one of them."""
    import spectrax

    path = Path(source)
    for root in (Path(spectrax.__file__).parent.parent, Path.cwd()):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return source


def _scaled(number: float) -> str:
    """ "1.65 T": three digits and a prefix, the unit to follow."""
    if number < 1000:
        return f"{number:.3g} "
    power = min(int(math.log10(number) // 3), 6)
    return f"{number / 1000**power:.3g} {' kMGTPE'[power]}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"
