"""A ReLU neuron that is to find a threshold between a signal and the noise around it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from landscapes.checks import Real, real_array, whole_number
from landscapes.facts import CriticalKind, CriticalSet, DoesNotExist, Facts, Unknown
from landscapes.finite_sum import FiniteSum, datum
from landscapes.landscape import Components, SymbolicLoss

# Written out in symbols the loss has two terms for each number of the data.
_MOST_SYMBOLIC_NUMBERS = 40
_NOT_WRITTEN = "the loss is not convex, and depends on the drawn data"


class ThresholdNeuron(FiniteSum):
    """L(a⁻, a⁺, b) = (1/n) Σₖ log(1 + exp(−yₖ f(xₖ))), f(x) = Σᵢ a⁻(b − xᵢ)₊ + a⁺(b + xᵢ)₊.

    The point w is (a⁻, a⁺, b). The data are drawn from `seed`: `n_examples` labels yₖ = ±1, and
    inputs xₖ of `n_inputs` Gaussian entries, to one of which, drawn as well, `signal`·yₖ is added.
    What makes it interesting: only with a threshold b well below 0 does the neuron see the signal
    and not the noise, and it depends on the step size, and on the method, whether b gets there.

    The kinks: (s)₊ has the derivative 0 at s = 0, a unit that is just off being off. The gradient
    so defined jumps where b crosses some ±xₖᵢ, the loss itself is continuous, and the Hessian is
    that of the smooth pieces. Where b lies below −max |xₖᵢ| every unit is off and nothing moves.

    Raises `ValueError` for sizes that are not positive integers or a signal that is not finite.
    """

    formula = (
        r"\tfrac1n\sum_k \log(1 + e^{-y_k f(x_k)}),\ f(x) = \sum_i a^-(b - x_i)_+ + a^+(b + x_i)_+"
    )
    source = "Ahn et al. 2023, figure 1 (its caption was read, the rest is recalled)"
    array_fields = ("inputs", "labels")
    static_fields = ("dim", "signal", "seed")
    signal: float
    seed: int
    inputs: Real  #: the xₖ, shape (n_examples, n_inputs)
    labels: Real  #: the yₖ, shape (n_examples,)

    def __init__(
        self, n_inputs: int, n_examples: int, signal: float = 3.0, *, seed: int = 0
    ) -> None:
        width = whole_number("n_inputs", n_inputs, minimum=1)
        count = whole_number("n_examples", n_examples, minimum=1)
        strength = float(real_array("signal", signal, ndim=0, accepted="a number"))
        random = np.random.default_rng(whole_number("seed", seed, minimum=0))
        labels = random.choice([-1.0, 1.0], count)
        carriers = random.integers(width, size=count)
        inputs = random.standard_normal((count, width))
        inputs[np.arange(count), carriers] += strength * labels
        self._set(dim=3, signal=strength, seed=int(seed), inputs=inputs, labels=labels)

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((), (), ())

    @property
    def n_examples(self) -> int:
        return len(self.labels)

    def loss_of(self, components: Components) -> Any:
        return _logistic(components, self.inputs, self.labels).mean()

    def example_loss(self, components: Components, example: Any) -> Any:
        return _logistic(components, datum(self.inputs, example), datum(self.labels, example))

    def symbolic(self) -> SymbolicLoss:
        import sympy

        from landscapes.expressions.functions import Relu, Softplus

        if self.inputs.size > _MOST_SYMBOLIC_NUMBERS:
            raise ValueError(
                f"{self!r} has {self.dim} coordinates but {self.inputs.size} numbers of data, too "
                f"many to write out in symbols (at most {_MOST_SYMBOLIC_NUMBERS})"
            )
        minus, plus, b = point = sympy.symbols("a_minus a_plus b", real=True)
        x = sympy.symbols(f"x1:{self.inputs.size + 1}", real=True)
        y = sympy.symbols(f"y1:{len(self.labels) + 1}", real=True)
        rows = np.array(x, dtype=object).reshape(self.inputs.shape)
        total: Any = sympy.S.Zero
        for row, label in zip(rows, y, strict=True):
            terms = [minus * cast(Any, Relu(b - xi)) + plus * cast(Any, Relu(b + xi)) for xi in row]
            total += cast(Any, Softplus(-label * sum(terms, sympy.S.Zero)))
        values = dict(zip(x, self.inputs.ravel(), strict=True))
        return SymbolicLoss(point, total / len(y), values | dict(zip(y, self.labels, strict=True)))

    @cached_property
    def facts(self) -> Facts:
        edge = float(np.abs(self.inputs).max())
        points = np.array([(0.7, -0.4, -edge), (0.2, 1.6, -edge - 0.5), (-1.3, 0.6, -edge - 3)])
        return Facts(
            critical_sets=(
                CriticalSet(
                    f"plateau b <= -{edge:.3g}, every unit off",
                    CriticalKind.DEGENERATE,
                    points,
                    np.zeros((3, 3)),
                    lambda w: ((w[..., 2] + edge) > 0) * (w[..., 2] + edge),
                ),
            ),
            minimum_loss=Unknown(_NOT_WRITTEN),
            smoothness=DoesNotExist("the gradient jumps where a unit is switched on"),
            strong_convexity=Unknown(_NOT_WRITTEN),
            polyak_lojasiewicz=DoesNotExist(
                "on the plateau the gradient is 0, and the loss log 2, above that of other points"
            ),
            complete=False,
        )

    def reference_example_gradient(self, w: Real, example: int) -> Real:
        minus, plus, b = w
        x, y = self.inputs[example], self.labels[example]
        off, on = b - x, b + x
        below, above = off[off > 0].sum(), on[on > 0].sum()
        # −y times the logistic function at −yf, written so that neither end overflows.
        weight = -y * (1 - np.tanh(y * (minus * below + plus * above) / 2)) / 2
        counts = minus * np.sum(off > 0) + plus * np.sum(on > 0)
        return weight * np.array([below, above, counts])

    def arguments(self) -> dict:
        return {
            "n_inputs": self.inputs.shape[1],
            "n_examples": len(self.labels),
            "signal": self.signal,
            "seed": self.seed,
        }

    @classmethod
    def examples(cls) -> tuple[ThresholdNeuron, ...]:
        return (
            cls(n_inputs=4, n_examples=5, signal=2.3, seed=3),
            cls(n_inputs=9, n_examples=14, signal=3.0, seed=5),
        )


def _logistic(components: Components, inputs: Any, labels: Any) -> Any:
    """log(1 + exp(−y f(x))) of the examples x, along the last axis of `inputs`."""
    from landscapes.expressions.functions import Relu, Softplus

    minus, plus, b = components
    below = Relu.numeric(jnp, b - inputs).sum(axis=-1)
    above = Relu.numeric(jnp, b + inputs).sum(axis=-1)
    return Softplus.numeric(jnp, -labels * (minus * below + plus * above))
