"""The constant buffers of the release's wavelet modules, which its code asks for when it loads weights strictly."""

import re
from collections.abc import Iterable

import numpy as np

from spectrax.ops.dual_tree_filters import level_one_filters, qshift_filters

_BIORT, _QSHIFT = "near_sym_b", "qshift_b"
_GATE = re.compile(r"(.*\.attn)\.complex_weight_ll")


def is_filter(key: str) -> bool:
    """Whether an official key holds a constant filter."""
    return re.fullmatch(r".*\.(xfm|ifm)\.[gh][01][oab]", key) is not None


def buffers(keys: Iterable[str]) -> dict[str, np.ndarray]:
    """The filters of every wavelet mixer among the official keys: (1, 1, taps, 1) float32, stored reversed."""
    first, later = level_one_filters(_BIORT), qshift_filters(_QSHIFT)
    named = {f"{letter}{index}o": getattr(first, f"{letter}{index}") for letter in "hg" for index in "01"}
    named |= {name: getattr(later, name) for name in ("h0a", "h0b", "h1a", "h1b", "g0a", "g0b", "g1a", "g1b")}
    found = {}
    for mixer in filter(None, map(_GATE.fullmatch, keys)):
        for name, taps in named.items():
            module = "xfm" if name.startswith("h") else "ifm"
            found[f"{mixer[1]}.{module}.{name}"] = np.float32(taps[::-1]).reshape(1, 1, -1, 1)
    return found
