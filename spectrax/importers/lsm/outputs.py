"""What the released models compute, computed by ours; both have channels last."""

from typing import Any

import jax


def outputs(model: Any, inputs: Any) -> dict[str, jax.Array]:
    """ "output": of a field (batch, *space, channels), of points (batch, n, 2), or of {"input": points, "code": codes}.
    Values are those that the model itself sees and gives: the release normalises outside of it."""
    return {"output": model(inputs, train=False)}
