"""The two-term Rivlin-Saunders (Mooney-Rivlin) solid, nearly incompressible, in plane strain, with its own pressure.

    W(F, p) = c1 (I1' - 3) + c2 (I2' - 3) + p (J - 1) - p^2 / (2 bulk)

I1' = J^(-2/3) I1 and I2' = J^(-4/3) I2 are the invariants of the isochoric part of the deformation gradient F. With
A = F : F in the plane and no stretch across it, I1 = A + 1 and I2 = A + J^2, so that everything is a function of A and
J. Arrays are (2, 2, elements, quadrature points). Source: Rivlin & Saunders (1951); mixed form as in Holzapfel,
"Nonlinear solid mechanics" (2000), section 8.3.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RivlinSaunders:
    """Moduli in kilopascal; twice the sum of the first two is the shear modulus at rest.

    The first two are those recalled of the elasticity benchmark, 1.863e5 and 9.79e3 Pa; the third is a thousand times
    the shear modulus.
    """

    first: float = 186.3
    second: float = 9.79
    bulk: float = 3.9e5

    def nominal_stress(self, gradient: np.ndarray, pressure: np.ndarray) -> np.ndarray:
        """First Piola-Kirchhoff stress dW / dF in the plane."""
        square, volume = _square(gradient), _determinant(gradient)
        by_square, by_volume = self._slopes(square, volume)
        return 2 * by_square * gradient + (by_volume + pressure) * cofactor(gradient)

    def tangent(self, gradient: np.ndarray, pressure: np.ndarray) -> np.ndarray:
        """d(nominal stress) / dF, (2, 2, 2, 2, elements, quadrature points): row and column of either."""
        square, volume = _square(gradient), _determinant(gradient)
        by_square, by_volume = self._slopes(square, volume)
        mixed, twice_volume = self._curvatures(square, volume)
        minor, identity = cofactor(gradient), np.eye(2)
        result = 2 * by_square * np.einsum("ik,ab->iakb", identity, identity)[..., None, None]
        across = np.einsum("ia...,kb...->iakb...", gradient, minor)
        result = result + 2 * mixed * (across + np.einsum("iakb...->kbia...", across))
        result += twice_volume * np.einsum("ia...,kb...->iakb...", minor, minor)
        swap = np.array([[0.0, 1.0], [-1.0, 0.0]])
        return result + (by_volume + pressure) * np.einsum("ik,ab->iakb", swap, swap)[..., None, None]

    def deviatoric_stress(self, gradient: np.ndarray) -> np.ndarray:
        """Deviator of Cauchy's stress in the plane; its component across is minus the trace."""
        square, volume = _square(gradient), _determinant(gradient)
        first, second = self.first * volume ** (-5 / 3), self.second * volume ** (-7 / 3)
        left = np.einsum("ia...,ja...->ij...", gradient, gradient)
        # s = 2/J dev(c1 J^(-2/3) b + c2 J^(-4/3) (I1 b - b b)); in the plane b b = A b - J^2 by Cayley and Hamilton
        identity = np.eye(2)[..., None, None]
        stress = 2 * (first + second) * left + 2 * second * volume**2 * identity
        trace = 2 * first * (square + 1) + 4 * second * (square + volume**2)
        return stress - trace / 3 * identity

    def _slopes(self, square: np.ndarray, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by A and by J of the isochoric energy."""
        by_square = self.first * volume ** (-2 / 3) + self.second * volume ** (-4 / 3)
        by_volume = -2 / 3 * self.first * volume ** (-5 / 3) * (square + 1) + self.second * (
            -4 / 3 * volume ** (-7 / 3) * (volume**2 + square) + 2 * volume ** (-1 / 3)
        )
        return by_square, by_volume

    def _curvatures(self, square: np.ndarray, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Second derivatives of the isochoric energy: by A and J, and twice by J (it is linear in A)."""
        mixed = -2 / 3 * self.first * volume ** (-5 / 3) - 4 / 3 * self.second * volume ** (-7 / 3)
        twice = 10 / 9 * self.first * volume ** (-8 / 3) * (square + 1) + self.second * (
            28 / 9 * volume ** (-10 / 3) * (volume**2 + square) - 10 / 3 * volume ** (-4 / 3)
        )
        return mixed, twice


def von_mises(deviator: np.ndarray) -> np.ndarray:
    """sqrt(3/2 s : s) of a deviator given by its part in the plane (2, 2, ...)."""
    in_plane, across = _square(deviator), deviator[0, 0] + deviator[1, 1]
    return np.sqrt(1.5 * (in_plane + across**2))


def cofactor(gradient: np.ndarray) -> np.ndarray:
    """The derivative of the determinant, (2, 2, ...)."""
    return np.stack([np.stack([gradient[1, 1], -gradient[1, 0]]), np.stack([-gradient[0, 1], gradient[0, 0]])])


def _determinant(gradient: np.ndarray) -> np.ndarray:
    return gradient[0, 0] * gradient[1, 1] - gradient[0, 1] * gradient[1, 0]


def _square(tensor: np.ndarray) -> np.ndarray:
    return np.sum(tensor**2, (0, 1))
