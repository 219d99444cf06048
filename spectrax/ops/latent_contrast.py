"""What latent states tell about their neighbours in time, estimated by telling these from other states (InfoNCE).

Sources: A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive coding", 2018; X.
Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, and its released code, whose
estimate is not the paper's.

An anchor is a state with `radius` frames on both sides, all of them its neighbours. Both functions give the negative of
the estimate, to be minimised, and 0 for windows too short to have any.
"""

import jax
import jax.numpy as jnp
import numpy as np

_EPSILON = 1e-8  # in the released denominator
_LEAST_NORM = 1e-12


def contrast_in_window(z: jax.Array, *, radius: int, temperature: float) -> jax.Array:
    """The released estimate: cosine similarity, neighbours taken together, against the rest of the same window.

    Args:
        z: (batch, frames, size) float32.
        radius: frames to either side that are neighbours.
        temperature: by which similarities are divided.

    Returns:
        A scalar: mean over batch and anchors of `-log(sum over neighbours / sum over all other frames)`, of
        exponentials of similarities.
    """
    frames = z.shape[1]
    anchors, neighbours, others = _masks(frames, radius)
    if not len(anchors) or not others.any():
        return jnp.zeros(())
    unit = z / jnp.maximum(_norm(z), _LEAST_NORM)
    scores = _scores(unit[:, radius : frames - radius], unit) / temperature
    scores -= jax.lax.stop_gradient(
        jnp.max(scores, axis=-1, keepdims=True, where=neighbours | others, initial=-jnp.inf)
    )
    inside = jnp.sum(jnp.exp(scores), axis=-1, where=neighbours)
    outside = jnp.sum(jnp.exp(scores), axis=-1, where=others)
    return -jnp.mean(jnp.log(inside / (inside + outside + _EPSILON)))


def contrast_in_batch(z: jax.Array, *, radius: int, temperature: float) -> jax.Array:
    """The paper's estimate: products, each neighbour by itself, against all other states of the batch.

    Every device has to see all states of the batch, so on several the latent states are gathered.

    Args:
        z: (batch, frames, size) float32.
        radius: frames to either side that are neighbours.
        temperature: by which products are divided.

    Returns:
        A scalar: mean over batch, anchors and neighbours of the negative log softmax.
    """
    batch, frames, size = z.shape
    anchors, neighbours, _ = _masks(frames, radius)
    if not len(anchors):
        return jnp.zeros(())
    scores = jnp.einsum("btd,nd->btn", z[:, anchors], z.reshape(-1, size), precision=jax.lax.Precision.HIGHEST)
    scores = scores.reshape(batch, len(anchors), batch, frames) / temperature
    same = jnp.eye(batch, dtype=bool)[:, None, :, None]
    itself = same & (anchors[:, None] == np.arange(frames))[None, :, None, :]
    normaliser = jax.nn.logsumexp(scores, axis=(2, 3), where=~itself)
    own = jnp.einsum("btbn->btn", scores)
    likelihood = own - normaliser[..., None]
    return -jnp.sum(likelihood, where=neighbours) / (batch * neighbours.sum())


def _masks(frames: int, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of anchors, and for each which frames are neighbours and which are neither those nor itself."""
    anchors = np.arange(radius, frames - radius)
    distance = np.abs(anchors[:, None] - np.arange(frames))
    return anchors, (distance > 0) & (distance <= radius), distance > radius


def _scores(anchors: jax.Array, states: jax.Array) -> jax.Array:
    return jnp.einsum("btd,bsd->bts", anchors, states, precision=jax.lax.Precision.HIGHEST)


def _norm(z: jax.Array) -> jax.Array:
    """(..., 1), with a gradient where all numbers are zero."""
    square = jnp.sum(z * z, axis=-1, keepdims=True)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
