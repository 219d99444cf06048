"""Where commands print tables."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200  # characters


def standard_output() -> "Console":
    """The standard output. In a file or a pipe tables are as wide as they need to be: 80 columns would cut numbers
    and break names."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console
