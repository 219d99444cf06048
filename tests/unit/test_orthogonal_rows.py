"""QR factorisations of rows that come in pieces: their digits, whichever way each piece is taken in."""

import numpy as np
import pytest

from spectrax.estimators import orthogonal
from spectrax.estimators.orthogonal import Rows


def ill_conditioned(rows, size, condition, kind="f"):
    """Random rows (rows, size) with singular values evenly down to 1 / condition on a logarithmic scale."""
    generator = np.random.default_rng(0)

    def drawn(*shape):
        return generator.standard_normal(shape) + (1j * generator.standard_normal(shape) if kind == "c" else 0)

    left, right = np.linalg.qr(drawn(rows, size))[0], np.linalg.qr(drawn(size, size))[0]
    return left * np.geomspace(1, 1 / condition, size) @ right


def taken(rows, sides, piece):
    parts = [(rows[begin : begin + piece], sides[begin : begin + piece]) for begin in range(0, len(rows), piece)]
    kept = Rows.first(*parts[0])
    for part in parts[1:]:
        kept = kept.extended(*part)
    return kept


def reflections(monkeypatch):
    """How many pieces reflections take in, as a list that grows."""
    seen, reflected = [], orthogonal._reflected
    monkeypatch.setattr(orthogonal, "_reflected", lambda *given: seen.append(1) or reflected(*given))
    return seen


@pytest.mark.parametrize("kind", ["f", "c"])
@pytest.mark.parametrize("condition", [1e2, 1e6, 1e10])
def test_singular_values_and_solutions_keep_their_digits(condition, kind, monkeypatch):
    """Gram matrices would see nothing of singular values below 1e-8."""
    seen = reflections(monkeypatch)
    rows = ill_conditioned(900, 20, condition, kind)
    wanted = np.random.default_rng(1).standard_normal((20, 3))
    kept = taken(rows, rows @ wanted, 150)
    assert not seen  # a sample of the first piece tells the directions of all
    factor = kept.factor()
    values = np.linalg.svd(factor.root, compute_uv=False)
    np.testing.assert_allclose(values, np.geomspace(1, 1 / condition, 20), rtol=1e-14 * condition, atol=1e-15)
    reference = np.linalg.lstsq(rows, rows @ wanted)[0]
    found = np.linalg.solve(factor.root, factor.sides)
    allowed = 10 * abs(reference - wanted).max() + 1e-14 * condition  # reflections of all rows at once lose that much
    assert abs(found - wanted).max() < allowed
    np.testing.assert_allclose(factor.root.conj().T @ factor.root, rows.conj().T @ rows, rtol=0, atol=1e-14)


def test_rows_unlike_those_before_are_reflected(monkeypatch):
    """A direction that the first piece hardly has."""
    seen = reflections(monkeypatch)
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((400, 6))
    rows[:100, 3] *= 1e-9
    sides = generator.standard_normal((400, 2))
    factor = taken(rows, sides, 100).factor()
    assert len(seen) == 1  # and what comes afterwards is no news
    found = np.linalg.solve(factor.root, factor.sides)
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, sides)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("share, reflected", [(1e-4, 0), (1e-9, 1)])
def test_a_first_piece_that_is_not_like_its_sample(share, reflected, monkeypatch):
    """Every second row is sampled. What those hardly have is refined from the others, unless it is nearly nothing."""
    seen = reflections(monkeypatch)
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((30, 6))
    rows[::2, 3] *= share
    sides = generator.standard_normal((30, 2))
    factor = taken(rows, sides, 30).factor()
    assert len(seen) == reflected
    found = np.linalg.solve(factor.root, factor.sides)
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, sides)[0], rtol=0, atol=1e-14)


def test_a_sample_that_cannot_be_refined_is_left_to_reflections(monkeypatch):
    seen, cholesky = reflections(monkeypatch), np.linalg.cholesky

    def indefinite(matrix):
        monkeypatch.setattr(np.linalg, "cholesky", cholesky)
        raise np.linalg.LinAlgError("Matrix is not positive definite")

    monkeypatch.setattr(np.linalg, "cholesky", indefinite)
    generator = np.random.default_rng(0)
    rows, sides = generator.standard_normal((60, 6)), generator.standard_normal((60, 2))
    factor = taken(rows, sides, 60).factor()
    assert len(seen) == 1
    found = np.linalg.solve(factor.root, factor.sides)
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, sides)[0], rtol=0, atol=1e-14)


def test_many_rows_are_taken_in_without_end(monkeypatch):
    """Gram matrices that have grown beyond measure are begun anew."""
    seen = reflections(monkeypatch)
    generator = np.random.default_rng(0)
    rows, sides = generator.standard_normal((30_000, 2)), generator.standard_normal((30_000, 1))
    factor = taken(rows, sides, 4).factor()
    assert 2 <= len(seen) < 30
    found = np.linalg.solve(factor.root, factor.sides)
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, sides)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("piece", [3, 50, 200])
def test_dependent_columns_and_short_pieces(piece):
    rows = ill_conditioned(200, 5, 10)[:, [0, 1, 2, 3, 4, 2, 0]]
    sides = np.random.default_rng(2).standard_normal((200, 2))
    factor = taken(rows, sides, piece).factor()
    found = np.linalg.lstsq(factor.root, factor.sides, rcond=1e-12)[0]
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, sides, rcond=1e-12)[0], rtol=0, atol=1e-12)
