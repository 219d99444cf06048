"""Where commands print tables, and how their numbers look."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200  # characters
_COUNTS = 1e9  # whole numbers from here on are no counts


def digits(value: float, count: int = 4) -> str:
    """A metric for people: `count` decimals; as many digits where it is small or large; counts without decimals. 0 and
    1 keep theirs, as shares do."""
    if 1 < abs(value) < _COUNTS and value == int(value):
        return f"{value:.0f}"
    return f"{value:.{count}f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.{count}g}"


def standard_output() -> "Console":
    """The standard output. In a file or a pipe tables are as wide as they need to be: 80 columns would cut numbers
    and break names."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console
