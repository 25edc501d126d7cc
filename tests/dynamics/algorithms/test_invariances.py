"""What each rule does not see, and what it sees.

Every rule declares it, and each declaration is tested both ways: what is in it holds of the
algorithms made of these rules, and what is not is broken by them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynamics import ALGORITHMS, ASAM, Algorithm
from dynamics.algorithms import rules
from dynamics.algorithms.rules import Bound
from tests.support.algorithm_cases import (
    EPS,
    ETA,
    EXAMPLES,
    OTHER,
    POINTS,
    SAME,
    apart,
    ascent_of,
    of_places,
    path,
)

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=str)

ALL = {"scale", "rotation", "translation"}


def declared(of: Any) -> rules.Declaration:
    """What the rule says of itself; who has no ascent keeps everything."""
    if of is None:
        return rules.Declaration(frozenset(ALL), "")
    function = of.function if isinstance(of, Bound) else of
    assert function in rules.DECLARED, f"write @rule(keeps={{…}}) above {function.__name__}"
    return rules.DECLARED[function]


def stated(algorithm: Algorithm) -> frozenset[str]:
    """An algorithm keeps what both its rules keep; base steps and drawing are linear."""
    return declared(algorithm.ascent).keeps & declared(algorithm.descent).keeps


def test_every_rule_declares_what_it_keeps():
    for algorithm in ALGORITHMS.values():
        assert stated(algorithm) <= ALL
    defined = {f for name, f in vars(rules).items() if name.endswith(("_ascent", "_descent"))}
    assert {f.__name__ for f in defined - set(rules.DECLARED)} == set()


# -- changes of the loss, with what undoes them -------------------------------------------------

_A, _B = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.8, -0.6])
TURN = (np.eye(3) - 2 * np.outer(_A, _A)) @ (np.eye(3) - 2 * np.outer(_B, _B))
SHIFT = np.array([0.7, -0.4, 1.1])
FLIP = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def turned(algorithm: Algorithm, q: np.ndarray, **settings: Any) -> np.ndarray:
    """The path of L(Qᵀw) from Qw, turned back."""
    there = tuple(lambda w, e=e: q @ e(q.T @ w) for e in EXAMPLES)
    return path(algorithm, there, POINTS @ q.T, **settings) @ q


def change(algorithm: Algorithm, of: str) -> float:
    """How far the path is from what it would be if the algorithm did not see the change."""
    if of == "scale":
        c = 0.3
        # Whoever draws or remembers does so alike: η·c·g is what it was.
        smaller = tuple(lambda w, e=e: c * e(w) for e in EXAMPLES)
        return apart(path(algorithm, smaller, eta=ETA / c), path(algorithm))
    if of == "rotation":
        return apart(turned(algorithm, TURN), path(algorithm))
    moved = tuple(lambda w, e=e: e(w - SHIFT) for e in EXAMPLES)
    return apart(path(algorithm, moved, POINTS + SHIFT) - SHIFT, path(algorithm))


def test_the_turn_is_one():
    np.testing.assert_allclose(TURN.T @ TURN, np.eye(3), rtol=0, atol=4 * EPS)
    assert np.linalg.det(TURN) == pytest.approx(1, rel=8 * EPS)
    assert np.abs(TURN).max() < 0.99  # no coordinate stays what it was


def declared_is_missing(algorithm: Algorithm) -> bool:
    own = [r.function if isinstance(r, Bound) else r for r in (algorithm.ascent, algorithm.descent)]
    return any(r is not None and r not in rules.DECLARED for r in own)


@each_algorithm
@pytest.mark.parametrize("of", sorted(ALL))
def test_what_an_algorithm_sees_is_as_stated(algorithm: Algorithm, of: str):
    if declared_is_missing(algorithm):
        pytest.skip("it declares nothing, which a test of its own says")
    gap = change(algorithm, of)
    if of in stated(algorithm):
        assert gap <= 10 * SAME  # the changed loss has its own roundings, some times as many
    else:
        assert gap > OTHER


@each_algorithm
def test_nobody_tells_coordinates_or_their_signs_apart(algorithm: Algorithm):
    assert apart(turned(algorithm, FLIP), path(algorithm)) <= SAME


@each_algorithm
def test_everybody_goes_downhill_not_uphill(algorithm: Algorithm):
    # −L with −η is not the same: it has the ascent the other way, where there is one; but for the
    # ascent ρHg, which is that of ‖g‖²/2, whichever way L goes.
    upside_down = tuple(lambda w, e=e: -e(w) for e in EXAMPLES)
    gap = apart(path(algorithm, upside_down, eta=-ETA), path(algorithm))
    sees = algorithm.uses_rho and algorithm.ascent is not rules.hessian_ascent
    assert gap > OTHER if sees else gap <= SAME


STRETCH = np.array([0.4, 1.7, 3.1])
ASCENTS = {str(a): a for a in ALGORITHMS.values() if a.uses_rho} | {"ASAM(0)": ASAM(0)}


@pytest.mark.parametrize("algorithm", ASCENTS.values(), ids=ASCENTS)
def test_only_adaptive_ascents_without_a_shift_do_not_see_units(algorithm: Algorithm):
    """w = Bu with a positive diagonal B: the loss of u is L(Bu), its gradient B∇L(Bu)."""
    in_u = tuple(lambda u, e=e: STRETCH * e(STRETCH * u) for e in EXAMPLES)
    found = STRETCH * of_places(ascent_of(algorithm), in_u, POINTS / STRETCH)
    gap = apart(found, of_places(ascent_of(algorithm)))
    values = dict(algorithm.ascent.values) if isinstance(algorithm.ascent, Bound) else {}
    if values.get("shift") == 0:
        assert gap <= SAME
    else:
        assert gap > OTHER


def test_the_descent_of_asam_sees_units():
    in_u = tuple(lambda u, e=e: STRETCH * e(STRETCH * u) for e in EXAMPLES)
    found = STRETCH * path(ASAM(0), in_u, POINTS / STRETCH)
    assert apart(found, path(ASAM(0))) > OTHER
