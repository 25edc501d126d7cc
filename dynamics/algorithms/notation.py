"""Algorithms in mathematical notation, found by running their rules on text.

The step that the simulator takes is taken once more, with vectors that write down what is done
with them. So what is listed is what is run.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from dynamics.algorithms.algorithm import Algorithm, initial_memory, move
from dynamics.algorithms.bases import Optax
from dynamics.algorithms.vector import Vector

# How tightly a text binds: a sum, a quotient, a product, anything that stands by itself.
_SUM, _QUOTIENT, _PRODUCT, _ATOM = range(4)


class Text:
    """A scalar or an entry that is written down instead of computed."""

    __array_ufunc__ = None

    def __init__(self, text: str, tightness: int = _ATOM) -> None:
        self.text, self.tightness = text, tightness

    def within(self, tightness: int) -> str:
        """The text, in brackets if it binds less tightly than this."""
        return self.text if self.tightness >= tightness else f"({self.text})"

    def __add__(self, other: Any) -> Text:
        if _is_zero(self):
            return text(other)
        return self if _is_zero(other) else Text(f"{self.text} + {text(other).text}", _SUM)

    def __radd__(self, other: Any) -> Text:
        return text(other) + self

    def __sub__(self, other: Any) -> Text:
        return Text(f"{self.text} − {text(other).within(_QUOTIENT)}", _SUM)

    def __rsub__(self, other: Any) -> Text:
        return text(other) - self

    def __mul__(self, other: Any) -> Text:
        if isinstance(other, Vector):
            return NotImplemented  # it multiplies its components by scalars itself
        one, other = self, text(other)
        if _is_zero(one) or _is_zero(other):
            return Text("0")
        if one.text == "1":
            return other
        # ρ g/‖g‖ is the same whichever is done first, so a quotient on the right needs no brackets.
        tightness = _QUOTIENT if other.tightness == _QUOTIENT else _PRODUCT
        return Text(f"{one.within(_PRODUCT)} {other.within(_QUOTIENT)}", tightness)

    def __rmul__(self, other: Any) -> Text:
        return text(other) * self

    def __truediv__(self, other: Any) -> Text:
        return Text(f"{self.within(_PRODUCT)}/{text(other).within(_ATOM)}", _QUOTIENT)

    def __rtruediv__(self, other: Any) -> Text:
        return text(other) / self

    def __pow__(self, exponent: Any) -> Text:
        return Text(f"{self.within(_ATOM)}^{text(exponent).within(_ATOM)}")

    def __neg__(self) -> Text:
        return Text(f"−{self.within(_PRODUCT)}", _SUM)


def text(value: Any) -> Text:
    """A text as it is; a number as it is written, thirds and the like as fractions."""
    if isinstance(value, Text):
        return value
    fraction, decimal = Fraction(value).limit_denominator(9), f"{value:.3g}"
    if abs(fraction - Fraction(value)) < 1e-12 and fraction != Fraction(decimal):
        return Text(str(fraction), _QUOTIENT)
    return Text(decimal)


def _is_zero(value: Any) -> bool:
    return text(value).text == "0"


class WrittenVector(Vector):
    """A vector of one component, the text of the whole."""

    __slots__ = ()

    @property
    def written(self) -> Text:
        return self.components[0]

    def dot(self, other: Any) -> Text:
        return Text(f"⟨{self.written.text}, {other.written.text}⟩")

    def norm(self) -> Text:
        return Text(f"‖{self.written.text}‖")

    def unit(self) -> WrittenVector:
        return _vector(self.written / self.norm())

    def times(self, other: Any) -> WrittenVector:
        tightness = _QUOTIENT if other.written.tightness == _QUOTIENT else _PRODUCT
        both = f"{self.written.within(_PRODUCT)}∘{other.written.within(_QUOTIENT)}"
        return _vector(Text(both, tightness))

    def absolute(self) -> WrittenVector:
        return _vector(Text(f"|{self.written.text}|"))

    def sign(self) -> WrittenVector:
        return _vector(Text(f"sign({self.written.text})"))

    def largest(self) -> Text:
        return Text(f"‖{self.written.text}‖_∞")

    def total(self) -> Text:
        return Text(f"Σ({self.written.text})")

    def derivative(self, function: Callable[[Any], Any], along: Any) -> WrittenVector:
        return _vector(Text(f"∇²L({self.written.text})") * along.written)

    @staticmethod
    def ratio(a: Any, b: Any) -> Text:
        return text(a) / text(b)

    @staticmethod
    def smaller(a: Any, b: Any) -> Text:
        return Text(f"min({text(a).text}, {text(b).text})")

    @staticmethod
    def larger(a: Any, b: Any) -> Text:
        return Text(f"max({text(a).text}, {text(b).text})")

    @staticmethod
    def _sum(component: Any) -> Any:
        return component


def _vector(written: Text) -> WrittenVector:
    return WrittenVector((written,))


def formula(algorithm: Algorithm) -> str:
    """The step as one line of mathematics, with g = ∇L(w).

    Of an algorithm that draws examples, i in this step, gᵢ = ∇Lᵢ(w), and G = ∇L(w) of all.
    """
    gradients = _Gradients("ᵢ" if algorithm.order else "")
    eta, rho, t = Text("η"), Text("ρ"), Text("t")
    if algorithm.schedule is not None:
        eta, rho = Text("η(t)"), Text("ρ(t)")
    plain = Algorithm(
        algorithm.name, algorithm.ascent, algorithm.descent, algorithm.source,
        None if isinstance(algorithm.base, Optax) else algorithm.base, algorithm.order,
    )  # fmt: skip
    w: Any = _vector(Text("w"))
    memory = _vector(Text("v")) if plain.base is not None else initial_memory(plain, w)
    d, _, after = move(
        gradients.drawn, plain, w, memory, eta, rho, t=t, whole_gradient=gradients.whole
    )
    clauses = []
    if isinstance(algorithm.base, Optax):
        d = _vector(Text(f"{algorithm.base}({d.written.text})"))
    if plain.base is not None:
        remembered = after.written
        clauses.append(f"v⁺ = {remembered.text}")
        # What the step has in common with the memory is written once.
        step = d.written.text.replace(f"({remembered.text})", "v⁺").replace(remembered.text, "v⁺")
        d = _vector(Text(step, _SUM if " + " in step else _PRODUCT))
    line = "; ".join([f"w⁺ = {(w - eta * d).written.text}", *clauses])
    return gradients.with_definitions(line)


class _Gradients:
    """Gradients by name: g at w, and g′, g′′, … elsewhere, written out where they are used once."""

    def __init__(self, index: str) -> None:
        self._symbol, self._first = f"∇L{index}", f"g{index}"
        self._names = {"w": self._first}

    def drawn(self, v: WrittenVector) -> WrittenVector:
        at = v.written.text
        return _vector(Text(self._names.setdefault(at, self._first + "′" * len(self._names))))

    def whole(self, v: WrittenVector) -> WrittenVector:
        return _vector(Text("G" if v.written.text == "w" else f"∇L({v.written.text})"))

    def with_definitions(self, line: str) -> str:
        # The latest first, which may stand in none but the line, and name earlier ones.
        for at, name in reversed(list(self._names.items())[1:]):
            written = f"{self._symbol}({at})"
            bare = line.replace(name + "′", "")
            if bare.count(name) == 1:
                line = line.replace(name, written)
            elif bare.count(name):
                line = f"{line}; {name} = {written}"
            if line.count(at) > 1 and at != "w":
                line = f"{line.replace(at, 'w′')}; w′ = {at}"
        unit = f"{self._first}/‖{self._first}‖"
        return f"{line.replace(unit, 'u')}; u = {unit}" if line.count(unit) > 1 else line
