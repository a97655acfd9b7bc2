"""The matrices of F(t x t, 3x3), Winograd's convolution of a tile of t x t outputs (Lavin and Gray, CVPR 2016).

In one dimension, t outputs of a 3-tap filter g over t + 2 inputs x take t + 2 multiplications, not 3t:

    out = A ((G g) * (B x))
    F(2), the first of 2:  (x0-x2) g0 + (x1+x2)(g0+g1+g2)/2 + (x2-x1)(g0-g1+g2)/2 = x0 g0 + x1 g1 + x2 g2

In two, `out = A (U * V) A'` with U = G g G' and V = B x B'. The matrices are those of Toom and Cook: polynomials are
multiplied by evaluating them at t + 1 points and at infinity. The points set the rounding error, whose bound is that of
a direct sum times `growth`. F(2) has 0, 1, -1: its transforms add and halve, and the factor is 7. For F(4) the usual
0, 1, -1, 2, -2 have 256, and 0, +-3/4, +-3/2 have 84; in practice, on sums of 2304 products, 9 and 2 times the error of
a direct sum (on choosing points: Barabasz et al., ACM TOMS 46(4), 2020).
"""

import functools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

#: The kernel's size in h and w.
KERNEL = 3
#: Tile size -> the points.
POINTS = {
    2: (Fraction(0), Fraction(1), Fraction(-1)),
    4: (Fraction(0), Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2)),
}


@dataclass(frozen=True, eq=False)
class Matrices:
    """Of one tile size t: `output` A [t, t + 2], `kernel` G [t + 2, 3], `input` B [t + 2, t + 2], in float64."""

    output: np.ndarray
    kernel: np.ndarray
    input: np.ndarray

    @property
    def growth(self) -> float:
        """How much larger than the sum of |g| |x| the numbers get on the way, in two dimensions and the worst case."""
        a, g, b = (np.abs(matrix) for matrix in (self.output, self.kernel, self.input))
        return float((a @ (g.sum(axis=1) * b.sum(axis=1))).max() / KERNEL) ** 2

    def transformed(self, weight: np.ndarray) -> np.ndarray:
        """[M, N, Kd, 3, 3] -> [(t + 2)^2, M, N, Kd], computed in float64, rounded once to float32."""
        both = np.einsum("ia,jb,mndab->ijmnd", self.kernel, self.kernel, weight.astype(np.float64), optimize=True)
        return both.reshape(-1, *weight.shape[:3]).astype(np.float32)


@functools.cache
def matrices(tile: int) -> Matrices:
    """The matrices for a tile of POINTS, exact in binary but for G's thirds."""
    points = POINTS[tile]
    output = [[point**power for point in points] + [Fraction(power == tile - 1)] for power in range(tile)]
    kernel, input_ = [], []
    for i, point in enumerate(points):
        others = points[:i] + points[i + 1 :]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        kernel.append([point**power / scale for power in range(KERNEL)])
        input_.append([*_with_roots(others), Fraction(0)])
    kernel.append([Fraction(power == KERNEL - 1) for power in range(KERNEL)])
    input_.append(_with_roots(points))
    return Matrices(*(np.array(rows, np.float64) for rows in (output, kernel, input_)))


def _with_roots(roots: tuple[Fraction, ...]) -> list[Fraction]:
    """The coefficients, lowest first, of the product of (x - root)."""
    polynomial = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *polynomial]
        polynomial = [high - root * low for high, low in zip(shifted, [*polynomial, Fraction(0)], strict=True)]
    return polynomial
