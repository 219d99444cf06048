"""What the generators recorded of the released codes: arrays of a case, and the keys and shapes of its model."""

import ast
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"


def recorded(name):
    """Named arrays of a fixture, such as "svt_paper_s_224"."""
    return dict(np.load(FIXTURES / f"{name}.npz", allow_pickle=False))


def official_shapes(arrays):
    """Shape of every key of the released model, in its order, counters of batch norms included."""
    return {key: ast.literal_eval(shape) for key, shape in (line.split("|") for line in arrays["shapes"].tolist())}
