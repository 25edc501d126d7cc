"""Which critical set a run ended in."""

from __future__ import annotations

import numpy as np

from dynamics.engine.batch import Result
from dynamics.engine.outcome import Criteria, Outcome
from landscapes import Landscape

#: The index that stands for none of them.
NONE = -1
# So many points and their distances to a set stay in the second-level cache.
_POINTS_AT_ONCE = 8192
# NumPy adds up shorter rows than this one entry after the other, whatever their layout.
_SHORT = 8


def attractors(landscape: Landscape, result: Result, criteria: Criteria) -> np.ndarray:
    """Index of the critical set that each run ended in, −1 for none; int16, shape `(n,)`."""
    found = np.full(len(result.outcome), NONE, dtype=np.int16)
    decided = (result.outcome == Outcome.CONVERGED) | (result.outcome == Outcome.CYCLE)
    for begin in range(0, len(decided), _POINTS_AT_ONCE):
        part = slice(begin, begin + _POINTS_AT_ONCE)
        # A part of which every run has ended need not be picked apart.
        which = part if decided[part].all() else begin + np.flatnonzero(decided[part])
        points = np.asarray(result.final)[which]
        if len(points) == 0:
            continue
        # Laid out by coordinate, a norm of few coordinates is a sum of long columns: the same
        # numbers, several times as fast as sums of many short rows.
        points = np.asfortranarray(points) if landscape.dim < _SHORT else points
        found[which] = _nearest(landscape, points, result.amplitude[which], criteria)
    return found


def _nearest(
    landscape: Landscape, points: np.ndarray, amplitude: np.ndarray, criteria: Criteria
) -> np.ndarray:
    closest = np.full(len(points), np.inf)
    index = np.full(len(points), NONE, dtype=np.int16)
    for i, one in enumerate(landscape.facts.critical_sets):
        distance = np.asarray(one.distance(points))
        # Whoever is within the tolerance of several sets is in the most special, listed last.
        distance = np.where(distance <= criteria.attractor_tolerance, 0.0, distance)
        index[distance <= closest] = i
        np.minimum(distance, closest, out=closest)
    # A cycle around a critical set passes it at a distance of at most the cycle's diameter.
    reach = 2 * amplitude + criteria.attractor_tolerance
    return np.where(closest <= reach, index, np.int16(NONE))
