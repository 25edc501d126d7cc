"""The contract of a loss that is a mean over examples, so that a step can see some of them only."""

from __future__ import annotations

import abc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from landscapes.checks import Real, whole_number
from landscapes.landscape import Components, Landscape, Points


class FiniteSum(Landscape, abstract=True):
    """L(w) = (1/n) Σᵢ Lᵢ(w), the examples being i = 0 … n − 1.

    A subclass gives the loss of one example, whose data are `array_fields`; the loss and its
    gradient are the means, unless it has a faster way to them (the suite compares the two).
    Minibatches are drawn by `dynamics`, which asks for `n_examples` and `example_gradient_of`.
    """

    @property
    @abc.abstractmethod
    def n_examples(self) -> int:
        """n; part of the structure, hence to be read off the shapes of the data."""

    @abc.abstractmethod
    def example_loss(self, components: Components, example: Any) -> Any:
        """Lᵢ at one point given by its components. Pure JAX; i = `example` may be traced."""

    def example_gradient_of(self, components: Components, example: Any) -> Components:
        """∇Lᵢ at one point, laid out as the point is. Pure JAX; i = `example` may be traced.

        The caller keeps i within 0 … n − 1: inside compiled code nothing can be refused.
        """
        return jax.grad(self.example_loss)(components, example)

    @abc.abstractmethod
    def reference_example_gradient(
        self, w: Float[np.ndarray, "dim"], example: int
    ) -> Float[np.ndarray, "dim"]:
        """∇Lᵢ at one point, by hand, in plain NumPy."""

    def loss_of(self, components: Components) -> Any:
        every = jnp.arange(self.n_examples)
        return jax.vmap(self.example_loss, in_axes=(None, 0))(components, every).mean()

    def example_gradient(
        self, w: Float[Points, "*batch dim"], example: int
    ) -> Float[Points, "*batch dim"]:
        """∇Lᵢ(w), shape `(..., dim)`, for one i = `example`.

        Raises `ValueError` if that is not a whole number within 0 … n − 1.
        """
        index = whole_number("example", example, minimum=0, maximum=self.n_examples - 1)
        return self._at(w, "example_gradient", index)

    def _example_gradient_at(self, w: Any, example: Any) -> Any:
        return self.join(self.example_gradient_of(self.split(w), example))

    def reference_gradient(self, w: Real) -> Real:
        every = range(self.n_examples)
        return np.mean([self.reference_example_gradient(w, i) for i in every], axis=0)


def datum(data: Any, example: Any) -> Any:
    """The entry of one example, which may be traced, in data that NumPy or JAX holds."""
    return jnp.asarray(data)[example]
