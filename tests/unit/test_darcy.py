"""Darcy's flow: against a manufactured solution, equations assembled in another way, and between the methods."""

import numpy as np
import pytest
import scipy.sparse.linalg
from scipy.interpolate import RectBivariateSpline, make_interp_spline

from spectrax.core.errors import ConfigError, DataMissing, UnreadableFile
from spectrax.solvers import darcy, random_fields

SIZE = 13


def drawn(size, count=2, seed=0):
    """Piecewise constant coefficients (count, size, size)."""
    noise = np.stack([random_fields.noise(seed, index, (size, size)) for index in range(count)])
    return darcy.coefficients(random_fields.neumann_field(noise))


def dense_solution(coefficient, forcing):
    """From the energy that the pressure minimises, an edge between vertices after the other: half the sum of
    a (difference of p / h)^2 over edges, less the sum of f p. A boundary vertex is held at zero."""
    size = len(coefficient)
    number = np.arange(size * size).reshape(size, size)
    hessian = np.zeros((size * size, size * size))
    for first, second in (
        *zip(number[:-1].ravel(), number[1:].ravel(), strict=True),
        *zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True),
    ):
        weight = (coefficient.flat[first] + coefficient.flat[second]) / 2 * (size - 1) ** 2
        hessian[first, first] += weight
        hessian[second, second] += weight
        hessian[first, second] -= weight
        hessian[second, first] -= weight
    free = number[1:-1, 1:-1].ravel()
    pressure = np.zeros(size * size)
    pressure[free] = np.linalg.solve(hessian[np.ix_(free, free)], forcing.ravel()[free])
    return pressure.reshape(size, size)


def sparse_solution(coefficient, forcing):
    """Of the same equations as a product of matrices: differences between neighbours, times what flows along an edge,
    and the differences' transpose."""
    size = len(coefficient)
    difference = scipy.sparse.diags([-np.ones(size - 1), np.ones(size - 1)], [0, 1], shape=(size - 1, size))
    mean, same = abs(difference) / 2, scipy.sparse.identity(size)
    edges = [
        (scipy.sparse.kron(difference, same), scipy.sparse.kron(mean, same)),
        (scipy.sparse.kron(same, difference), scipy.sparse.kron(same, mean)),
    ]
    matrix = sum(d.T @ scipy.sparse.diags(m @ coefficient.ravel()) @ d for d, m in edges) * (size - 1) ** 2
    free = np.pad(np.ones((size - 2, size - 2), bool), 1).ravel()
    pressure = np.zeros(size * size)
    pressure[free] = scipy.sparse.linalg.spsolve(matrix.tocsc()[free][:, free], forcing.ravel()[free])
    return pressure.reshape(size, size)


def by_splines(samples, at, to):
    """Tensor product of not-a-knot cubic splines, row after row and column after column, with B-splines."""
    rows = np.stack([make_interp_spline(at, row, k=3)(to) for row in samples])
    return np.stack([make_interp_spline(at, column, k=3)(to) for column in rows.T]).T


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_coefficients_are_upper_from_zero_up():
    field = np.array([[-1.0, 0.0], [1.0, -0.0]])
    assert darcy.coefficients(field).tolist() == [[3, 12], [12, 12]]
    assert darcy.coefficients(field, upper=2, lower=-1.5).tolist() == [[-1.5, 2], [2, 2]]
    assert darcy.coefficients(field.astype(np.float32)).dtype == np.float64


def test_at_vertices_it_is_the_dense_solution():
    coefficient = drawn(SIZE)
    forcing = np.random.default_rng(0).standard_normal(coefficient.shape)
    pressure = darcy.solve(coefficient, forcing)
    for number in range(len(coefficient)):
        assert relative(pressure[number], dense_solution(coefficient[number], forcing[number])) < 1e-12
    assert (pressure[:, 0] == 0).all() and (pressure[..., -1] == 0).all()


