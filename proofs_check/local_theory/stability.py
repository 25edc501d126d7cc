"""Which critical points of a landscape attract an algorithm, up to which η, and what happens else.

    stability(landscape, algorithm)

For every critical point: by what each mode of the Hessian is multiplied in one step, the η from
which on the point no longer attracts, as a function of ρ, and where steps jump over the point, the
2-cycle that takes its place. What attracts does so locally: the runs that begin near enough. All of
it is derived by running the simulator's own rules on symbols (local_maps.py, two_cycles.py,
attraction.py); what is not derived is `Unknown`, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics import Algorithm
from dynamics.algorithms.algorithm import an_algorithm
from landscapes import Landscape, Unknown, a_landscape
from landscapes.checks import shown
from landscapes.fact_probe import warn_of_false_facts
from proofs_check import asked
from proofs_check.local_theory import stability_page
from proofs_check.local_theory.attraction import attraction
from proofs_check.local_theory.critical_spectra import (
    CriticalSpectrum,
    is_quadratic,
    spectra_of,
)
from proofs_check.local_theory.filters import CurvatureFilter, curvature_filter
from proofs_check.local_theory.finite_radius import edge_at_radius
from proofs_check.local_theory.local_maps import (
    LEADING_ORDER,
    Nature,
    local_map,
    remembers,
)
from proofs_check.local_theory.point_stability import Attractor, PointStability

if TYPE_CHECKING:
    import xarray

MOST_COORDINATES = 32
#: Of more critical points those nearest to the origin are looked at: each takes some 10 ms.
MOST_POINTS = 64


@dataclass(frozen=True)
class Stability:
    """What `stability` returns; printed, it reads as a page.

    Attributes:
        landscape, algorithm: what was asked about.
        points: the critical points, in the order of the landscape's facts; then some members of
            each curve of them that the facts know.
        complete: whether the landscape's list of them is.
        left_out: how many of that list, those farthest from the origin, were not looked at.
        filter: the curvatures at which the algorithm can come to rest, or why there is no such set.
    """

    landscape: Landscape
    algorithm: Algorithm
    points: tuple[PointStability, ...]
    complete: bool
    left_out: int
    filter: CurvatureFilter | Unknown

    def __getitem__(self, name: str) -> PointStability:
        """The critical point of this name."""
        for point in self.points:
            if point.name == name:
                return point
        names = ", ".join(p.name for p in self.points)
        raise KeyError(f"no critical point is called {shown(name)}; there are {names}")

    def edges(self, rho: Any) -> xarray.DataArray:
        """η* of each critical point at each ρ, with dimensions `point` and `rho`.

        Sets whose spectrum varies along them are left out: their edge depends on the place.
        """
        import xarray  # it takes longer to import than SymPy

        radii = np.atleast_1d(asked.radii(rho))
        kept = [p for p in self.points if not p.critical.coordinates]
        values = (
            np.stack([p.threshold_at(radii) for p in kept]) if kept else np.zeros((0, len(radii)))
        )
        return xarray.DataArray(
            values,
            coords={"point": [p.name for p in kept], "rho": radii},
            dims=("point", "rho"),
            name="eta",
        )

    @property
    def _title(self) -> str:
        return f"{self.algorithm} on {self.landscape!r}"

    def __str__(self) -> str:
        text = stability_page.as_text(self._title, self.filter, self.points)
        notes = []
        if self.left_out:
            notes.append(f"{self.left_out} more critical points, farther out, are left out.")
        if not self.complete:
            reason = self.landscape.facts.reason
            notes.append("There may be other critical points" + (f": {reason}." if reason else "."))
        return "\n\n".join([text, *notes])

    def latex(self) -> str:
        """A table in LaTeX."""
        return stability_page.as_latex(self.points)

    def _repr_html_(self) -> str:
        return stability_page.as_html(self._title, self.points)


def stability(landscape: Landscape, algorithm: Algorithm) -> Stability:
    """What every critical point of the landscape is to the algorithm.

    Of more than `MOST_POINTS` of them those nearest to the origin are looked at.

    Raises `ValueError` for anything that is no landscape or no algorithm, for more than 32
    coordinates, and for an algorithm that cannot run on this landscape.
    """
    a_landscape(landscape)
    an_algorithm("algorithm", algorithm)
    if landscape.dim > MOST_COORDINATES:
        raise ValueError(
            f"landscape must have at most {MOST_COORDINATES} coordinates; {shown(landscape)} has "
            f"{landscape.dim}"
        )
    algorithm.check(landscape)
    warn_of_false_facts(landscape)
    quadratic = is_quadratic(landscape)
    spectra: Sequence[CriticalSpectrum] = spectra_of(landscape)
    left_out = max(0, len(spectra) - MOST_POINTS)
    if left_out:
        spectra = sorted(spectra, key=_distance_to_the_origin)[:MOST_POINTS]
    points = tuple(
        _beyond_leading_order(attraction(critical, algorithm, quadratic), landscape, algorithm)
        for critical in spectra
    )
    return Stability(
        landscape, algorithm, points, landscape.facts.complete, left_out,
        curvature_filter(algorithm),
    )  # fmt: skip


def _distance_to_the_origin(critical: CriticalSpectrum) -> float:
    """Of sets that no numbers describe, 0."""
    return math.hypot(*(float(x) for x in critical.point if x.is_number))


def _beyond_leading_order(
    point: PointStability, landscape: Landscape, algorithm: Algorithm
) -> PointStability:
    """The same with the edge computed at each ρ, where the formula has its leading order only.

    That takes an isolated point and a step that is homogeneous near it and remembers nothing.
    """
    if (
        LEADING_ORDER not in point.remarks
        or point.attractor is not Attractor.POINT
        or point.critical.set_dimension
        or remembers(algorithm)
        or not algorithm.is_autonomous
        or local_map(algorithm).nature is not Nature.RADIAL
    ):
        return point
    where = tuple(float(x) for x in point.critical.point)
    said = "threshold_at and edges compute the edge at each ρ from the running step"
    return replace(
        point,
        remarks=(*point.remarks, said),
        from_steps=partial(edge_at_radius, landscape, algorithm, where),
    )
