"""SVT, the Scattering Vision Transformer, hierarchical family.

Source: Patro & Agneeswaran, "Scattering Vision Transformer: Spectral Mixing Matters", NeurIPS 2023, arXiv 2311.01310.

Where paper and released code differ, both are configurations: the paper's headline is two scatter stages with channel
and token mixing (`svt_h_s`, `svt_h_b`, `svt_h_l`), the release's default one scatter stage with channel mixing
(`svt_h_s_released` ...). Two residuals per block as in the code (the figure draws one), no position embedding.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spectrax.core import randomness
from spectrax.core.errors import ConfigError
from spectrax.models.svt_mixers import SpectralLayer, spectral_mixer
from spectrax.nn import initializers, token_box
from spectrax.nn.attention import Attention
from spectrax.nn.drop_path import drop_path
from spectrax.nn.feed_forward import ConvolutionalFeedForward, FeedForward
from spectrax.nn.normalisation import BatchNorm, LayerNorm, Scope

_EMBEDDING_EPSILON = 1e-5  # of the LayerNorms after patch embeddings; all others have 1e-6


class SVT(nnx.Module):
    """Four stages of blocks at a quarter, an eighth, a sixteenth and a 32nd of the image's sides.

    Args:
        image_size: side of the square image, or (height, width): weights of scatter stages are tied to the grid.
        in_channels: channels of the image.
        num_classes: classes of the head.
        stem_width: channels of the three stem convolutions.
        dims: channels of the stages.
        heads: attention heads of the stages (unused in scatter stages; the last also in the class block).
        ffn_ratios: hidden channels of the feed-forward networks over the stage's channels.
        depths: blocks of the stages.
        scatter_stages: how many of the first stages mix by the spectral layer; the others by attention.
        mixer: "channel" or "channel_token", the kind of wavelet mixing.
        spectral_layer: what the scatter stages mix by, see `svt_mixers`: "dtcwt" is SVT, the others are for comparison.
        drop_path: largest stochastic-depth rate; rates rise linearly from 0 over all blocks.
        batch_norm: "global" normalises the stem by the whole batch, "device" by each device's part of it.
        token_label: add the auxiliary head over tokens (Jiang et al., "All tokens matter", NeurIPS 2021).
        mix_token: in training, exchange a box of tokens between images, see `spectrax.nn.token_box`; for the auxiliary
            head, and images of 96 pixels and more whose sides divide by 32.
        dtype: compute dtype; parameters, norms, softmax and wavelets are float32.
        remat: recompute each block in the backward pass.

    Raises:
        ConfigError: when sizes do not fit together, naming the key.
    """

    def __init__(
        self,
        *,
        image_size: int | Sequence[int],
        in_channels: int,
        num_classes: int,
        stem_width: int,
        dims: Sequence[int],
        heads: Sequence[int],
        ffn_ratios: Sequence[float],
        depths: Sequence[int],
        scatter_stages: int,
        mixer: Literal["channel", "channel_token"] = "channel_token",
        spectral_layer: SpectralLayer = "dtcwt",
        drop_path: float = 0.0,
        batch_norm: Scope = "global",
        token_label: bool = False,
        mix_token: bool = False,
        dtype: Literal["float32", "bfloat16"] = "float32",
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        lengths = {"dims": dims, "heads": heads, "ffn_ratios": ffn_ratios, "depths": depths}
        grids = stage_grids(image_size)
        _check(lengths, scatter_stages, drop_path, token_label, grids[0] if mix_token else None)
        self.mix_token = mix_token
        self.remat = remat
        common = {"dtype": dtype, "rngs": rngs}
        rates = np.linspace(0.0, drop_path, sum(depths)).tolist()
        stages = []
        for index in range(4):
            width = dims[index]
            if index == 0:
                embedding = Stem(in_channels, stem_width, width, scope=batch_norm, **common)
            else:
                embedding = Downsample(dims[index - 1], width, **common)
            if index >= scatter_stages or spectral_layer == "attention":
                make_mixer = functools.partial(MapAttention, width, heads[index], **common)
            else:
                make_mixer = functools.partial(spectral_mixer, spectral_layer, mixer, width, grids[index], **common)
            blocks = []
            for _ in range(depths[index]):
                token_mixer = make_mixer()
                feed_forward = ConvolutionalFeedForward(width, int(width * ffn_ratios[index]), **common)
                blocks.append(Block(token_mixer, feed_forward, width, rates.pop(0), dtype=dtype))
            stages.append(Stage(embedding, blocks, width, dtype=dtype))
        self.stages = nnx.List(stages)
        self.class_block = ClassBlock(dims[3], heads[3], int(dims[3] * ffn_ratios[3]), **common)
        make_head = functools.partial(nnx.Linear, dims[3], num_classes, kernel_init=initializers.linear, **common)
        self.head = make_head()
        self.token_head = make_head() if token_label else None

    def __call__(
        self, images: jax.Array, *, train: bool, key: jax.Array | None = None, box: jax.Array | None = None
    ) -> jax.Array | dict[str, jax.Array]:
        """Class logits of images (batch, height, width, channels).

        Args:
            box: of MixToken in training, instead of one drawn from `key`; without either nothing is exchanged.

        Returns:
            (batch, classes) float32. With a token head: at evaluation `head + 0.5 * max over tokens of token_head`; in
            training {"logits": (batch, classes), "token_logits": (batch, tokens, classes), "mixed_share": ()}: each
            image's own tokens, in their own places, and the part of its tokens that another image held.
        """
        if not train:
            box = None
        elif box is None and self.mix_token and key is not None:
            box = token_box.draw(randomness.stream(key, "mix_token"), stage_grids(images.shape[1:3])[3])
        return self.classify(self.features(images, train=train, key=key, box=box)[-1], train=train, box=box)

    def features(
        self, images: jax.Array, *, train: bool, key: jax.Array | None = None, box: jax.Array | None = None
    ) -> list[jax.Array]:
        """The maps after each stage's blocks; those of stages 1 to 3 with the stage norm, the last without.

        For dense prediction images may have any sides that divide by 32: gates are interpolated, and weights that mix
        positions refuse. See `__call__` for `box`.
        """
        maps, x = [], images
        for index, stage in enumerate(self.stages):
            stage_key = None if key is None else jax.random.fold_in(key, index)
            x = stage(x, train=train, key=stage_key, remat=self.remat, box=box if index == 0 else None)
            if index < 3:
                x = stage.norm(x)
            maps.append(x)
        return maps

    def classify(self, x: jax.Array, *, train: bool, box: jax.Array | None = None) -> Any:
        """What `__call__` gives, of the last of `features`."""
        batch, height, width, channels = x.shape
        tokens = self.class_block(x.reshape(batch, -1, channels))
        tokens = self.stages[3].norm(tokens)
        logits = self.head(tokens[:, 0]).astype(jnp.float32)
        if self.token_head is None:
            return logits
        token_logits = self.token_head(tokens[:, 1:]).astype(jnp.float32)
        if not train:
            return logits + 0.5 * jnp.max(token_logits, axis=1)
        mixed = jnp.zeros(())
        if box is not None:
            grid = token_logits.reshape(batch, height, width, -1)
            token_logits = token_box.paste(grid, box).reshape(token_logits.shape)
            mixed = token_box.share(box, (height, width))
        return {"logits": logits, "token_logits": token_logits, "mixed_share": mixed}


class Stage(nnx.Module):
    """An embedding, blocks, and the norm that follows them (the last stage's comes after the class block)."""

    def __init__(self, embedding: nnx.Module, blocks: list[nnx.Module], channels: int, *, dtype: str):
        self.embedding = embedding
        self.blocks = nnx.List(blocks)
        self.norm = LayerNorm(channels, dtype=dtype)

    def __call__(
        self, x: jax.Array, *, train: bool, key: jax.Array | None, remat: bool, box: jax.Array | None = None
    ) -> jax.Array:
        """(batch, height, width, in) -> (batch, height / stride, width / stride, channels).

        A `box` of output tokens is exchanged between images after the embedding.
        """
        x = self.embedding(x, train=train)
        if box is not None:
            x = token_box.paste(x, box, scale=token_box.SIDE)
        for index, block in enumerate(self.blocks):
            block_key = key if key is None or not train else jax.random.fold_in(key, index)
            apply = functools.partial(block, train=train)
            x = (jax.checkpoint(apply) if remat and train else apply)(x, block_key)
        return x


class Block(nnx.Module):
    """`x += mixer(norm(x)); x += feed_forward(norm(x))`, each branch dropped on its own."""

    def __init__(self, mixer: nnx.Module, feed_forward: nnx.Module, channels: int, drop_rate: float, *, dtype: str):
        self.drop_rate = drop_rate
        self.mixer_norm = LayerNorm(channels, dtype=dtype)
        self.mixer = mixer
        self.feed_forward_norm = LayerNorm(channels, dtype=dtype)
        self.feed_forward = feed_forward

    def __call__(self, x: jax.Array, key: jax.Array | None, *, train: bool) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        drops = train and key is not None
        keys = [randomness.stream(key, name) if drops else None for name in ("mixer", "feed_forward")]
        x = x + drop_path(self.mixer(self.mixer_norm(x)), self.drop_rate, keys[0])
        return x + drop_path(self.feed_forward(self.feed_forward_norm(x)), self.drop_rate, keys[1])


class MapAttention(nnx.Module):
    """Attention among all positions of a map."""

    def __init__(self, channels: int, heads: int, *, dtype: str, rngs: nnx.Rngs):
        self.attention = Attention(channels, heads, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(batch, height, width, channels) -> the same shape."""
        return self.attention(x.reshape(x.shape[0], -1, x.shape[-1])).reshape(x.shape)


class Stem(nnx.Module):
    """A 7x7 stride-2 and two 3x3 convolutions with BatchNorm and ReLU, a 3x3 stride-2 projection, and a norm."""

    def __init__(self, in_channels: int, width: int, out_channels: int, *, scope: Scope, dtype: str, rngs: nnx.Rngs):
        sizes = [(in_channels, 7, 2), (width, 3, 1), (width, 3, 1)]
        convolutions = [_convolution(i, width, k, s, bias=False, dtype=dtype, rngs=rngs) for i, k, s in sizes]
        self.convolutions = nnx.List(convolutions)
        self.batch_norms = nnx.List([BatchNorm(width, dtype=dtype, scope=scope) for _ in sizes])
        self.projection = _convolution(width, out_channels, 3, 2, bias=True, dtype=dtype, rngs=rngs)
        self.norm = LayerNorm(out_channels, epsilon=_EMBEDDING_EPSILON, dtype=dtype)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, height, width, in_channels) -> (batch, height / 4, width / 4, out_channels), sides rounded up."""
        for convolution, batch_norm in zip(self.convolutions, self.batch_norms, strict=True):
            x = jax.nn.relu(batch_norm(convolution(x), train=train))
        return self.norm(self.projection(x))


class Downsample(nnx.Module):
    """3x3 stride 2 convolution and a norm."""

    def __init__(self, in_channels: int, out_channels: int, *, dtype: str, rngs: nnx.Rngs):
        self.projection = _convolution(in_channels, out_channels, 3, 2, bias=True, dtype=dtype, rngs=rngs)
        self.norm = LayerNorm(out_channels, epsilon=_EMBEDDING_EPSILON, dtype=dtype)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(batch, height, width, in_channels) -> (batch, height / 2, width / 2, out_channels), sides rounded up."""
        return self.norm(self.projection(x))


class ClassBlock(nnx.Module):
    """A class token, the mean of the tokens, asks all tokens once (Touvron et al., "Going deeper ...", ICCV 2021)."""

    def __init__(self, channels: int, heads: int, hidden: int, *, dtype: str, rngs: nnx.Rngs):
        self.attention_norm = LayerNorm(channels, dtype=dtype)
        self.attention = Attention(channels, heads, dtype=dtype, rngs=rngs)
        self.feed_forward_norm = LayerNorm(channels, dtype=dtype)
        self.feed_forward = FeedForward(channels, hidden, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """(batch, n, channels) -> (batch, 1 + n, channels): the class token first, the others untouched."""
        cls, normal = self._asked(tokens)
        cls = cls + self.attention.attend(normal[:, :1], normal)
        cls = cls + self.feed_forward(self.feed_forward_norm(cls))
        return jnp.concatenate([cls, tokens], axis=1)

    def spread(self, tokens: jax.Array) -> jax.Array:
        """The share of each head's attention that each token gets, (batch, heads, n) float32; what is missing to 1 is
        the class token's own."""
        _, normal = self._asked(tokens)
        return self.attention.weights(normal[:, :1], normal)[:, :, 0, 1:]

    def _asked(self, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The class token at first, and all tokens as attention is given them."""
        cls = jnp.mean(tokens, axis=1, keepdims=True)
        return cls, self.attention_norm(jnp.concatenate([cls, tokens], axis=1))


def stage_grids(image_size: int | Sequence[int]) -> list[tuple[int, int]]:
    """(height, width) of the four stages' maps: each stride-2 convolution halves a side and rounds up."""
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size

    def shrunk(side: int, times: int) -> int:
        return -(-side // 2**times)

    return [(shrunk(height, times), shrunk(width, times)) for times in (2, 3, 4, 5)]


def _check(
    lengths: Mapping[str, Sequence[Any]],
    scatter_stages: int,
    drop_path: float,
    token_label: bool,
    mixed: tuple[int, int] | None,
) -> None:
    """Raises `ConfigError` for sizes that do not fit together; `mixed` is the grid on which tokens are exchanged."""
    for key, values in lengths.items():
        if len(values) != 4:
            raise ConfigError(f"model.{key} has {len(values)} entries; SVT has four stages.")
    if not 0 <= scatter_stages <= 4:
        raise ConfigError(f"model.scatter_stages={scatter_stages} must be from 0 to 4.")
    if not 0 <= drop_path < 1:
        raise ConfigError(f"model.drop_path={drop_path} must be at least 0 and below 1.")
    if mixed is not None and not token_label:
        raise ConfigError("model.mix_token=true is for the head over tokens: set model.token_label=true too.")
    if mixed is not None:
        token_box.check(mixed)


def _convolution(
    inputs: int, outputs: int, side: int, stride: int, *, bias: bool, dtype: str, rngs: nnx.Rngs
) -> nnx.Conv:
    """A convolution with PyTorch's symmetric padding of side // 2."""
    return nnx.Conv(
        inputs,
        outputs,
        (side, side),
        strides=stride,
        padding=[(side // 2, side // 2)] * 2,
        use_bias=bias,
        dtype=dtype,
        kernel_init=initializers.convolution,
        rngs=rngs,
    )
