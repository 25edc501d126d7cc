"""Reads the text of a formula into a tree. Nothing in the text is ever evaluated.

The grammar is Python's for arithmetic, read by a parser of its own, which never hands the text to
anything else. With `^` for `**`, and from the loosest to the tightest:

    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/") signed)*
    signed  = ("+" | "-") signed | power
    power   = atom (("**" | "^") signed)?          so −x² is −(x²), and x^y^z is x^(y^z)
    atom    = number | name | function "(" sum ")" | "(" sum ")"

Every size is bounded before it is worked on: characters, nodes, nesting, digits, exponents, degree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from landscapes.formula.text import (
    CONSTANTS,
    FUNCTIONS,
    FormulaError,
    Token,
    name_problem,
    short,
    tokens,
)

MOST_NODES = 400
MOST_NESTED = 32
# Of functions and roots within each other: what SymPy asks about the innermost multiplies by each.
MOST_COMPOSED = 10
MOST_DIGITS = 40
LARGEST_EXPONENT = 32
# Of higher roots, elimination makes polynomials of a degree with which it comes to no end.
HIGHEST_ROOT = 32
HIGHEST_DEGREE = 64
MOST_BITS = 512  # of the numerator and of the denominator of an exponent while it is worked out

_KINKS = {
    "abs": "where its argument is 0",
    "sign": "where its argument is 0",
    **dict.fromkeys(("max", "min", "Max", "Min"), "where its arguments are equal"),
    **dict.fromkeys(("floor", "ceil", "round", "ceiling", "mod", "fmod"), "where it jumps"),
    **dict.fromkeys(("heaviside", "Heaviside", "step"), "where it jumps"),
    **dict.fromkeys(("relu", "ReLU", "Abs", "fabs"), "where its argument is 0"),
}
_ALIASES = {"ln": "log", "arctan": "atan", "Exp": "exp", "Log": "log", "Sin": "sin", "Cos": "cos"}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula.

    Attributes:
        kind: number, name, constant, sum, product, negative, reciprocal, power or call.
        value: the number, the name, the function's name, or the power's exponent.
        args: the parts it is made of.
        start: where it begins in the text.
        degree: a bound of its degree as a polynomial, a function of anything counting as 1.
        composed: how many functions and roots stand within each other in it.
    """

    kind: str
    value: Fraction | str | None
    args: tuple[Node, ...]
    start: int
    degree: int = 0
    composed: int = 0


