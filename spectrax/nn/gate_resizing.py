"""Weights tied to a map's grid, brought to another one: gates are interpolated, matrices over positions cannot be."""

from typing import Any

import jax

from spectrax.core.errors import CheckpointError, ConfigError


def check_grid(found: tuple[int, ...], known: tuple[int, ...], option: str, other: str) -> None:
    """Raises `ConfigError` for a map whose size is not that to which the weights of an option are tied.

    Args:
        found: (height, width) of what the weights meet.
        known: the same of the weights.
        option: such as "model.spectral_layer=fourier".
        other: what takes maps of any size.
    """
    if found != known:
        sizes = ["x".join(map(str, size)) for size in (known, found)]
        raise ConfigError(
            f"{option} has a weight for each place of maps of {sizes[0]}, and cannot take maps of {sizes[1]}: "
            f"keep to model.image_size, or use {other}."
        )


def resized_gate(gate: jax.Array, grid: tuple[int, int]) -> jax.Array:
    """A gate (height, width, channels) interpolated bilinearly to another grid, as if both covered the same image.

    Samples stand for the middle of their cell and nothing is smoothed, as `torch.nn.functional.interpolate` does it
    unless told otherwise. It is no part of SVT's paper or release.
    """
    if gate.shape[:2] == tuple(grid):
        return gate
    return jax.image.resize(gate, (*grid, gate.shape[2]), "bilinear", antialias=False)


def at_grid(saved: Any, wanted: Any, path: str = "") -> Any:
    """Parameters of a model with wavelet mixers for the same model at another image size.

    Only the mixers of `spectrax.nn.scattering` are changed; where else the two differ is left for the caller to find.

    Args:
        saved: nested dicts of arrays.
        wanted: the same of arrays or shapes, as the model at the other size has them.
        path: where in the model `saved` stands, for messages.

    Raises:
        CheckpointError: naming a mixer that mixes positions too: its matrices have no meaning on another grid.
    """
    if not isinstance(saved, dict) or not isinstance(wanted, dict):
        return saved
    fitted = {name: at_grid(child, wanted.get(name), f"{path}/{name}".lstrip("/")) for name, child in saved.items()}
    if {"gate", "channel_mixing"} <= saved.keys() & wanted.keys():
        found, grid = saved["gate"].shape[:2], wanted["gate"].shape[:2]
        if found != grid and "row_mixing" in saved:
            raise CheckpointError(
                f"{path} mixes the positions of maps of {found[0]}x{found[1]}, and cannot be resized to "
                f"{grid[0]}x{grid[1]}: keep the image size, or use weights of model.mixer=channel."
            )
        fitted["gate"] = resized_gate(saved["gate"], grid)
    return fitted
