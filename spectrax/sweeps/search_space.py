"""Hydra's grammar of sweeps as Optuna's distributions: choices, ranges, intervals."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from spectrax.core.errors import ConfigError


def space(overrides: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """A distribution for each key.

    `a,b` and `choice(a,b)` are choices; `range(1,9,2)` whole numbers in order; `interval(1e-4,1e-2)` numbers between
    and `int(interval(1,9))` whole ones; `tag(log,interval(...))` the same evenly in the logarithm.

    Args:
        overrides: parsed, by key, each with several values.

    Raises:
        ConfigError: for a sweep that is none of these.
    """
    found = {}
    for key, override in overrides.items():
        try:
            found[key] = _distribution(override)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{override.input_line} cannot be varied: {error}") from error
    return found


def _distribution(override: Any) -> BaseDistribution:
    value = override.value()
    if override.is_interval_sweep():
        ends = (value.start, value.end)
        kind = IntDistribution if all(isinstance(end, int) for end in ends) else FloatDistribution
        return kind(*ends, log="log" in value.tags)
    if override.is_range_sweep() and not value.shuffle:
        numbers = list(value.range())
        if all(isinstance(number, int) for number in numbers) and numbers and value.step > 0:
            return IntDistribution(numbers[0], numbers[-1], step=value.step)
    if not override.is_discrete_sweep():
        raise ValueError("give a,b or choice(...), range(...) or interval(...)")
    # As words: a choice may be anything that the grammar can say.
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def ends(distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
    """Two points that lie as far apart as there are."""
    low = {key: _end(distribution, 0) for key, distribution in distributions.items()}
    high = {key: _end(distribution, -1) for key, distribution in distributions.items()}
    return [low, high]


def _end(distribution: BaseDistribution, index: int) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[index]
    return (distribution.low, distribution.high)[index]
