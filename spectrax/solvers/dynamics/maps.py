"""Systems in steps."""

import dataclasses

from spectrax.core.errors import ConfigError
from spectrax.solvers.dynamics.system import System


@dataclasses.dataclass(frozen=True, kw_only=True)
class Map(System):
    """Base of maps: frames are one step apart."""

    def check(self, dt: float) -> None:
        """Raise `ConfigError` for any other dt than 1."""
        if dt != 1:
            raise ConfigError(
                f"dataset.dt={dt:g}: {self.name} is a map, whose frames are one step apart. Set dataset.dt=1."
            )