@pytest.mark.parametrize("discretisation", ["vertex_fd", "official"])
def test_at_the_size_of_data_sets_it_is_the_sparse_solution(discretisation):
    size = 64
    coefficient = drawn(size, count=1)[0]
    forcing = 1 + np.random.default_rng(0).random((size, size))
    if discretisation == "vertex_fd":
        expected = sparse_solution(coefficient, forcing)
    else:
        centres, vertices = (np.arange(size) + 0.5) / size, np.linspace(0, 1, size)
        carried = (by_splines(samples, centres, vertices) for samples in (coefficient, forcing))
        expected = by_splines(sparse_solution(*carried), vertices, centres)
    assert relative(darcy.solve(coefficient[None], forcing, discretisation=discretisation)[0], expected) < 1e-8


@pytest.mark.parametrize("kind", ["piecewise", "lognormal"])
def test_the_official_one_is_the_dense_solution_between_splines(kind):
    noise = random_fields.noise(4, 0, (SIZE, SIZE))
    field = random_fields.neumann_field(noise)
    coefficient = darcy.coefficients(field, lower=4) if kind == "piecewise" else np.exp(field)
    forcing = 1 + np.random.default_rng(1).random((SIZE, SIZE))
    centres, vertices = (np.arange(SIZE) + 0.5) / SIZE, np.linspace(0, 1, SIZE)
    inside = dense_solution(by_splines(coefficient, centres, vertices), by_splines(forcing, centres, vertices))
    expected = by_splines(inside, vertices, centres)
    assert relative(darcy.solve(coefficient[None], forcing, discretisation="official")[0], expected) < 1e-8
    inner = RectBivariateSpline(vertices, vertices, inside)(centres, centres)  # FITPACK's, another knot-for-knot one
    assert relative(expected, inner) < 1e-8


def test_the_official_one_solves_what_is_not_elliptic():
    """Splines overshoot: some vertex is negative, and the factorisation of positive matrices would be wrong."""
    coefficient = np.full((1, SIZE, SIZE), 3.0)
    coefficient[:, ::2] = 12
    coefficient[:, 1, 4:] = 120
    matrix, _ = darcy._splines(SIZE)
    vertices = matrix @ coefficient[0] @ matrix.T
    assert vertices.min() < 0
    pressure = darcy.solve(coefficient, discretisation="official")[0]
    centres, at = (np.arange(SIZE) + 0.5) / SIZE, np.linspace(0, 1, SIZE)
    assert relative(pressure, by_splines(dense_solution(vertices, np.ones((SIZE, SIZE))), at, centres)) < 1e-8


@pytest.mark.parametrize("discretisation", ["vertex_fd", "official"])
def test_a_manufactured_solution_is_met_to_second_order(discretisation):
    def error(size):
        along = np.linspace(0, 1, size) if discretisation == "vertex_fd" else (np.arange(size) + 0.5) / size
        x, y = np.meshgrid(along, along, indexing="ij")
        pressure = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
        coefficient = 2 + np.sin(3 * x + 1) * y
        gradient = 3 * np.cos(3 * x + 1) * y, np.sin(3 * x + 1)
        slopes = (
            np.pi * np.cos(np.pi * x) * np.sin(2 * np.pi * y),
            2 * np.pi * np.sin(np.pi * x) * np.cos(2 * np.pi * y),
        )
        forcing = 5 * np.pi**2 * coefficient * pressure - gradient[0] * slopes[0] - gradient[1] * slopes[1]
        found = darcy.solve(coefficient[None], forcing, discretisation=discretisation)[0]
        return np.linalg.norm(found - pressure) / size

    orders = np.log2([error(17) / error(33), error(33) / error(65)])
    assert (abs(orders - 2) < 0.2).all(), orders


def test_conjugate_gradients_find_the_same():
    for size in (SIZE, 31):
        coefficient = drawn(size, count=3)
        forcing = np.random.default_rng(0).standard_normal((size, size))
        expected = darcy.solve(coefficient, forcing)
        found = darcy.solve(coefficient, forcing, method="cg")
        assert found.dtype == np.float64
        for one, other in zip(found, expected, strict=True):
            assert relative(one, other) < 1e-8
    single = darcy.solve(coefficient, forcing, method="cg", dtype="float32", tolerance=1e-5)
    assert 1e-9 < relative(single, expected) < 1e-4  # it was float32, and it converged


