"""A loss that is given as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from landscapes.checks import Real, real_array, real_number, shown
from landscapes.facts import Box, Facts
from landscapes.formula.parser import Node, Parser
from landscapes.formula.text import CONSTANTS, FormulaError, name_problem
from landscapes.landscape import Components, SymbolicLandscape, SymbolicLoss

if TYPE_CHECKING:
    import sympy

    from landscapes.critical.points import CriticalSearch

MOST_COORDINATES = 8
_TAKEN = ("self", "text", "coordinates", "parameters", "box")
_FARTHEST = 1e6  # side of a box: beyond it, sines have too few digits to be enclosed


class Formula(SymbolicLandscape):
    """The loss that a text says, such as `Formula("a*x**4/4 - x*y + y**2/2", a=1.5)`.

    What makes it interesting: nobody has to write a class to ask what SAM does on a new loss.

    The text is arithmetic as in Python, with `^` for `**` if one likes: + − * / and powers,
    the functions exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, atan, the constants pi and e, and
    names. It is never evaluated: a parser of its own reads it, and refuses the rest. Exponents are
    rational numbers of absolute value and denominator at most 32. Names with a value are
    parameters, and may change without anything being compiled anew; the others are the
    coordinates, at most 8. Where the formula is no real number (the log of a negative number), the
    loss is not a number.

    Arguments:
        text: the formula, at most 1,000 characters on one line, or an expression of SymPy, which is
            written as such a text and read like it.
        parameters: names and values of the parameters; they may also be given as keywords. A value
            counts as the decimal number that Python prints for it: 0.1 is 1/10, as it is in the
            text.
        coordinates: the names of the coordinates, in the order of w; by default all names that
            are no parameters, in alphabetical order.
        box: where critical points are searched for if algebra does not reach them: a number r for
            |w_i| ≤ r, or the least and the largest value of each coordinate, such as
            `((-5, 10), (0, 15))`. None chooses among |w_i| ≤ 4, 8 and 16.

    `facts` are found when they are first asked for, exactly where that can be done and by a
    certified search of a box elsewhere; `search` says which, and what is not known.

    Raises `FormulaError`, a `ValueError` of one line that points at the place, for a text that is
    refused, and `ValueError` for bad parameters or coordinates.

    >>> import numpy as np
    >>> from landscapes import Formula
    >>> bowl = Formula("a*x**2/2 + (y - x)**2", a=2.0)
    >>> bowl.loss(np.array([1.0, 3.0])), [one.name for one in bowl.facts.critical_sets]
    (array(5.), ['minimum (0, 0)'])
    """

    formula = r"L(w)\text{ as it is written}"
    source = "given by the user"
    static_fields = ("dim", "text", "names", "point_names", "ordered", "box")
    array_fields = ("values",)

    text: str
    names: tuple[str, ...]
    point_names: tuple[str, ...]
    ordered: bool
    box: float | tuple[tuple[float, float], ...] | None
    values: tuple[np.float64, ...]

    def __init__(
        self,
        text: str | sympy.Expr,
        parameters: Mapping[str, float] | None = None,
        *,
        coordinates: tuple[str, ...] | None = None,
        box: float | Sequence[tuple[float, float]] | None = None,
        **named: float,
    ) -> None:
        from landscapes.formula import tree as reading

        if not isinstance(text, str):
            text = _written(text)
        given = _parameters(parameters, named)
        order = None if coordinates is None else _coordinates(coordinates, given)
        tree, occurring = _parsed(text, tuple(given), order)
        point = tuple(n for n in occurring if n not in given) if order is None else order
        _check_names(text, given, occurring, point)
        reading.refuse_bad_constants(text, tree, given)
        self._set(
            dim=len(point), text=text, names=tuple(given), point_names=point,
            ordered=order is not None, box=_box(box, point),
            values=tuple(np.float64(v) for v in given.values()),
        )  # fmt: skip
        reading.refuse_unsmooth(text, self.exact)
        if not self.exact.free_symbols:
            raise FormulaError(text, 0, "the loss is constant", "it must depend on a coordinate")

    def symbolic(self) -> SymbolicLoss:
        found = _symbolic(self.text, self.names, self._order)
        return SymbolicLoss(
            found.point, found.expression, dict(zip(_symbols(self.names), self.values, strict=True))
        )

    def _read(self, expressions: Any, symbolic: SymbolicLoss, components: Components) -> list[Any]:
        zero = components[0] * 0.0  # a derivative that is a number has the shape of the others
        found = super()._read(expressions, symbolic, components)
        return [value + zero if isinstance(value, float) else value for value in found]

    @property
    def _order(self) -> tuple[str, ...] | None:
        return self.point_names if self.ordered else None

    @cached_property
    def exact(self) -> Any:
        """The loss in its coordinates alone, the parameters being exact numbers."""
        from landscapes.formula import tree as reading

        values = {
            symbol: reading.rational(Fraction(repr(float(value))))
            for symbol, value in zip(_symbols(self.names), self.values, strict=True)
        }
        expression: Any = _symbolic(self.text, self.names, self._order).expression
        with_values = expression.subs(values)
        # Some kinks are there for some values only, that of sqrt(x**2 - 2*a*x + 1) for a = 1.
        return reading.without_hidden_kinks(self.text, with_values, _symbols(self.point_names))

    @cached_property
    def _known(self) -> tuple[Facts, CriticalSearch]:
        from landscapes.formula.facts import facts_of

        box = self.box
        if box is not None:
            box = Box(sides=box) if isinstance(box, tuple) else Box(box)
        return facts_of(self.exact, _symbols(self.point_names), box)

    @property
    def facts(self) -> Facts:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._known[0]

    @property
    def search(self) -> CriticalSearch:
        """How the critical points in `facts` were found, and what is proved about them."""
        return self._known[1]

    def reference_gradient(self, w: Real) -> Real:
        from landscapes.formula import tree as reading

        tree, _ = _parsed(self.text, self.names, self._order)
        values = dict(zip(self.names, map(float, self.values), strict=True))
        point = dict(zip(self.point_names, map(float, w), strict=True))
        with np.errstate(all="ignore"):
            return reading.dual(tree, values | point, self.point_names)[1]

    def arguments(self) -> dict[str, Any]:
        # Inside compiled code the values have no number yet, and stand for themselves.
        values = (float(v) if isinstance(v, np.generic) else v for v in self.values)
        order = {"coordinates": self.point_names} if self.ordered else {}
        box = {} if self.box is None else {"box": self.box}
        return {"text": self.text} | order | box | dict(zip(self.names, values, strict=True))

    @classmethod
    def examples(cls) -> tuple[Formula, ...]:
        return (
            cls("a*x^4/4 - a*x*y + a*y^2/2 + b*z^2/2", a=1.75, b=0.625),
            cls("a*log(cosh(3*u*v/2))", a=0.375),
            cls("a*(q - 2*p)^2 + p^2/3 - p*q/16 + q^2", a=0.75, coordinates=("q", "p")),
        )


@lru_cache(maxsize=256)
def _parsed(
    text: str, parameters: tuple[str, ...], coordinates: tuple[str, ...] | None
) -> tuple[Node, tuple[str, ...]]:
    """The tree, and the names that occur in it, in alphabetical order."""
    parser = Parser(text, parameters, coordinates)
    tree = parser.read()
    return tree, tuple(sorted(parser.names))


@lru_cache(maxsize=256)
def _symbolic(
    text: str, parameters: tuple[str, ...], coordinates: tuple[str, ...] | None
) -> SymbolicLoss:
    from landscapes.formula import tree as reading

    tree, names = _parsed(text, parameters, coordinates)
    point = coordinates or tuple(n for n in names if n not in parameters)
    every = (*point, *parameters)
    expression = reading.symbolic(tree, dict(zip(every, _symbols(every), strict=True)))
    reading.refuse_unsmooth(text, expression)
    expression = reading.without_hidden_kinks(text, expression, _symbols(point))
    return SymbolicLoss(_symbols(point), expression, {})


def _written(expression: Any) -> str:
    """The text of a SymPy expression, whose decimal numbers count as what they print as."""
    import sympy

    if not isinstance(expression, sympy.Expr):
        raise ValueError(f"text must be a formula such as 'x**2/2'; got {shown(expression)}")
    names = [str(symbol) for symbol in expression.free_symbols]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two symbols of the expression are called {twice}; rename one of them")
    for atom in expression.atoms():
        number = atom.is_Rational or atom.is_Float or atom in (sympy.pi, sympy.E)
        if not (number or (atom.is_Symbol and str(atom) not in CONSTANTS)):
            raise ValueError(
                f"the expression holds {shown(atom)}; accepted are real numbers, pi, E and symbols "
                "with other names"
            )
    plain: dict[Any, Any] = {
        number: sympy.Rational(repr(float(number))) for number in expression.atoms(sympy.Float)
    }
    plain[sympy.E] = sympy.Symbol("e")  # as the constant is called in a text
    return str(expression.xreplace(plain))


def _box(given: Any, point: tuple[str, ...]) -> float | tuple[tuple[float, float], ...] | None:
    if given is None:
        return None
    accepted = (
        f"a number r > 0 for |w_i| <= r, or one (least, largest) for each of {', '.join(point)}, "
        f"at most {_FARTHEST:g} in absolute value"
    )
    array = real_array("box", given, ndim=(0, 2), accepted=accepted)
    sides = np.stack([-array, array])[:, None] if array.ndim == 0 else array.T
    fits = array.ndim == 0 or array.shape == (len(point), 2)
    if not fits or not (sides[0] < sides[1]).all() or np.abs(array).max() > _FARTHEST:
        raise ValueError(f"box must be {accepted}; got {shown(given)}")
    if array.ndim == 0:
        return float(array)
    return tuple((float(low), float(high)) for low, high in array)


def _symbols(names: tuple[str, ...]) -> tuple[sympy.Symbol, ...]:
    import sympy

    return tuple(sympy.Symbol(name, real=True) for name in names)


def _parameters(given: Any, named: Mapping[str, Any]) -> dict[str, float]:
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"parameters must map names to numbers; got {shown(given)}")
    twice = sorted(set(given or {}) & set(named))
    if twice:
        raise ValueError(f"the parameter {shown(twice[0])} is given twice")
    values = {}
    for name, value in {**(given or {}), **named}.items():
        _check_name("parameter", name)
        accepted = "a finite number"
        values[name] = real_number(f"the parameter {name}", value, accepted=accepted)
    return values


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str):
        raise ValueError(f"a {what} must be named by a string; got {shown(name)}")
    problem = name_problem(name)
    if problem is None and name in _TAKEN:
        problem = (f"the name “{name}”", "it is an argument of Formula; choose another")
    if problem:
        raise ValueError(f"a {what} cannot have {problem[0]}: {problem[1]}")


def _coordinates(given: Any, parameters: Mapping[str, float]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, (tuple, list)) or not given:
        raise ValueError(f"coordinates must be a tuple of names; got {shown(given)}")
    for name in given:
        _check_name("coordinate", name)
        if name in parameters:
            raise ValueError(f"{name} cannot be both a coordinate and a parameter")
    if len(set(given)) < len(given):
        raise ValueError(f"coordinates must differ from each other; got {shown(given)}")
    if len(given) > MOST_COORDINATES:
        raise ValueError(f"at most {MOST_COORDINATES} coordinates are accepted; got {len(given)}")
    return tuple(given)


def _check_names(
    text: str, given: Mapping[str, float], occurring: tuple[str, ...], point: tuple[str, ...]
) -> None:
    unused = [name for name in given if name not in occurring]
    if unused:
        raise FormulaError(
            text, 0, f"the parameter {unused[0]} does not occur in it", "leave it out or correct it"
        )
    if not point:
        but = f" (its names are {', '.join(CONSTANTS)} and parameters)"
        raise FormulaError(text, 0, "it has no coordinate" + but, "use a name that has no value")
    if len(point) > MOST_COORDINATES:
        found = f"{len(point)} coordinates, {shown(', '.join(point))}"
        raise FormulaError(text, 0, found, f"at most {MOST_COORDINATES} are accepted")
