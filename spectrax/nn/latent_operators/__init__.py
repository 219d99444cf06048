"""Linear maps that move a latent state one step ahead, with their spectra constrained by how they are parameterised.

States are rows: the next one is `z K`, so that `K`'s eigenvalues are the Koopman eigenvalues and an eigenvector `v`
(a column) is an eigenfunction `z v` of the latent state. All kinds answer to the same names:

* `operator(z)`: (..., size) -> (..., size), one step.
* `operator.advance(z, steps)`: (..., size) -> (..., steps, size), the states after 1, 2, ..., `steps` steps.
* `operator.matrix()`: K, (size, size) float32.
* `operator.eigenvalues()`: (size,) complex.
* `operator.power(n)`, `operator.powers(steps)`: K^n, and (steps, size, size) of K^1, ..., K^steps.
"""

from spectrax.nn.latent_operators.kinds import KINDS, Kind, check_unused, make_operator

__all__ = ["KINDS", "Kind", "check_unused", "make_operator"]
