"""Does a trainer go with the model and the task: are all three of training by gradients, or of fits in closed form?"""

from collections.abc import Iterator, Mapping
from typing import Any

from spectrax.config.targets import resolve
from spectrax.config.values import Made, mismatch
from spectrax.core.direct_protocols import DirectTask, Estimator
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Model, Task

_NODES = ("trainer", "model", "task")
_NOUNS = {"model": {False: Model, True: Estimator}, "task": {False: Task, True: DirectTask}}  # closed form or not
_WORDS = {  # what each does, and by what it is asked for
    ("trainer", False): ("trains by gradients", "trainer=gradient"),
    ("model", False): ("is trained by gradients", "a model such as koopman_autoencoder"),
    ("task", False): ("is one of training by gradients", "a task such as dynamics"),
    ("trainer", True): ("fits in closed form", "trainer=direct"),
    ("model", True): ("is fitted in closed form", "a model such as resdmd"),
    ("task", True): ("judges what is fitted in closed form", "a task such as spectrum"),
}


def wrong_pairing(tree: Mapping[str, Any], allowed: tuple[str, ...]) -> Iterator[str]:
    """The sentence that names the one of the three which does not go with the other two, and what each goes with.

    Args:
        tree: a config, whose references need not lead anywhere: another trainer's or model's keys may be what is gone.
        allowed: packages that `_target_`s may come from.
    """
    found = {node: _target(tree.get(node), allowed) for node in _NODES}
    closed = {node: _is_closed(node, target) for node, target in found.items()}
    if None in closed.values() or len(set(closed.values())) == 1:
        return
    odd = next(node for node in _NODES if list(closed.values()).count(closed[node]) == 1)
    others = [node for node in _NODES if node != odd]
    partners = " and ".join(_WORDS[node, closed[odd]][1] for node in others)
    names = " and ".join(found[node].__name__ for node in others)
    yield (
        f"{odd}: {found[odd].__name__} {_WORDS[odd, closed[odd]][0]}: it goes with {partners}. "
        f"{names} go with {_WORDS[odd, closed[others[0]]][1]}."
    )


def _target(node: Any, allowed: tuple[str, ...]) -> Any:
    """The class of a node; None where there is none, or what is wrong with it is told elsewhere."""
    try:
        target = resolve(node["_target_"], allowed) if isinstance(node, Mapping) and "_target_" in node else None
    except ConfigError:
        return None
    return target if isinstance(target, type) else None


def _is_closed(node: str, target: Any) -> bool | None:
    """Whether the class is of fits in closed form; None for what is of neither kind, or could be of both."""
    if target is None:
        return None
    if node == "trainer":
        takes = getattr(target, "takes", {})
        return {(None, None): False, (Estimator, DirectTask): True}.get((takes.get("model"), takes.get("task")))
    fits = [closed for closed, noun in _NOUNS[node].items() if mismatch(Made(target), noun) is None]
    return fits[0] if len(fits) == 1 else None
