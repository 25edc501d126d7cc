"""What finite sums of quadratics have in common: their mean is one quadratic."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from landscapes.checks import Real, shown
from landscapes.collection.quadratic import Quadratic
from landscapes.facts import Facts, quadratic_facts
from landscapes.finite_sum import FiniteSum
from landscapes.landscape import Components


class QuadraticMean(FiniteSum, abstract=True):
    """A finite sum whose mean is L(w) = L* + ½(w − w*)ᵀH(w − w*), H positive definite.

    H, w* and L* are kept beside the data, so that a full gradient costs no more for many examples
    than for few, and is 0 at w* to the last bit.
    """

    mean_fields = ("mean", "minimiser", "minimum")  #: to be added to a subclass's `array_fields`
    mean: Quadratic  #: ½vᵀHv
    minimiser: Real  #: w*, shape (dim,)
    minimum: Real  #: L*, shape ()

    def _set_mean(self, hessian: Real, slope: Real, constant: float) -> None:
        """Takes H, whole or its diagonal, and the slope and the value of L at 0.

        Raises `ValueError` if H is not positive definite.
        """
        is_whole = hessian.ndim == 2
        spectrum = np.linalg.eigvalsh(hessian) if is_whole else np.sort(hessian)
        if spectrum[0] <= 0:
            raise ValueError(
                "the mean of the curvatures must be positive definite, for else there is no one "
                f"minimum; its eigenvalues are {shown(spectrum.tolist())}"
            )
        # Plus 0 makes 0 of −0.
        minimiser = -(np.linalg.solve(hessian, slope) if is_whole else slope / hessian) + 0.0
        self._set(
            dim=len(slope),
            mean=Quadratic(hessian=hessian) if is_whole else Quadratic(hessian),
            minimiser=minimiser,
            minimum=np.array(constant + np.sum(slope * minimiser) / 2),
        )

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        return self.mean.component_shapes

    def _from_minimiser(self, components: Components) -> Components:
        parts = self.split(self.minimiser)
        return tuple(w - at for w, at in zip(components, parts, strict=True))

    def loss_of(self, components: Components) -> Any:
        return self.minimum + self.mean.loss_of(self._from_minimiser(components))

    def gradient_of(self, components: Components) -> Components:
        return self.mean.gradient_of(self._from_minimiser(components))

    @cached_property
    def facts(self) -> Facts:
        return quadratic_facts(self.mean.spectrum, self.minimiser, float(self.minimum))
