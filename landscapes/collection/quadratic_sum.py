"""Means of quadratics that need not be convex, nor agree on where their minima are."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscapes.checks import Real, real_array
from landscapes.collection.quadratic import SYMMETRY_TOLERANCE, inner_product, product
from landscapes.collection.quadratic_mean import QuadraticMean
from landscapes.finite_sum import datum
from landscapes.landscape import Components, SymbolicLoss

# Of H for each example and of its slope, beyond this many numbers nobody reads the loss.
_MOST_SYMBOLIC_NUMBERS = 60


class QuadraticSum(QuadraticMean):
    """L(w) = (1/n) Σᵢ Lᵢ(w), Lᵢ(w) = ½wᵀHᵢw + cᵢ·w, the mean of the Hᵢ being positive definite.

    `curvatures` are the Hᵢ, shape `(n, dim, dim)`, or their diagonals, `(n, dim)`; `slopes` are
    the cᵢ, `(n, dim)`; in one dimension both may be given as `(n,)`. Constants are left out, for
    no method sees them. What makes it interesting: where the gradients of the examples differ at
    the minimum, SAM on one example at a time may settle off it by the order of ρ, however small the
    step. Three such sums are at hand:

    * `around((1, 1, -2))`: Lᵢ = ½(w − bᵢ)², and for ρ < 3 SAM settles around ρ/3 instead of 0;
    * `around((1, -0.1), curvatures=(1, 10))`: so it is for USAM, whose ascent is longer on the
      second example;
    * `opposed(strong_convexity, smoothness, slope)`: nothing bounds how far off, in units of ρ.

    Raises `ValueError` for shapes that do not fit, an Hᵢ that is not symmetric, or a mean of the
    Hᵢ that is not positive definite.
    """

    formula = r"\tfrac1n\sum_i \tfrac12 w^\top H_i w + c_i^\top w"
    source = (
        "ours; `opposed` attains the order β²ρ²/μ that is recalled of Si & Yun 2023, and is "
        "derived here"
    )
    array_fields = ("curvatures", "slopes", *QuadraticMean.mean_fields)
    static_fields = ("dim",)
    curvatures: Real  #: the Hᵢ, shape (n, dim, dim), or their diagonals, (n, dim)
    slopes: Real  #: the cᵢ, shape (n, dim)

    def __init__(self, curvatures: Any, slopes: Any) -> None:
        tilted = real_array(
            "slopes", slopes, ndim=(1, 2), accepted="the slope of each example, shape (n, dim)"
        )
        tilted = tilted.reshape(len(tilted), -1)
        count, dim = tilted.shape
        curved = _curvatures(curvatures, count, dim)
        self._set_mean(curved.mean(axis=0), tilted.mean(axis=0), 0.0)
        self._set(curvatures=curved, slopes=tilted)

    @classmethod
    def around(cls, centres: Any, curvatures: Any = None) -> QuadraticSum:
        """Lᵢ(w) = ½(w − bᵢ)ᵀHᵢ(w − bᵢ), but for a constant; the bᵢ are `centres`, (n, dim).

        Without `curvatures` each Hᵢ is the identity.
        """
        at = real_array(
            "centres", centres, ndim=(1, 2), accepted="the centre of each example, shape (n, dim)"
        )
        at = at.reshape(len(at), -1)
        given = np.ones(at.shape) if curvatures is None else curvatures
        curved = _curvatures(given, *at.shape)
        # Plus 0 makes 0 of −0.
        slopes = -(curved * at if curved.ndim == 2 else np.einsum("nij,nj->ni", curved, at)) + 0.0
        return cls(curved, slopes)

    @classmethod
    def opposed(cls, strong_convexity: float, smoothness: float, slope: float) -> QuadraticSum:
        """L₁(w) = Aw + ½(2μ − β)w² and L₂(w) = −Aw + ½βw², whose mean is ½μw².

        Where |w| < A/β the one always pushes w down and the other up, so that SAM on one example
        at a time sees on average the slope μw − (β − μ)ρ, and settles around (β/μ − 1)ρ: as far
        off as one likes for small μ, though the mean is convex, for its first half is not.

        Raises `ValueError` unless 0 < μ ≤ β and A > 0.
        """
        mu, beta, tilt = (
            float(real_array(name, value, ndim=0, accepted="a positive number"))
            for name, value in (
                ("strong_convexity", strong_convexity),
                ("smoothness", smoothness),
                ("slope", slope),
            )
        )
        if mu <= 0:
            raise ValueError(f"strong_convexity must be a positive number; got {mu}")
        if beta < mu:
            raise ValueError(f"smoothness must be at least strong_convexity = {mu}; got {beta}")
        if tilt <= 0:
            raise ValueError(f"slope must be a positive number; got {tilt}")
        return cls((2 * mu - beta, beta), (tilt, -tilt))

    @property
    def n_examples(self) -> int:
        return len(self.slopes)

    def example_loss(self, components: Components, example: Any) -> Any:
        curved = product(datum(self.curvatures, example), components)
        tilted = self.split(datum(self.slopes, example))
        return inner_product(curved, components) / 2 + inner_product(tilted, components)

    def example_gradient_of(self, components: Components, example: Any) -> Components:
        curved = product(datum(self.curvatures, example), components)
        tilted = self.split(datum(self.slopes, example))
        return tuple(h + c for h, c in zip(curved, tilted, strict=True))

    def reference_example_gradient(self, w: Real, example: int) -> Real:
        h, c = self.curvatures[example], self.slopes[example]
        return (h * w if h.ndim == 1 else h.T @ w) + c

    def symbolic(self) -> SymbolicLoss:
        import sympy

        numbers = self.curvatures.size + self.slopes.size
        if numbers > _MOST_SYMBOLIC_NUMBERS:
            raise ValueError(
                f"{self.n_examples} examples in {self.dim} coordinates are {numbers} numbers, too "
                f"many to write out in symbols (at most {_MOST_SYMBOLIC_NUMBERS})"
            )
        w = sympy.symbols(f"w1:{self.dim + 1}", real=True)
        h = sympy.symbols(f"h1:{self.curvatures.size + 1}", real=True)
        c = sympy.symbols(f"c1:{self.slopes.size + 1}", real=True)
        curved = np.array(h, dtype=object).reshape(self.curvatures.shape)
        tilted = np.array(c, dtype=object).reshape(self.slopes.shape)
        total: Any = sympy.S.Zero
        for hessian, slope in zip(curved, tilted, strict=True):
            whole = np.diag(hessian) if hessian.ndim == 1 else hessian
            total += np.array(w) @ whole @ np.array(w) / 2 + slope @ np.array(w)
        values = dict(zip(h, self.curvatures.ravel(), strict=True))
        return SymbolicLoss(
            w, total / self.n_examples, values | dict(zip(c, self.slopes.ravel(), strict=True))
        )

    def arguments(self) -> dict:
        if self.dim == 1:
            return {"curvatures": self.curvatures.ravel(), "slopes": self.slopes.ravel()}
        return {"curvatures": self.curvatures, "slopes": self.slopes}

    @classmethod
    def examples(cls) -> tuple[QuadraticSum, ...]:
        random = np.random.default_rng(9)
        matrices = random.standard_normal((3, 2, 2))
        many = random.uniform(0.2, 2.0, (40, 3))
        return (
            cls.around((1, 1, -2)),
            cls.around((1, -0.1), curvatures=(1, 10)),
            cls.opposed(strong_convexity=0.5, smoothness=2.0, slope=2.4),
            cls(((1.9, -0.4), (0.2, 1.7)), ((0.6, -0.3), (0.1, 0.5))),
            cls(matrices @ matrices.transpose(0, 2, 1), random.standard_normal((3, 2))),
            cls(many, random.standard_normal((40, 3))),
        )


def _curvatures(given: Any, count: int, dim: int) -> Real:
    """The Hᵢ, shape (count, dim, dim), or their diagonals, (count, dim)."""
    shapes = [(count, dim), (count, dim, dim)] + [(count,)] * (dim == 1)
    accepted = f"{' or '.join(map(str, shapes))} numbers, as there are {count} examples"
    curved = real_array("curvatures", given, ndim=(1, 2, 3), accepted=accepted)
    if curved.shape not in shapes:
        raise ValueError(f"curvatures must be {accepted}; got an array of shape {curved.shape}")
    if curved.ndim < 3:
        return curved.reshape(count, dim)
    gap = np.abs(curved - curved.transpose(0, 2, 1)).max()
    if gap > SYMMETRY_TOLERANCE * np.abs(curved).max():
        raise ValueError(
            f"curvatures must be symmetric; one differs from its transpose by {gap:.3g}"
        )
    return (curved + curved.transpose(0, 2, 1)) / 2
