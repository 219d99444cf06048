"""Cases of the dual-tree transform compared with pytorch_wavelets, and their seeded inputs."""

import zlib

import numpy as np


def _case(size, levels=1, biort="near_sym_b", qshift="qshift_b", channels=2):
    return {"size": size, "levels": levels, "biort": biort, "qshift": qshift, "channels": channels}


CASES = {
    "svt_28": _case((28, 28)),
    "svt_16": _case((16, 16), channels=4),
    "odd_3": _case((37, 50), 3, channels=1),
    "odd_4": _case((37, 50), 4, "near_sym_a", "qshift_a", channels=1),
    "tiny": _case((7, 7)),
    "tiny_2": _case((4, 4), 2),
    "legall_06": _case((20, 24), 3, "legall", "qshift_06", channels=1),
    "antonini_c": _case((24, 20), 3, "antonini", "qshift_c", channels=1),
    "near_sym_a_d": _case((33, 26), 3, "near_sym_a", "qshift_d", channels=1),
    "near_sym_b_c": _case((32, 18), 4, "near_sym_b", "qshift_c", channels=1),
}


def image(case):
    """Unit-normal (1, height, width, channels)."""
    generator = np.random.default_rng(zlib.crc32(repr(sorted(case.items())).encode()))
    return generator.standard_normal((1, *case["size"], case["channels"])).astype(np.float32)


def weights(key, shape):
    """Unit-normal weights of an output."""
    return np.random.default_rng(zlib.crc32(f"weight {key}".encode())).standard_normal(shape).astype(np.float32)


def coefficients(shapes):
    """Unit-normal coefficients to invert, in the reference's layout."""
    return {
        key: np.random.default_rng(zlib.crc32(f"in {key}".encode())).standard_normal(shape).astype(np.float32)
        for key, shape in shapes.items()
    }
