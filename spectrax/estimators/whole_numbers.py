"""Arguments that count something."""

import numbers
from typing import Any

from spectrax.core.errors import ConfigError


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Raise `ConfigError` when the argument `name` is no whole number of at least `least`."""
    if not isinstance(value, numbers.Integral) or value < least:
        raise ConfigError(f"{name}={value!r}: give a whole number of {least} or more.")
