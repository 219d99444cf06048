"""Filters of the dual-tree complex wavelet transform, by family.

The taps are published numbers: N. Kingsbury, "Image processing with complex wavelets", Phil. Trans. R. Soc. A 357
(1999); "A dual-tree complex wavelet transform with improved orthogonality and symmetry properties", ICIP 2000;
"Complex wavelets for shift invariant analysis and filtering of signals", ACHA 10 (2001). LeGall 5/3 and Antonini 9/7
are textbook filters. Kingsbury's toolbox asks for a citation of these papers: give it when you publish results.
"""

import dataclasses
import difflib

import numpy as np

from spectrax.core.errors import ConfigError

# Symmetric filters, up to and including the centre tap: (h0o, g0o).
_BIORT = {
    "legall": ([-0.125, 0.25, 0.75], [0.25, 0.5]),
    "antonini": (
        [0.026748757410810106, -0.01686411844287467, -0.07822326652899052, 0.2668641184428729, 0.6029490182363593],
        [-0.04563588155712514, -0.02877176311424934, 0.295635881557128, 0.5575435262285023],
    ),
    "near_sym_a": (
        [-0.05, 0.25, 0.6],
        [-0.010714285714285713, -0.05357142857142857, 0.26071428571428573, 0.6071428571428571],
    ),
    "near_sym_b": (
        [-0.0017578125, 0, 0.022265625, -0.046875, -0.0482421875, 0.296875, 0.55546875],
        [
            7.062639508928571e-05, 0, -0.0013419015066964285, -0.0018833705357142855, 0.007156808035714285,
            0.023856026785714284, -0.05564313616071428, -0.05168805803571428, 0.29975760323660716, 0.5594308035714286,
        ],
    ),
}  # fmt: skip

# Whole filters h0a; every other q-shift filter follows from it.
_QSHIFT = {
    "qshift_06": [
        0.03516383657149474, 0, -0.08832942445107285, 0.23389032060723564, 0.7602723690661257, 0.5875182977235605,
        0, -0.11430183714424873, 0, 0,
    ],
    "qshift_a": [
        0.051130405283831656, -0.013975370246888838, -0.10983605166597087, 0.26383956105893763, 0.7666284677930372,
        0.5636557101270515, 0.0008736226952170968, -0.1002312195074762, -0.0016896812725281543, -0.006181881892116438,
    ],
    "qshift_b": [
        0.003253142763653182, -0.00388321199915849, 0.03466034684485349, -0.03887280126882779, -0.11720388769911527,
        0.27529538466888204, 0.7561456438925225, 0.5688104207121227, 0.011866092033797, -0.1067118046866654,
        0.023825384794920298, 0.01702522388155399, -0.005439475937274115, -0.004556895628475491,
    ],
    "qshift_c": [
        -0.0047616119384559135, -0.00044602278926228516, -7.144197327965012e-05, 0.034914612306842195,
        -0.03727389579989796, -0.11591145742744076, 0.2763686431330317, 0.7563937651990367, 0.567134484100133,
        0.01463740596447335, -0.11255888425752203, 0.02228926326692271, 0.018498682724156248, -0.0072026778782583465,
        -0.0002276522058977718, 0.002430349945148675,
    ],
    "qshift_d": [
        -0.002284127440270531, 0.0012098941630734423, -0.011834794515430786, 0.0012834569993443994,
        0.044365221606616996, -0.05327610880304726, -0.1133058863621428, 0.2809028632221865, 0.7528160380878561,
        0.5658080673964587, 0.024550152433666563, -0.12018854471079482, 0.018156493945546453, 0.03152637712208465,
        -0.006628794612430063, -0.0025761743066007948, 0.0012775586538069982, 0.002411869456666278,
    ],
}  # fmt: skip

BIORT_FAMILIES = tuple(_BIORT)
QSHIFT_FAMILIES = tuple(_QSHIFT)


@dataclasses.dataclass(frozen=True)
class LevelOneFilters:
    """Odd-length symmetric filters of level 1: analysis low `h0` and high `h1`, synthesis low `g0` and high `g1`."""

    h0: np.ndarray
    h1: np.ndarray
    g0: np.ndarray
    g1: np.ndarray


@dataclasses.dataclass(frozen=True)
class QShiftFilters:
    """Even-length filters of levels 2 and on, for trees a and b."""

    h0a: np.ndarray
    h0b: np.ndarray
    h1a: np.ndarray
    h1b: np.ndarray
    g0a: np.ndarray
    g0b: np.ndarray
    g1a: np.ndarray
    g1b: np.ndarray


def level_one_filters(family: str) -> LevelOneFilters:
    """The biorthogonal filters of `family`, float64. Raises `ConfigError` naming the nearest family."""
    half_h0, half_g0 = _lookup(family, _BIORT, "biort")
    h0, g0 = _mirrored(half_h0), _mirrored(half_g0)
    return LevelOneFilters(h0=h0, h1=-_alternating(g0), g0=g0, g1=_alternating(h0))


def qshift_filters(family: str) -> QShiftFilters:
    """The q-shift filters of `family`, float64. Raises `ConfigError` naming the nearest family."""
    h0a = np.asarray(_lookup(family, _QSHIFT, "qshift"))
    h0b = h0a[::-1]
    h1a = _alternating(h0b)
    h1b = h1a[::-1]
    return QShiftFilters(h0a=h0a, h0b=h0b, h1a=h1a, h1b=h1b, g0a=h0b, g0b=h0a, g1a=h1b, g1b=h1a)


def _lookup(family: str, table: dict, key: str) -> object:
    if family not in table:
        nearest = difflib.get_close_matches(family, table, 1, 0.0)[0]
        raise ConfigError(f"{key}={family!r} is not a filter family. Nearest: {nearest}; all: {', '.join(table)}.")
    return table[family]


def _mirrored(half: list[float]) -> np.ndarray:
    return np.asarray([*half, *half[-2::-1]])


def _alternating(taps: np.ndarray) -> np.ndarray:
    """`(-1)^k taps[k]`."""
    return taps * np.where(np.arange(len(taps)) % 2, -1.0, 1.0)
