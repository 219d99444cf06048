"""Windows of trajectories, numbered trajectory by trajectory, none across a border."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Windowing:
    """Which windows a trajectory has.

    Attributes:
        length: frames of a trajectory.
        frames: of a window.
        stride: frames from one window's first to the next one's.

    Raises:
        ConfigError: when no window fits.
    """

    length: int
    frames: int
    stride: int

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= self.length or self.stride < 1:
            raise ConfigError(
                f"dataset.frames={self.frames} should be from 1 to the {self.length} frames of a trajectory, and "
                f"dataset.stride={self.stride} at least 1."
            )

    @property
    def count(self) -> int:
        """Windows of a trajectory."""
        return (self.length - self.frames) // self.stride + 1

    def place(self, index: int) -> tuple[int, slice]:
        """Trajectory and frames of a window."""
        trajectory, number = divmod(index, self.count)
        return trajectory, slice(number * self.stride, number * self.stride + self.frames)


class Windows:
    """Random access to the windows of a split.

    Args:
        stored: the trajectories.
        trajectories: how many.
        windowing: which windows they have.
        observed: the number of a trajectory and what is stored of it -> what is seen of it (length, observed).
    """

    def __init__(
        self, stored: Any, trajectories: int, windowing: Windowing, observed: Callable[[int, np.ndarray], np.ndarray]
    ):
        self.stored, self.trajectories, self.windowing, self.observed = stored, trajectories, windowing, observed

    def __len__(self) -> int:
        return self.trajectories * self.windowing.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        """ "window" (frames, observed) float64."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Many windows, each of their trajectories read once."""
        places = [self.windowing.place(index) for index in indices]
        wanted = list(dict.fromkeys(trajectory for trajectory, _ in places))
        found = self.stored.__getitems__(wanted)
        seen = {
            number: self.observed(number, example["trajectory"]) for number, example in zip(wanted, found, strict=True)
        }
        return [{"window": seen[trajectory][frames]} for trajectory, frames in places]