def test_conjugate_gradients_do_not_depend_on_their_neighbours():
    """An easy sample beside a hard one stops where it does alone."""
    easy, hard = np.ones((1, SIZE, SIZE)), 1 + 99 * (drawn(SIZE, count=1) > 5)
    both = darcy.solve(np.concatenate([easy, hard]), method="cg")
    np.testing.assert_allclose(both[:1], darcy.solve(easy, method="cg"), rtol=1e-14)
    assert relative(both[1], darcy.solve(hard)[0]) < 1e-8


def test_no_forcing_no_pressure():
    for method in ("direct", "cg"):
        assert (darcy.solve(drawn(SIZE), 0.0, method=method) == 0).all()


def test_files_in_and_out(tmp_path):
    coefficient = drawn(SIZE)
    forcing = np.ones((SIZE, SIZE)) * 2
    np.savez(tmp_path / "given.npz", coefficient=coefficient, forcing=forcing)
    darcy.solve_file(tmp_path / "given.npz", tmp_path / "found", discretisation="official")
    with np.load(tmp_path / "found") as found:
        expected = darcy.solve(coefficient, forcing, discretisation="official")
        np.testing.assert_array_equal(found["pressure"], expected)
        np.testing.assert_array_equal(found["coefficient"], coefficient)
        assert found["discretisation"] == "official"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found", "given.npz"]


def test_files_that_are_not_what_was_asked_for(tmp_path):
    with pytest.raises(DataMissing, match="no file"):
        darcy.solve_file(tmp_path / "none.npz", tmp_path / "found.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "objects.npz", coefficient=np.array([{}], dtype=object))
    np.savez(tmp_path / "other.npz", a=np.ones((1, 5, 5)))
    np.savez(tmp_path / "complex.npz", coefficient=np.ones((1, 5, 5), np.complex64))
    np.save(tmp_path / "single.npy", np.ones((1, 5, 5)))
    for name in ("text.npz", "objects.npz", "other.npz", "complex.npz", "single.npy"):
        with pytest.raises(UnreadableFile):
            darcy.solve_file(tmp_path / name, tmp_path / "found.npz")
    assert not (tmp_path / "found.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coefficient": np.ones((5, 5))}, "shape"),
        ({"coefficient": np.ones((1, 5, 6))}, "shape"),
        ({"coefficient": np.full((1, 5, 5), np.nan)}, "finite"),
        ({"coefficient": np.ones((1, 5, 5)), "forcing": np.ones((6, 6))}, "forcing"),
        ({"coefficient": np.ones((1, 5, 5)), "discretisation": "spectral"}, "vertex_fd, official"),
        ({"coefficient": np.ones((1, 5, 5)), "method": "jacobi"}, "direct, cg"),
        ({"coefficient": np.ones((1, 5, 5)), "method": "cg", "discretisation": "official"}, "direct"),
        ({"coefficient": np.ones((1, 5, 5)), "method": "cg", "dtype": "float16"}, "float64, float32"),
        ({"coefficient": np.ones((1, 5, 5)), "dtype": "float16"}, "float64, float32"),
        ({"coefficient": np.ones((1, 5, 5)), "method": "cg", "tolerance": -3}, "tolerance is positive, not -3"),
        ({"coefficient": np.ones((1, 5, 5)), "method": "cg", "tolerance": float("nan")}, "tolerance is positive"),
        ({"coefficient": np.ones((1, 5, 5)), "tolerance": 1e-3}, "leave tolerance and dtype to method='cg'"),
        ({"coefficient": np.ones((1, 5, 5)), "dtype": "float32"}, "leave tolerance and dtype to method='cg'"),
        ({"coefficient": -np.ones((1, 5, 5)), "method": "cg"}, "positive coefficients"),
        ({"coefficient": np.zeros((1, 5, 5))}, "no one solution"),
        ({"coefficient": drawn(SIZE), "method": "cg", "dtype": "float32", "tolerance": 1e-14}, "larger tolerance"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        darcy.solve(**arguments)
