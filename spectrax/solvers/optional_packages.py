"""What of the extra `pde` a solver needs: asked for when it runs, so that the others work without."""

import importlib.util

from spectrax.core.errors import ConfigError


def require(module: str) -> None:
    """Raises ConfigError where an importable module of the extra `pde` is not installed."""
    if importlib.util.find_spec(module) is None:
        package = {"skfem": "scikit-fem"}.get(module, module)
        raise ConfigError(f"This solver needs the package {package}: python -m pip install 'spectrax[pde]'.")
