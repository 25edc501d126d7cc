"""Ascent and descent rules, each a function of one point.

An ascent rule maps the gradient g and the radius ρ to the ascent step; a descent rule maps g and
the gradient at the ascent point, g_asc, to the direction that is then scaled by η. `None` as an
ascent means that the ascent point is the point itself.

Singular points. `unit` of a zero vector is zero, so where g = 0 an ascent of unit length stays
and the iterate stays with it; nothing is ever added to a norm. Where g ≠ 0 but g_asc = 0 the
renormalised descent stays as well, as the plain one does; this set is a discontinuity of the
renormalised map (beside it the step has length η‖g‖) and has measure zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from dynamics.vector import Vector

V = TypeVar("V", bound=Vector)
Ascent = Callable[[Any, Any], Any]
Descent = Callable[[Any, Any], Any]


def unit_ascent(g: V, rho: Any) -> V:
    """ρg/‖g‖ (Foret et al. 2021)."""
    return rho * g.unit()


def raw_ascent(g: V, rho: Any) -> V:
    """ρg (Andriushchenko and Flammarion 2022)."""
    return rho * g


def plain_descent(g: V, g_asc: V) -> V:
    """g_asc."""
    return g_asc


def renormalised_descent(g: V, g_asc: V) -> V:
    """(‖g‖/‖g_asc‖) g_asc (Tan et al. 2024, Algorithm 1)."""
    return g.norm() * g_asc.unit()