class Parser:
    """Reads one formula.

    Arguments:
        text: the formula.
        parameters: the names that have a value.
        coordinates: the names of the coordinates; None for whatever else occurs.
    """

    def __init__(
        self, text: str, parameters: tuple[str, ...], coordinates: tuple[str, ...] | None
    ) -> None:
        self.text, self.parameters, self.coordinates = text, parameters, coordinates
        self.names: dict[str, int] = {}  # the names that occur, and where first
        self._nodes = self._depth = self._at = 0
        self._tokens = tokens(text)

    def read(self) -> Node:
        """The tree of the formula. Raises `FormulaError`."""
        if self._next.kind == "end":
            raise self._error(0, "the formula is empty", "for example x**4/4 - x*y + y**2/2")
        tree = self._sum()
        if self._next.kind != "end":
            raise self._unexpected()
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> Token | None:
        token = self._next
        if token.kind == "operator" and token.text in texts:
            self._at += 1
            return token
        return None

    def _error(self, at: int, found: str, remedy: str) -> FormulaError:
        return FormulaError(self.text, at, found, remedy)

    def _unexpected(self) -> FormulaError:
        token = self._next
        if token.kind == "end":
            return self._error(token.start, "the formula ends here", "something is missing")
        found = f"found “{short(token.text)}”"
        before = self._tokens[self._at - 1] if self._at else None
        if before and (before.kind in ("number", "name") or before.text == ")"):
            if token.text == "(" and before.kind == "name":
                return self._no_function(before)
            if token.text == "," or token.text == ")":
                return self._error(token.start, found, "there is no parenthesis that it belongs to")
            remedy = f"between “{short(before.text)}” and it an operator is missing, such as *"
            return self._error(token.start, found, remedy)
        if token.text == "/" and before and before.text == "/":
            return self._error(token.start, "found “//”, which jumps", "write / for a quotient")
        return self._error(token.start, found, "here a number, a name or “(” is accepted")

    def _no_function(self, name: Token) -> FormulaError:
        word = short(name.text)
        if name.text in _KINKS:
            why = f"{word} is not differentiable {_KINKS[name.text]}"
            return self._error(name.start, why, "a loss must have a Hessian everywhere")
        if name.text in _ALIASES:
            return self._error(name.start, f"no function {word}", f"write {_ALIASES[name.text]}")
        if name.text in (*self.parameters, *(self.coordinates or ())):
            return self._error(name.start, f"{word} is a number", f"to multiply, write {word}*(…)")
        remedy = f"the functions are {', '.join(FUNCTIONS)}; to multiply, write {word}*(…)"
        return self._error(name.start, f"no function {word}", remedy)

    def _node(
        self, kind: str, value: Fraction | str | None, args: tuple[Node, ...], start: int
    ) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._error(start, "too long", f"at most {MOST_NODES} operations are read")
        degree = max((a.degree for a in args), default=0)
        if kind == "product":
            degree = sum(a.degree for a in args)
        elif kind == "power" and isinstance(value, Fraction):
            degree = -int(-degree * abs(value) // 1)
        elif kind == "call":
            degree = min(degree, 1)
        elif kind == "name":
            degree = int(value not in self.parameters)
        if degree > HIGHEST_DEGREE:
            found = f"a term of degree {degree}"
            raise self._error(start, found, f"the highest accepted is {HIGHEST_DEGREE}")
        root = kind == "power" and isinstance(value, Fraction) and value.denominator > 1
        composed = max((a.composed for a in args), default=0) + (kind == "call" or root)
        if composed > MOST_COMPOSED:
            found = f"{composed} functions within each other"
            raise self._error(start, found, f"at most {MOST_COMPOSED} are accepted")
        return Node(kind, value, args, start, degree, composed)

    def _sum(self) -> Node:
        return self._chain("sum", "+", "-", "negative", self._product)

    def _product(self) -> Node:
        return self._chain("product", "*", "/", "reciprocal", self._signed)

    def _chain(
        self, kind: str, plain: str, inverse: str, inverted: str, part: Callable[[], Node]
    ) -> Node:
        parts = [part()]
        while token := self._take(plain, inverse):
            one = part()
            parts.append(one if token.text == plain else
                         self._node(inverted, None, (one,), one.start))  # fmt: skip
        return parts[0] if len(parts) == 1 else self._node(kind, None, tuple(parts), parts[0].start)

    def _signed(self) -> Node:
        self._depth += 1
        if self._depth > MOST_NESTED:
            found = "nested too deeply"
            raise self._error(self._next.start, found, f"at most {MOST_NESTED} levels are read")
        sign = self._take("+", "-")
        if sign:
            inner = self._signed()
            tree = self._node("negative", None, (inner,), sign.start) if sign.text == "-" else inner
        else:
            tree = self._power()
        self._depth -= 1
        return tree

    def _power(self) -> Node:
        base = self._atom()
        operator = self._take("**", "^")
        if operator is None:
            return base
        exponent = self._signed()
        if base.kind == "constant" and base.value == "e":
            return self._node("call", "exp", (exponent,), base.start)
        value = self._rational(exponent)
        if value is None:
            found = "an exponent that is no rational number"
            raise self._error(exponent.start, found, "write exp(…*log(…)) for such a power")
        if abs(value) > LARGEST_EXPONENT:
            found = f"the exponent {short(str(value))}"
            remedy = f"accepted are rational numbers from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}"
            raise self._error(exponent.start, found, remedy)
        if value.denominator > HIGHEST_ROOT:
            found = f"the exponent {short(str(value))}"
            remedy = f"accepted are fractions with a denominator of at most {HIGHEST_ROOT}"
            raise self._error(exponent.start, found, remedy)
        return self._node("power", value, (base,), base.start)

    def _rational(self, node: Node) -> Fraction | None:
        """The node as an exact number, if it is made of numbers and + − × ÷ alone."""
        if node.kind == "number":
            return node.value if isinstance(node.value, Fraction) else None
        if node.kind not in ("sum", "product", "negative", "reciprocal", "power"):
            return None
        parts = [self._rational(a) for a in node.args]
        known = [p for p in parts if p is not None]
        if len(known) < len(parts):
            return None
        if node.kind == "negative":
            return -known[0]
        if node.kind == "power" and isinstance(node.value, Fraction):
            if node.value.denominator != 1:
                return None
            return self._small(self._nonzero(known[0], node) ** int(node.value), node)
        if node.kind == "reciprocal":
            return 1 / self._nonzero(known[0], node)
        total = known[0]
        for other in known[1:]:
            total = self._small(total + other if node.kind == "sum" else total * other, node)
        return total

    def _nonzero(self, value: Fraction, node: Node) -> Fraction:
        negative = node.kind == "reciprocal" or (
            isinstance(node.value, Fraction) and node.value < 0
        )
        if value == 0 and negative:
            raise self._error(node.start, "a division by 0", "give a finite exponent")
        return value

    def _small(self, value: Fraction, node: Node) -> Fraction:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
            remedy = f"accepted are rational numbers from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}"
            raise self._error(node.start, "an exponent too large to write", remedy)
        return value

    def _atom(self) -> Node:
        token = self._next
        if self._take("("):
            inner = self._sum()
            self._close(token)
            return inner
        if token.kind == "number":
            self._at += 1
            return self._node("number", self._number(token), (), token.start)
        if token.kind == "name":
            self._at += 1
            return self._call(token) if token.text in FUNCTIONS else self._name(token)
        raise self._unexpected()

    def _close(self, opened: Token) -> None:
        if self._take(")"):
            return
        if self._next.kind == "end":
            raise self._error(opened.start, "“(” is never closed", "add the missing “)”")
        if self._next.text == ",":
            found = "a second argument"
            raise self._error(self._next.start, found, "functions here take one argument")
        raise self._unexpected()

    def _number(self, token: Token) -> Fraction:
        mantissa, _, power = token.text.lower().partition("e")
        if len(mantissa) > MOST_DIGITS:
            found = f"a number of {len(mantissa)} characters"
            raise self._error(token.start, found, f"at most {MOST_DIGITS} are read")
        if len(power) > 4 or abs(int(power or 0)) > MOST_DIGITS:
            found = f"the number {short(token.text)}"
            raise self._error(
                token.start, found, f"powers of ten from -{MOST_DIGITS} to {MOST_DIGITS} are read"
            )
        return Fraction(token.text)

    def _call(self, token: Token) -> Node:
        opened = self._next
        if not self._take("("):
            remedy = f"write its argument in parentheses, {token.text}(…)"
            raise self._error(token.start, f"{token.text} is a function", remedy)
        if self._next.text == ")":
            found = f"{token.text} without an argument"
            raise self._error(self._next.start, found, f"it takes one, {token.text}(…)")
        argument = self._sum()
        self._close(opened)
        return self._node("call", token.text, (argument,), token.start)

    def _name(self, token: Token) -> Node:
        name = token.text
        check = name_problem(name)
        if check:
            raise self._error(token.start, *check)
        given = name in self.parameters or name in (self.coordinates or ())
        if self._next.text == "(":
            raise self._no_function(token)
        if name in CONSTANTS and not given:
            return self._node("constant", name, (), token.start)
        if self.coordinates is not None and not given:
            accepted = ", ".join((*self.coordinates, *self.parameters))
            remedy = f"the coordinates and parameters are {accepted}"
            raise self._error(token.start, f"unknown name {short(name)}", remedy)
        self.names.setdefault(name, token.start)
        return self._node("name", name, (), token.start)
