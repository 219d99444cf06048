"""Small archives of exactly the published layouts of the seven benchmarks, both kinds of MATLAB files."""

import h5py
import numpy as np
from scipy.io import savemat

TRAIN, TEST = 3, 2


def values(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def write_matlab(path, version, **variables):
    """As MATLAB does: version 7.3 is HDF5 behind 512 bytes of text, its axes reversed."""
    if version == 5:
        savemat(path, variables)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            file.create_dataset(name, data=value.T, chunks=True, compression="gzip")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


def darcy(directory, version=5):
    """Returns coeff and sol of both files."""
    found = {}
    for number in (1, 2):
        arrays = {name: values(10 * number + i, 4, 21, 21) for i, name in enumerate(("coeff", "sol"))}
        write_matlab(directory / f"piececonst_r421_N1024_smooth{number}.mat", version, **arrays, Kcoeff=arrays["sol"])
        found[number] = arrays
    return found


def navier_stokes(directory):
    u = values(1, 7, 8, 8, 6).astype(np.float32)
    write_matlab(directory / "NavierStokes_V1e-5_N1200_T20.mat", 73, u=u, a=values(2, 7, 8, 8), t=np.arange(6.0)[None])
    return u


def mesh(directory, folder, prefix, channels):
    """X, Y and Q of the airfoil or the pipe; two examples more than the split rule looks at."""
    (directory / folder).mkdir()
    arrays = {"X": values(1, 9, 7, 5), "Y": values(2, 9, 7, 5), "Q": values(3, 9, channels, 7, 5)}
    for name, array in arrays.items():
        np.save(directory / folder / f"{prefix}_{name}.npy", array)
    return arrays


def elasticity_points(directory):
    (directory / "Meshes").mkdir()
    arrays = {"XY": values(1, 11, 2, 9), "sigma": values(2, 11, 9), "rr": values(3, 42, 9)}
    for name, array in arrays.items():
        np.save(directory / "Meshes" / f"Random_UnitCell_{name}_10.npy", array)
    return arrays


def elasticity_grid(directory):
    """Beside each other, without their folder."""
    arrays = {"mask": (values(1, 6, 6, 9) > 0).astype(float), "sigma": values(2, 6, 6, 9)}
    for name, array in arrays.items():
        np.save(directory / f"Random_UnitCell_{name}_10_interp.npy", array)
    return arrays


def plasticity(directory):
    arrays = {"input": values(1, 8, 5), "output": values(2, 8, 5, 4, 3, 4)}
    write_matlab(directory / "plas_N987_T20.mat", 5, **arrays)
    return arrays


def small(**more):
    """Overrides that make a config fit these archives."""
    words = {"source.train": TRAIN, "source.test": TEST, **more}
    return [f"dataset.{key}={str(value).replace(' ', '')}" for key, value in words.items()]
