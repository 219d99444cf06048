"""An experiment for people: its nodes as a tree, its modules as a table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

_TITLE = "Modules, one example; a multiplication and an addition are two operations"


def graph(config: "DictConfig", unread: Sequence[str] = ()) -> Any:
    """The nodes of the config with their plain arguments; where one refers to another node, its key. Those that the
    trainer does not read are named alone."""
    from omegaconf import OmegaConf
    from rich.tree import Tree

    root = Tree(f"[bold]{config.experiment}[/bold]")
    written = OmegaConf.to_container(config, resolve=False)
    for name, node in OmegaConf.to_container(config, resolve=True).items():
        if isinstance(node, dict) and name not in unread:
            _grow(root, name, node, written[name])
    if unread:
        root.add(f"[dim]not read by this trainer: {', '.join(unread)}[/dim]")
    return root


def modules(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The table of `ModuleCost`s as dicts."""
    from rich.table import Table

    table = Table(title=_TITLE, title_justify="left")
    for title in ("module", "class", "output"):
        table.add_column(title, overflow="fold")
    for title in ("parameters", "operations", "activations"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        name = row["path"] or "the whole network"
        flops = "" if row["flops"] is None else f"{row['flops']:,.0f}"
        size = f"{row['activation_bytes'] / 1024:,.1f} KiB"
        table.add_row(name, row["kind"], row["output"], f"{row['parameters']:,}", flops, size)
    return table


def totals(rows: Sequence[Mapping[str, Any]]) -> str:
    """Parameters, and multiply-adds by the convention of papers' tables, of the whole network in a sentence."""
    whole = rows[0]
    held = f"In all {whole['parameters']:,} parameters"
    if not whole["multiply_adds"]:
        return f"{held}."
    return (
        f"{held}, and {whole['multiply_adds'] / 1e9:,.3f} G multiply-adds as papers count them: those of convolutions, "
        "linear layers and batch norms alone."
    )


def estimator(found: Mapping[str, Any]) -> str:
    """What is fitted in closed form, in a sentence."""
    on = "" if found["functions"] is None else f" on a dictionary of {found['functions']:,} functions"
    return f"Fitted in closed form by {found['kind']}{on}, to {found['examples']:,} training examples."


def training_step(found: Mapping[str, Any]) -> str:
    """What a step costs, and the memory that it needs beside the memory that there is, in a sentence."""
    step, memory = found["training_step"], found["device_memory_bytes"]
    work = f"{step['flops']:.3g} operations" if step["flops"] else "unknown operations"
    needed = _size(step["memory_bytes"]) if step["memory_bytes"] else "unknown memory"
    there = f" of its {_size(memory)}" if memory else ""
    return (
        f"Training step of {found['batch_size']:,} examples: {work}. Each device ({found['device']}) needs "
        f"{needed}{there}, {_size(step['state_bytes'])} of it for parameters and optimizer state."
    )


def card(data: Mapping[str, Any]) -> str:
    """The data card, a line for each of its entries."""
    return "\n".join(f"  {name.replace('_', ' '):<14} {_said(value)}" for name, value in data.items())


def _size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 2**30:,.1f} GiB" if count >= 10 * 2**30 else f"{count / 2**20:,.1f} MiB"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count:,}" for key, count in value.items())
    return str(value) or "none"


def _grow(tree: Any, name: str, node: Mapping[str, Any], written: Any) -> None:
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
