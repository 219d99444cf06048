"""Names and layouts of authors' checkpoints, and ours: a table that is read in both directions."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spectrax.core.errors import CheckpointError

Words = Mapping[str, Mapping[str, str]]
Translation = Callable[[str], str | None]


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the axes of an array move between their order and ours."""

    to_ours: Callable[[np.ndarray], np.ndarray]
    to_official: Callable[[np.ndarray], np.ndarray]


SAME = Layout(lambda x: x, lambda x: x)
# (out, in) and (in, out)
LINEAR = Layout(lambda x: x.transpose(1, 0), lambda x: x.transpose(1, 0))
# (out, in, *space) and (*space, in, out)
CONVOLUTION = Layout(
    lambda x: x.transpose(*range(2, x.ndim), 1, 0),
    lambda x: x.transpose(x.ndim - 1, x.ndim - 2, *range(x.ndim - 2)),
)
# (in, out, height, width) as PyTorch's transposed convolution has it, and (height, width, in, out) of one that is not
TRANSPOSED_CONVOLUTION = Layout(
    lambda x: x[:, :, ::-1, ::-1].transpose(2, 3, 0, 1), lambda x: x.transpose(2, 3, 0, 1)[:, :, ::-1, ::-1]
)

# Words of many tables: their word and ours.
AFFINE = {"weight": "scale", "bias": "bias"}
MOMENT = {"running_mean": "mean", "running_var": "variance"}


def pointwise(dimensions: int) -> Layout:
    """Of a convolution with one sample along each axis: (out, in, 1, ..., 1) and (in, out)."""
    ones = (1,) * dimensions
    return Layout(lambda x: x.reshape(x.shape[:2]).T, lambda x: x.T.reshape(*x.shape[::-1], *ones))


@dataclasses.dataclass(frozen=True)
class Rule:
    """An official key, our path, and how the array changes; both with words in braces, see `KeyTable`."""

    key: str
    path: str
    layout: Layout


def weight_and_bias(key: str, path: str, layout: Layout) -> list[Rule]:
    """The rules of a linear layer or a convolution."""
    return [Rule(f"{key}.weight", f"{path}/kernel", layout), Rule(f"{key}.bias", f"{path}/bias", SAME)]


_SHOWN = 20  # keys named in a message
COUNTER = ".num_batches_tracked"  # of each of PyTorch's BatchNorms; ours needs none


class KeyTable:
    """Rules, the first that fits being the one that counts.

    Args:
        system: name in messages.
        rules: from official keys to our paths.
        words: of each name in braces their words and ours; a name that is not here is a number, the same for both.
        foreign: end of the sentence about a weight that the released code does not have.
        unlearned: whether an official key holds a constant; counters of BatchNorm always do.
    """

    def __init__(
        self,
        system: str,
        rules: Sequence[Rule],
        words: Words,
        *,
        foreign: str,
        unlearned: Callable[[str], bool] = lambda key: False,
    ):
        self.system, self.foreign, self.unlearned = system, foreign, unlearned
        back = {name: {ours: theirs for theirs, ours in pairs.items()} for name, pairs in words.items()}
        self._to_ours = [(_translation(rule.key, rule.path, words), rule.layout) for rule in rules]
        self._to_official = [(_translation(rule.path, rule.key, back), rule.layout) for rule in rules]

    def path_and_layout(self, key: str) -> tuple[str, Layout] | None:
        """Our path of an official key and how its array becomes ours; None for keys that hold nothing learned.

        Raises:
            CheckpointError: for a key that is not of the system.
        """
        if self._is_unlearned(key):
            return None
        found = _first(self._to_ours, key)
        if found is None:
            raise self._foreign([key])
        return found

    def convert(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Our paths and arrays of an official state dict.

        Raises:
            CheckpointError: naming all keys that are not of the system, or an array that has not the axes of one.
        """
        foreign = [key for key in state if not self._is_unlearned(key) and _first(self._to_ours, key) is None]
        if foreign:
            raise self._foreign(foreign)
        converted = {}
        for key, array in state.items():
            rule = self.path_and_layout(key)
            if rule is None:
                continue
            path, layout = rule
            try:
                converted[path] = np.ascontiguousarray(layout.to_ours(np.asarray(array)))
            except (ValueError, IndexError) as error:
                shape = list(np.shape(array))
                raise CheckpointError(f"{key} has the shape {shape}, as none of {self.system} has.") from error
        return converted

    def _is_unlearned(self, key: str) -> bool:
        return key.endswith(COUNTER) or self.unlearned(key)

    def _foreign(self, keys: Sequence[str]) -> CheckpointError:
        named = keys[0]
        if len(keys) > 1:
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            named = f"None of {', '.join(keys[:_SHOWN])}{more}"
        return CheckpointError(
            f"{named} is {'not ' if len(keys) == 1 else ''}a key of {self.system} checkpoints. Check that the file "
            "is one, and save it without what is not of the network."
        )

    def official_name(self, path: str) -> str:
        """The official key of our path. Raises `CheckpointError` when the released code knows no such weight."""
        return self._key_and_layout(path)[0]

    def official_state(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The official state dict of our paths and arrays, with the counters of BatchNorm.

        Raises:
            CheckpointError: for a weight that the released code does not have.
        """
        state = {}
        for path, array in weights.items():
            key, layout = self._key_and_layout(path)
            state[key] = np.ascontiguousarray(layout.to_official(np.asarray(array)))
        means = [key for key in state if key.endswith(".running_mean")]
        return {**state, **{key.replace(".running_mean", COUNTER): np.zeros((), np.int64) for key in means}}

    def _key_and_layout(self, path: str) -> tuple[str, Layout]:
        found = _first(self._to_official, path)
        if found is None:
            raise CheckpointError(f"{path} is a weight that the released {self.system} does not have: {self.foreign}")
        return found


def _first(rules: Sequence[tuple[Translation, Layout]], text: str) -> tuple[str, Layout] | None:
    for translate, layout in rules:
        other = translate(text)
        if other is not None:
            return other, layout
    return None


def _translation(template: str, other: str, words: Words) -> Translation:
    return functools.partial(_translated, _pattern(template, words), other, words)


def _translated(pattern: re.Pattern[str], other: str, words: Words, text: str) -> str | None:
    """`text`, if it is of the pattern, in the form of `other`; words in braces are exchanged."""
    match = pattern.fullmatch(text)
    if match is None:
        return None
    return other.format(**{name: words.get(name, {}).get(word, word) for name, word in match.groupdict().items()})


def _pattern(template: str, words: Words) -> re.Pattern[str]:
    def matched(part: str) -> str:
        name = part.strip("{}")
        if part == name:
            return re.escape(part)
        known = "|".join(map(re.escape, words[name])) if name in words else r"\d+"
        return f"(?P<{name}>{known})"

    return re.compile("".join(matched(part) for part in re.split(r"(\{\w+\})", template)))
