"""Least squares with a ridge penalty, and data sets that differ in one example."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscapes.checks import Real, real_array, whole_number
from landscapes.collection.quadratic import inner_product
from landscapes.collection.quadratic_mean import QuadraticMean
from landscapes.finite_sum import datum
from landscapes.landscape import Components, SymbolicLoss

# Written out in symbols the loss has a term for each number of the data.
_MOST_SYMBOLIC_NUMBERS = 40


class RidgeRegression(QuadraticMean):
    """L(w) = (1/n) Σᵢ ½(xᵢ·w − yᵢ)² + ½·ridge·|w|².

    The xᵢ are `inputs`, shape `(n, dim)`, the yᵢ `targets`, `(n,)`. Each example carries the
    whole penalty, so that its loss is as strongly convex as the ridge, and smooth with that plus
    |xᵢ|². What makes it interesting: how far a method ends on `neighbour`, a data set with one
    other example, from where it ends on this one is what algorithmic stability asks, and here
    the minima of both are known.

    Raises `ValueError` for shapes that do not fit, a ridge that is not positive, or numbers that
    are not finite.
    """

    formula = r"\tfrac1n\sum_i \tfrac12(x_i^\top w - y_i)^2 + \tfrac\mu2\|w\|^2"
    source = "the standard example of algorithmic stability; `drawn` is ours"
    array_fields = ("inputs", "targets", "ridge", *QuadraticMean.mean_fields)
    static_fields = ("dim",)
    inputs: Real  #: the xᵢ, shape (n, dim)
    targets: Real  #: the yᵢ, shape (n,)
    ridge: Real  #: μ, shape ()

    def __init__(self, inputs: Any, targets: Any, ridge: float) -> None:
        x = real_array("inputs", inputs, ndim=2, accepted="the examples, shape (n, dim)")
        accepted = f"a number for each of the {len(x)} inputs"
        y = real_array("targets", targets, ndim=1, accepted=accepted)
        if len(y) != len(x):
            raise ValueError(f"targets must be {accepted}; got {len(y)} of them")
        penalty = real_array("ridge", ridge, ndim=0, accepted="a positive number")
        if penalty <= 0:
            raise ValueError(f"ridge must be a positive number; got {penalty}")
        # Not by BLAS, whose rounding depends on how many threads it uses.
        gram = np.einsum("ni,nj->ij", x, x) / len(x)
        slope = -np.einsum("ni,n->i", x, y) / len(x)
        self._set_mean(gram + penalty * np.eye(x.shape[1]), slope, float(np.mean(y**2)) / 2)
        self._set(inputs=x, targets=y, ridge=penalty)

    @classmethod
    def drawn(
        cls, n_examples: int, dim: int = 5, *, ridge: float, noise: float = 1.0, seed: int = 0
    ) -> RidgeRegression:
        """A data set drawn from `seed`, with |xᵢ| ≤ 1 and |yᵢ| ≤ 1.

        The xᵢ are Gaussian, those longer than 1 shortened to 1; yᵢ is xᵢ·w₀ with Gaussian noise of
        that size, clipped, w₀ being Gaussian and about as long as 1. Fewer examples of the same
        seed are not the first of more.
        """
        return cls.drawn_pair(n_examples, dim, ridge=ridge, noise=noise, seed=seed)[0]

    @classmethod
    def drawn_pair(
        cls, n_examples: int, dim: int = 5, *, ridge: float, noise: float = 1.0, seed: int = 0
    ) -> tuple[RidgeRegression, RidgeRegression]:
        """The data set that `drawn` gives, and one whose last example is another such draw."""
        count = whole_number("n_examples", n_examples, minimum=1)
        width = whole_number("dim", dim, minimum=1)
        spread = real_array("noise", noise, ndim=0, accepted="a number >= 0")
        if spread < 0:
            raise ValueError(f"noise must be a number >= 0; got {spread}")
        random = np.random.default_rng(whole_number("seed", seed, minimum=0))
        x = random.standard_normal((count + 1, width))
        x /= np.maximum(1, np.sqrt((x * x).sum(axis=1, keepdims=True)))
        truth = random.standard_normal(width) / np.sqrt(width)
        y = (x * truth).sum(axis=1) + spread * random.standard_normal(count + 1)
        y = np.clip(y, -1, 1)
        first = cls(x[:-1], y[:-1], ridge)
        return first, first.neighbour(count - 1, x[-1], y[-1])

    def neighbour(self, example: int, input: Any, target: float) -> RidgeRegression:
        """The data set that has another input, shape `(dim,)`, and target in place of one example.

        Its structure is the same, so that it shares the programs that are compiled for this one.
        Raises `ValueError` for an example outside 0 … n − 1 or an input of another shape.
        """
        index = whole_number("example", example, minimum=0, maximum=self.n_examples - 1)
        accepted = f"the new input, shape ({self.dim},)"
        x = real_array("input", input, ndim=1, accepted=accepted)
        if len(x) != self.dim:
            raise ValueError(f"input must be {accepted}; got an array of shape {x.shape}")
        y = real_array("target", target, ndim=0, accepted="a number")
        inputs, targets = self.inputs.copy(), self.targets.copy()
        inputs[index], targets[index] = x, y
        return RidgeRegression(inputs, targets, float(self.ridge))

    @property
    def n_examples(self) -> int:
        return len(self.targets)

    def example_loss(self, components: Components, example: Any) -> Any:
        residual = inner_product(self._input(example), components) - datum(self.targets, example)
        return (residual * residual + self.ridge * inner_product(components, components)) / 2

    def example_gradient_of(self, components: Components, example: Any) -> Components:
        x = self._input(example)
        residual = inner_product(x, components) - datum(self.targets, example)
        return tuple(residual * xk + self.ridge * w for xk, w in zip(x, components, strict=True))

    def _input(self, example: Any) -> Components:
        return self.split(datum(self.inputs, example))

    def reference_example_gradient(self, w: Real, example: int) -> Real:
        x, y = self.inputs[example], self.targets[example]
        return (np.sum(x * w) - y) * x + self.ridge * w

    def symbolic(self) -> SymbolicLoss:
        import sympy

        numbers = self.inputs.size + self.targets.size
        if numbers > _MOST_SYMBOLIC_NUMBERS:
            raise ValueError(
                f"{self.n_examples} examples in {self.dim} coordinates are {numbers} numbers, too "
                f"many to write out in symbols (at most {_MOST_SYMBOLIC_NUMBERS})"
            )
        w = sympy.symbols(f"w1:{self.dim + 1}", real=True)
        x = sympy.symbols(f"x1:{self.inputs.size + 1}", real=True)
        y = sympy.symbols(f"y1:{self.n_examples + 1}", real=True)
        ridge = sympy.Symbol("mu", positive=True)
        rows = np.array(x, dtype=object).reshape(self.inputs.shape)
        squares = sum(((row @ np.array(w) - yi) ** 2 for row, yi in zip(rows, y, strict=True)), 0)
        penalty = ridge * sum((wi**2 for wi in w), sympy.S.Zero)
        values = dict(zip(x, self.inputs.ravel(), strict=True))
        values |= dict(zip(y, self.targets, strict=True)) | {ridge: self.ridge}
        return SymbolicLoss(w, (squares / self.n_examples + penalty) / 2, values)

    def arguments(self) -> dict:
        return {"inputs": self.inputs, "targets": self.targets, "ridge": self.ridge}

    @classmethod
    def examples(cls) -> tuple[RidgeRegression, ...]:
        return (
            cls.drawn(6, 3, ridge=0.4, seed=1),
            cls.drawn(20, ridge=0.7, seed=2),
            cls(((0.6,), (-1.7,)), (0.3, 0.9), ridge=0.2),
        )
