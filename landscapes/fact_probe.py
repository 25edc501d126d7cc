"""A look at the facts of a user's landscape before it is run."""

from __future__ import annotations

import warnings

import numpy as np

from landscapes.checks import Real, shown
from landscapes.fact_checks import EPS, FalseFact
from landscapes.fact_samples import numbers
from landscapes.facts import CriticalKind, CriticalSet, Unknown
from landscapes.landscape import Landscape

_MOST_PROBED = 8  # coordinates of a landscape that is probed before a sweep


def warn_of_false_facts(landscape: Landscape) -> None:
    """Warns of what is false at a few points, and raises what `facts` raises.

    Nothing is compiled for it: gradients by hand, and their differences. The landscapes of this
    project are tested, and a formula's facts are derived; neither is probed.
    """
    stated = landscape.facts
    if type(landscape).__module__.startswith("landscapes.") or landscape.dim > _MOST_PROBED:
        return
    for one in stated.critical_sets:
        for w in one.points[:3] if one.kind is not CriticalKind.NOT_SMOOTH else ():
            false = _false_at(landscape, one, w)
            if false:
                warnings.warn(
                    f"a stated fact of {shown(landscape)} is false: {false}; "
                    "check_landscape says more",
                    stacklevel=4,
                )
                return


def _false_at(landscape: Landscape, one: CriticalSet, w: Real) -> FalseFact | None:
    """What is false about a critical set at one of its points."""
    h = 1e-4
    steps = h * np.eye(landscape.dim)
    slope = landscape.reference_gradient(w)
    hessian = np.stack([landscape.reference_gradient(w + s) - landscape.reference_gradient(w - s)
                        for s in steps]) / (2 * h)  # fmt: skip
    found = np.linalg.eigvalsh((hessian + hessian.T) / 2)[::-1]
    size = 1 + np.abs(found).max()
    if not np.abs(slope).max() <= 100 * EPS * size:
        return FalseFact(one.name, f"the gradient is {numbers(slope)}", w)
    # Differences are off by h² of the fourth derivatives, and by ε/h.
    rough = 1e-3 * size
    k = next(k for k, point in enumerate(one.points) if (point == w).all())
    if not isinstance(one.spectra, Unknown) and not (np.abs(one.spectra[k] - found) < rough).all():
        return FalseFact(one.name, f"the curvatures are about {numbers(found)}", w)
    upside = one.kind is CriticalKind.MINIMUM and found[-1] < -rough
    if upside or (one.kind is CriticalKind.MAXIMUM and found[0] > rough):
        return FalseFact(one.name, f"called {one.kind.value}, curvatures {numbers(found)}", w)
    return None
