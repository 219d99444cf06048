"""Command lines of the form `launcher [options] -- command ...`."""

import argparse
import contextlib
from collections.abc import Sequence


def arguments_and_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before the first `--` and those after it."""
    words = list(words)
    if "--" not in words:
        return words, []
    position = words.index("--")
    return words[:position], words[position + 1 :]


def count(word: str, least: int = 1) -> int:
    """A whole number; the type of an option.

    Raises:
        argparse.ArgumentTypeError: it is none, or less than `least`.
    """
    if not word.isdecimal() or int(word) < least:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least {least}")
    return int(word)


def count_or_zero(word: str) -> int:
    """A whole number, which may be zero; the type of an option.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return count(word, least=0)


def seconds(word: str) -> float:
    """A length of time of less than a week; the type of an option.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    with contextlib.suppress(ValueError):
        if 0 <= float(word) < 7 * 24 * 3600:
            return float(word)
    raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds")
