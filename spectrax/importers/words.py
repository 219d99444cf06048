"""Words of a command line, such as `+experiment=NAME` and `model.width=8`: an importer's own, and the user's."""

from collections.abc import Mapping, Sequence


def keys(words: Sequence[str]) -> set[str]:
    """What the words set, such as "experiment" and "model.width"."""
    return {_key(word) for word in words}


def of_model(sizes: Mapping[str, object]) -> list[str]:
    """`model.NAME=VALUE` for each argument."""
    return [f"model.{name}={text(value)}" for name, value in sizes.items()]


def joined(words: Sequence[str], given: Sequence[str]) -> list[str]:
    """The words, without those whose keys are given too, and behind them what is given."""
    said = keys(given)
    return [word for word in words if _key(word) not in said] + list(given)


def text(value: object) -> str:
    """A number, a truth value, a name or a list of numbers in Hydra's grammar."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+")
