"""Arguments that are one of a few words."""

from collections.abc import Collection

from spectrax.core.errors import ConfigError


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise `ConfigError`, which lists the choices, when the argument `name` is none of them."""
    if value not in choices:
        raise ConfigError(f"{name}={value!r} is none of: {', '.join(choices)}.")
