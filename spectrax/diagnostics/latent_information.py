"""What linear latent dynamics with Gaussian noise keep of the past, and how a budget of variance is best spent on it.

Source: X. Cheng et al., "Information shapes Koopman representation", ICLR 2026, arXiv 2510.13025, propositions 4 and 5.
All in float64 on the host, with states as rows: `z' = z K + noise`.
"""

import numpy as np

_JITTER = 1e-8  # of the mean variance


def gaussian_information(operator: np.ndarray, noise: np.ndarray, covariance: np.ndarray, steps: int) -> float:
    """Mutual information in nats between a state and that `steps` later (equation 7).

    Args:
        operator: K, (size, size).
        noise: covariance of each step's noise, (size, size).
        covariance: of the earlier state, (size, size).
        steps: from 1.
    """
    operator, noise, covariance = (np.asarray(array, np.float64) for array in (operator, noise, covariance))
    power, accumulated = np.eye(len(operator)), np.zeros_like(noise)
    for _ in range(steps):
        accumulated += power.T @ noise @ power
        power = power @ operator
    accumulated += _JITTER * np.trace(accumulated) / len(operator) * np.eye(len(operator))
    signal = power.T @ covariance @ power
    return float(np.linalg.slogdet(signal + accumulated)[1] - np.linalg.slogdet(accumulated)[1]) / 2


def water_filling(gains: np.ndarray, budget: float, entropy_weight: float = 0.0) -> np.ndarray:
    """The variances p >= 0 of sum `budget` that maximise `sum log(1 + g p) / 2 + entropy_weight S(p / budget)`.

    Without the entropy modes of little gain get nothing (proposition 4); with any of it, all get some (proposition 5).

    Args:
        gains: g > 0, (modes,): squared singular values of the noise-whitened operator.
        budget: above 0.
        entropy_weight: from 0.
    """
    gains = np.asarray(gains, np.float64)
    # At the optimum the derivatives are equal where p > 0. They fall with p, so p falls as their value rises.
    low, high = -1e3 * (1 + entropy_weight / budget), gains.max() / 2 + 1e3 * (1 + entropy_weight) / budget
    if entropy_weight == 0:
        low = 1e-300
    for _ in range(200):
        level = (low + high) / 2
        spent = _variances(gains, level, budget, entropy_weight).sum()
        low, high = (level, high) if spent > budget else (low, level)
    found = _variances(gains, (low + high) / 2, budget, entropy_weight)
    return found * (budget / found.sum())


def _variances(gains: np.ndarray, level: float, budget: float, entropy_weight: float) -> np.ndarray:
    """Where each derivative is `level`, within (0, budget]."""
    if entropy_weight == 0:
        return np.maximum(0.0, 1 / (2 * level) - 1 / gains)
    low, high = np.full(gains.shape, -700.0), np.zeros(gains.shape)  # of log(p / budget)
    for _ in range(100):
        logarithm = (low + high) / 2
        variance = budget * np.exp(logarithm)
        slope = gains / (2 * (1 + gains * variance)) - entropy_weight / budget * (logarithm + 1)
        low, high = np.where(slope > level, logarithm, low), np.where(slope > level, high, logarithm)
    return budget * np.exp((low + high) / 2)
