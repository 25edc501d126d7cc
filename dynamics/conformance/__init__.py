"""Optimisers of others, compared with the exact maps: which algorithm is it, or where not?"""

from __future__ import annotations

from typing import Any

import numpy as np

from dynamics.algorithms.algorithm import Algorithm
from dynamics.conformance.adapters import uses
from dynamics.conformance.diagnosis import DEPTHS, Examination, rank
from dynamics.conformance.report import EXPLANATIONS as EXPLANATIONS
from dynamics.conformance.report import Departure as Departure
from dynamics.conformance.report import Report as Report
from dynamics.conformance.report import Witness as Witness
from landscapes.checks import positive_number, shown, whole_number


def check_optimizer(
    optimizer: Any,
    *,
    eta: float | None = None,
    rho: float | None = None,
    gradients_per_step: int | None = None,
    expected: Algorithm | None = None,
) -> Report:
    """Says which algorithm an optimiser is, or where it departs from one.

    Args:
        optimizer: one of

            * a step function `(gradient, w, eta, rho) -> w⁺` on arrays of NumPy or JAX, shape
              `(3,)`, where `gradient` is a function of such an array; if it has an argument
              `whole_gradient` too, that is the gradient of all examples, and `gradient` that of
              those that the step draws;
            * a gradient transformation of optax, or a function `(eta, rho)` that makes one;
            * an optimiser class of torch, with first_step and second_step or with
              step(closure), or a function `(parameters, eta, rho)` that makes one.
        eta, rho: positive, the learning rate and the radius. A transformation that is made
            already must be told those that it was made with; otherwise None chooses.
        gradients_per_step: how many calls of a transformation make one step; None tries 1 and 2.
        expected: the algorithm that it is to be. None compares with all registered ones. If it
            draws examples, `gradient` is of those that the step draws; else examples are drawn
            for who asks for `whole_gradient` only, since nobody else could tell.

    The optimiser gets its parameters as two tensors, where it takes tensors, in float64. What
    is found holds of the points that are tried; to take the same steps there to rounding, and
    be another map, is not impossible.

    Raises `ValueError` for anything outside this, before the optimiser is run.
    """
    if expected is not None and not isinstance(expected, Algorithm):
        raise ValueError(
            f"expected must be an Algorithm such as SAM or None; got {shown(expected)}"
        )
    if gradients_per_step is not None:
        gradients_per_step = whole_number("gradients_per_step", gradients_per_step, minimum=1)
    ways, is_made_for_each = uses(optimizer, gradients_per_step)
    if not is_made_for_each and (eta is None or rho is None):
        raise ValueError(
            "eta and rho must be those that the transformation was made with; got "
            f"eta={eta}, rho={rho}"
        )
    learning_rate = positive_number("eta", 0.1 if eta is None else eta)
    radius = positive_number("rho", 0.2 if rho is None else rho)
    examinations: list[Examination] = []
    first_error: Exception | None = None
    for way in ways:
        try:
            examinations.append(Examination(way, learning_rate, radius, expected))
        except Exception as error:
            # Not every optimiser can be used in every way; what none allows is an error.
            first_error = first_error or error
    if not examinations:
        assert first_error is not None
        raise first_error
    # What is quick is tried of every way before what is thorough is of any.
    for depth in DEPTHS:
        reports = [r for e in examinations if (r := e.report(depth)) is not None]
        if reports:
            return min(reports, key=rank)
    return min((e.unrecognised() for e in examinations), key=rank)
