"""The characters of a formula: tokens, and errors that point at the offending place."""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 1000
LONGEST_NAME = 30

FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan")
CONSTANTS = ("pi", "e")

_FOREIGN = {  # characters that have a plain spelling
    "²": "**2", "³": "**3", "¹": "**1", "⁴": "**4", "⁵": "**5", "⁶": "**6", "⁷": "**7",
    "⁸": "**8", "⁹": "**9", "⁰": "**0", "½": "1/2", "¼": "1/4", "¾": "3/4",
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/",
    "√": "sqrt(…)", "π": "pi", "λ": "a name such as a",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<space>[ \t]+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<operator>\*\*|[-+*/^(),])"
)
_ACCEPTED = f"numbers, names, + - * / ** ( ) and {', '.join(FUNCTIONS)}"


class FormulaError(ValueError):
    """A formula that is refused. `position` is where, counted in characters from 0."""

    def __init__(self, text: str, position: int, found: str, remedy: str) -> None:
        self.position = position
        before, after = text[max(0, position - 24) : position], text[position : position + 24]
        excerpt = (
            ("…" if position > 24 else "")
            + f"{_printable(before)}→{_printable(after)}"
            + ("…" if position + 24 < len(text) else "")
        )
        super().__init__(f"formula, character {position + 1}, “{excerpt}”: {found}; {remedy}")

    def __reduce__(self) -> tuple:
        return _error_again, (self.args[0], self.position)


def _error_again(message: str, position: int) -> FormulaError:
    error = FormulaError.__new__(FormulaError, message)
    error.position = position
    return error


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int


def tokens(text: str) -> list[Token]:
    if len(text) > MOST_CHARACTERS:
        length = f"a formula of {len(text):,} characters"
        raise FormulaError(text, MOST_CHARACTERS, length, f"at most {MOST_CHARACTERS:,} are read")
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def _unreadable(text: str, at: int) -> FormulaError:
    c = text[at]
    if c == ".":
        return FormulaError(
            text, at, "found “.”, and attributes are not read", f"accepted are {_ACCEPTED}"
        )
    if c == "=":
        return FormulaError(text, at, "found “=”", "give the loss alone, without an equation")
    if c == "%":
        return FormulaError(text, at, "found “%”, which jumps", "only smooth losses are accepted")
    if c in "\r\n\v\f":
        return FormulaError(text, at, "found a line break", "write the formula on one line")
    if c in _FOREIGN:
        return FormulaError(text, at, f"found {_called(c)}", f"write {_FOREIGN[c]}")
    if ord(c) > 126 or ord(c) < 32:
        return FormulaError(text, at, f"found {_called(c)}", "only plain ASCII is accepted")
    return FormulaError(text, at, f"found “{c}”", f"accepted are {_ACCEPTED}")


def _called(c: str) -> str:
    name = unicodedata.name(c, "a character without a name")
    return f"{f'“{c}”, ' if c.isprintable() else ''}{name} (U+{ord(c):04X})"


def name_problem(name: str) -> tuple[str, str] | None:
    """Why this is no name of a coordinate or a parameter, and what to do; None if it is one."""
    word = f"the name “{short(_printable(name))}”"
    if keyword.iskeyword(name):
        return word, "words of Python are no names here; choose another"
    if name in FUNCTIONS:
        return word, "it is a function; choose another name"
    if len(name) > LONGEST_NAME:
        return word, f"names have at most {LONGEST_NAME} characters"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or "__" in name:
        return (
            word,
            "names are ASCII letters, digits and single underscores, and begin with a letter",
        )
    return None


def short(text: str, most: int = 24) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
