"""Make fixtures/dual_tree.npz by running pytorch_wavelets (PyTorch) on seeded inputs.

usage: python tests/parity/generate_dual_tree.py     (needs torch, pytorch_wavelets 1.3.0 and setuptools < 81)
"""

from pathlib import Path

import numpy as np
import torch
from dual_tree_cases import CASES, coefficients, image, weights
from pytorch_wavelets import DTCWTForward, DTCWTInverse


def stored(name, case):
    levels, biort, qshift = case["levels"], case["biort"], case["qshift"]
    forward = DTCWTForward(J=levels, biort=biort, qshift=qshift)
    inverse = DTCWTInverse(biort=biort, qshift=qshift)
    x = torch.from_numpy(image(case).transpose(0, 3, 1, 2)).requires_grad_()
    low, bands = forward(x)
    arrays = {"low": low, **{f"band{j}": band for j, band in enumerate(bands)}}
    shapes = {key: tuple(value.shape) for key, value in arrays.items()}
    # The adjoint: the gradient of a fixed random weighting of all outputs.
    total = sum((value * torch.from_numpy(weights(key, shapes[key]))).sum() for key, value in arrays.items())
    total.backward()
    given = coefficients(shapes)
    low_in = torch.from_numpy(given["low"])
    bands_in = [torch.from_numpy(given[f"band{j}"]) for j in range(levels)]
    arrays |= {"adjoint": x.grad, "inverse": inverse((low_in, bands_in))}
    return {f"{name}/{key}": value.detach().numpy() for key, value in arrays.items()}


def main():
    arrays = {}
    for name, case in CASES.items():
        arrays |= stored(name, case)
    np.savez_compressed(Path(__file__).parent / "fixtures" / "dual_tree.npz", **arrays)
    print(len(arrays), "arrays")


if __name__ == "__main__":
    main()
