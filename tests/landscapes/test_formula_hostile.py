"""Text that is no formula: refused at once, at the right place, in one line, and never run."""

from __future__ import annotations

import keyword
import pickle
import random
import time
import unicodedata

import numpy as np
import pytest
import sympy

from landscapes import Formula
from landscapes.formula.text import FUNCTIONS, FormulaError

# Each text with the part that the error must point at; "$" stands for the end.
ATTACKS = [
    ("__import__('os').system('true')", "'os'"), ("__import__(os)", "__import__"),
    ("().__class__.__base__.__subclasses__()", ".__class__"), ("(1).__class__", ".__class__"),
    ("x.__class__", ".__class__"), ("x.real", ".real"), ("x . real", ". real"),
    ("sin.func", ".func"), ("sin(x).func", ".func"), ("(x+y).subs(x, 1)", ".subs"),
    ("[x for x in y]", "[x"), ("(x for x in y)", "for"), ("{x: y}", "{x"), ("{x}", "{x"),
    ("lambda: x", ": x"), ("(lambda x: x)(y)", ": x"), ("lambda x: x", ": x"),
    ("f'{x}'", "'{x}'"), ('f"{x}"', '"{x}"'), ("'x'", "'x'"), ('"x"', '"x"'), ("b'x'", "'x'"),
    ("`x`", "`x`"), ("x if y else z", "if"), ("x and y", "and"), ("not x", "not"), ("x or y", "or"),
    ("x is y", "is"), ("x in y", "in"), ("x := 3", ":="), ("(x := 3)", ":="), ("x = 3", "="),
    ("x == y", "=="), ("x != y", "!="), ("x < y", "<"), ("x >= y", ">="), ("x; y", ";"),
    ("import os", "import"), ("from os import system", "from"), ("del x", "del"),
    ("raise x", "raise"), ("return x", "return"), ("yield x", "yield"), ("await x", "await"),
    ("async x", "async"), ("global x", "global"), ("pass", "pass"), ("assert x", "assert"),
    ("class x", "class"), ("def x", "def"), ("while x", "while"), ("with x", "with"),
    ("try", "try"), ("True", "True"), ("x + False", "False"), ("x*None", "None"), ("...", "..."),
    ("x, y", ", y"), ("(x, y)", ", y"), ("*x", "*x"), ("**x", "**x"), ("x[0]", "[0]"),
    ("x[y]", "[y]"), ("x @ y", "@"), ("x // y", "/ y"), ("x % y", "%"), ("x << 2", "<<"),
    ("x >> 2", ">>"), ("x & y", "&"), ("x | y", "|"), ("~x", "~x"), ("x!", "!"), ("x'", "'"),
    ("$x", "$x"), ("x ? y", "?"), ("x \\ y", "\\"), ("# x", "# x"), ("x # y", "# y"),
    ("eval(x)", "eval"), ("exec(x)", "exec"), ("open(x)", "open"), ("compile(x)", "compile"),
    ("globals()", "globals"), ("getattr(x, y)", "getattr"), ("print(x)", "print"),
    ("input()", "input"), ("exit()", "exit"), ("canary()", "canary"), ("canary(x)", "canary"),
    ("__builtins__", "__builtins__"), ("__name__", "__name__"), ("_x", "_x"), ("__", "__"),
    ("x + _", "_"), ("x__y", "x__y"), ("__class__ + x", "__class__"), ("x*__dict__", "__dict__"),
    ("Integer(1) + x", "Integer"), ("Symbol(x)", "Symbol"), ("S(x)", "S(x)"), ("x(y)", "x(y)"),
    ("x(y + 1)", "x(y"), ("sin(cos)", "cos"), ("exp", "exp"), ("x + sin", "sin"),
    ("sin x", "sin"), ("sin*x", "sin"), ("sin**2(x)", "sin"), ("sin(x", "(x"), ("((x)", "((x)"),
    ("x)", ")"), ("(x))", "))"[1:] + "$"), (")x(", ")x("), ("()", ")"), ("sin()", ")"),
    ("sin(x, y)", ", y"), ("sin(x,)", ",)"), ("sin(,x)", ",x"), ("atan(x, y)", ", y"),
    ("log(x, 2)", ", 2"), ("exp(*x)", "*x"), ("exp(x=1)", "=1"), ("sqrt((x)", "((x"),
]  # fmt: skip
MALFORMED = [
    ("", "$"), (" ", " "), ("\t", "\t"), ("   \t ", "   "), ("\n", "\n"), ("x\n", "\n"),
    ("\nx", "\n"), ("x\n+ y", "\n"), ("x\r\ny", "\r"), ("x\x0by", "\x0b"), ("x\x0cy", "\x0c"),
    ("\0", "\0"), ("x\0", "\0"), ("x + \0y", "\0"), ("x\x1b[0m", "\x1b"), ("x\x7f", "\x7f"),
    ("x\u2028y", "\u2028"), ("x\u00a0+ y", "\u00a0"), ("\ufeffx", "\ufeff"), ("x\u200by", "\u200b"),
    ("x\u202ey", "\u202e"), ("x\ud800", "\ud800"), ("x\U0001f600", "\U0001f600"),
    ("x +", "$"), ("x + + ", "$"), ("x -", "$"), ("x *", "$"), ("x /", "$"), ("x **", "$"),
    ("x ^", "$"), ("-", "$"), ("+", "$"), ("*", "*"), ("/", "/"), ("/x", "/x"), ("^x", "^x"),
    ("x * * y", "* y"), ("x */ y", "/ y"), ("x ** * y", "* y"), ("x ^^ y", "^ y"),
    ("x *** y", "* y"), ("x y", "y"), ("2x", "x"), ("2 x", "x"), ("2(x)", "(x)"), ("(x)(y)", "(y)"),
    ("(x)y", "y"), ("(x)2", "2"), ("x 2", "2"), ("2 3 x", "3"), ("1.2.3*x", ".3"), ("1..2", ".2"),
    (".", "."), ("x.", "."), ("1e", "e"), ("1e+", "e"), ("0x10*x", "x10"), ("0b1*x", "b1"),
    ("1_000*x", "_000"), ("1j*x", "j"), ("3L*x", "L"), ("x + 2 y", "y"), ("a b c", "b"),
    ("x,", ","), (",", ","), (",x", ",x"), ("sin(x))", "))"[1:] + "$"), ("(x+y", "(x"),
    ("x+(y*(x", "(x"), ("[", "["), ("]", "]"), ("{", "{"), ("}", "}"), ("x]", "]"), ("x}", "}"),
]  # fmt: skip
TOO_LARGE = [
    ("x**9**9", "9**9"), ("9**9**9*x", "9**9*x"), ("x**(9**9**9)", "9**9)"), ("x**33", "33"),
    ("x**-33", "-33"), ("x^(100/3)", "100"), ("x**(10**40)", "40"), ("x**1e3", "1e3"),
    ("x**(2**32**2)", "32**2"), ("x**(((9**32)**32)**32)", "9**32)**32)**32"),
    ("x*y**32.5e-12", "32.5e"), ("x**(1/33)", "1/33"),
    ("(x**32)**3", "x**32"), ("x**32*x**32*x", "x**32"), ("((x**8)**8)**8", "x**8"),
    ("x*1e999", "1e999"), ("x*1e41", "1e41"), ("x*1e-41", "1e-41"), ("x*1e99999999999", "1e9"),
    ("x + " + "1" * 41, "1" * 41), ("x*" + "0." + "3" * 60, "0.3"), ("y**1" + "0" * 39, "1" + "0"),
    ("(" * 33 + "x" + ")" * 33, "$32"), ("-" * 40 + "x", "$32"), ("sin(" * 40 + "x", "$"),
    ("sin(" * 40 + "x" + ")" * 40, "$"), ("x" + "**1" * 60, "$"), ("exp(-" * 30 + "x", "$"),
    ("(" * 900, "$32"), ("x+" * 450 + "x", "$"), ("x*" * 70 + "x", "$"),
    ("x" * 31, "x"), ("x + " + "y" * 900, "y"), ("x" * 1001, "$1000"), ("x+" * 500_000, "$1000"),
    ("(" * 1_000_000, "$1000"), ("9" * 1_000_000, "$1000"), (" " * 1_000_000, "$1000"),
    ("\0" * 1_000_000, "$1000"), ("é" * 1_000_000, "$1000"), ("x**" * 400_000, "$1000"),
    ("+".join(f"x{i}" for i in range(9)), "x0"), ("x**y", "y"),
    ("sin(" * 11 + "x" + ")" * 11, "$0"),
    ("cosh(exp(sqrt(" * 5 + "x" + ")))" * 5, "$"), ("2**x", "x"), ("x**pi", "pi"),
    ("x**sqrt(2)", "sqrt"), ("x**(y - y)", "y - y"), ("x**(1/0)", "0"), ("x**(0**-1)", "0**-1"),
    ("x**sin(1)", "sin"), ("pi**x", "x"), ("x**(-x)", "-x"), ("x**(2**(1/2))", "2**("),
]  # fmt: skip
NOT_REAL = [
    ("log(0) + x", "log"), ("log(-1)*x", "log"), ("x + sqrt(-2)", "sqrt"), ("x/0", "0"),
    ("1/0", "1/0"), ("x + 1/(2 - 2)", "2 - 2"), ("(-8)**(1/3) + x", "-8"), ("0**-1*x", "0**-1"),
    ("exp(1e9)*x", "exp"), ("exp(exp(exp(20)))*x", "exp(exp(20))"), ("x*cosh(1e4)", "cosh"),
    ("x + (1e40)**8", "1e40"), ("tan(pi/2)*x", "t"), ("sqrt(x**2)", "s"),
    ("(x**2)**(1/2)", "("), ("exp(1000*log(x))", "e"), ("3", "3"),
    ("pi + e", "p"), ("x - x", "x"), ("0*x", "0"), ("x**0", "x"), ("a", "a"), ("a**2/2", "a"),
]  # fmt: skip
KINKS = ["abs", "sign", "max", "min", "floor", "ceil", "round", "heaviside", "Heaviside", "relu",
         "Abs", "Max", "Min", "mod", "step"]  # fmt: skip
UNKNOWN = ["erf", "gamma", "asin", "acos", "sinc", "ln", "arctan", "Exp", "diff", "Integral"]
# What looks like what it is not, and what has a plain spelling.
LOOKALIKES = "хуаеορχ−–—×·⋅∗÷∕√πλ²³¹⁴⁵⁶⁷⁸⁹⁰½¼¾ｘ＋（）１٣∑∂∞≤≠′“”‘’…µΣϵƒ𝑥𝟐ⅹ᙮⁄₂"
OTHER_ASCII = "!\"#$%&':;<=>?@[\\]_`{|}~"


def hostile() -> list[tuple[str, int]]:
    """All refused texts, each with the position that the error must point at."""
    found = []
    for text, part in ATTACKS + MALFORMED + TOO_LARGE + NOT_REAL:
        if part.startswith("$") and part != "$x":
            at = int(part[1:]) if part[1:] else -1
        elif part.endswith("$"):
            at = text.rindex(part[:-1])
        else:
            at = text.index(part)
        found.append((text, at))
    for name in KINKS:
        found += [(f"{name}(x)", 0), (f"x**2 + {name}(x, y)", 7)]
    for name in UNKNOWN:
        found += [(f"{name}(x)", 0), (f"(y - {name}(x))**2", 5)]
    for c in LOOKALIKES:
        found += [(f"x{c}", 1), (f"x**2 + {c} - y", 7)]
    for c in OTHER_ASCII:
        found += [(f"x + {c} + y", 4)]
    for word in sorted(keyword.kwlist):
        found += [(f"x + {word}*y", 4)]
    return found


HOSTILE = hostile()


def refused(text: str) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        Formula(text, a=1.5) if text.startswith("a") and len(text) < 9 else Formula(text)
    return caught.value


def test_there_are_enough_of_them():
    assert len({text for text, _ in HOSTILE}) >= 300
    assert all(unicodedata.category(c)[0] in "LNPSM" for c in LOOKALIKES)


def test_each_is_refused_at_once_where_it_is_wrong():
    took = []
    for text, at in HOSTILE:
        began = time.perf_counter()
        error = refused(text)
        took.append(time.perf_counter() - began)
        message = str(error)
        assert "\n" not in message and message.isprintable(), text[:60]
        assert len(message) < 400, text[:60]
        assert f"character {error.position + 1}, “" in message
        if at >= 0:
            assert error.position == at, (text[:60], message)
        assert 0 <= error.position <= len(text)
        # What was found, and what to do.
        assert len(message.rpartition("”: ")[2].partition("; ")[2]) >= 7, message
    # Each takes under a millisecond here; a busy machine has a factor of a thousand.
    assert max(took) < 1.0
    assert sum(took) < 30.0


@pytest.mark.parametrize("text", [1, None, b"x", ["x"], 3.5, sympy.true, np.array("x")])
def test_what_is_no_text_is_refused(text: object):
    with pytest.raises(ValueError, match="text must be a formula such as"):
        Formula(text)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x²", ["SUPERSCRIPT TWO (U+00B2)", "write **2"]),
        ("x − y", ["MINUS SIGN (U+2212)", "write -"]),
        ("х**2", ["CYRILLIC SMALL LETTER HA (U+0445)", "only plain ASCII"]),
        ("abs(x)", ["abs is not differentiable where its argument is 0", "Hessian"]),
        ("max(x, y)", ["not differentiable where its arguments are equal"]),
        ("floor(x)", ["not differentiable where it jumps"]),
        ("2x", ["between “2” and it an operator is missing"]),
        ("x(y + 1)", ["to multiply, write x*(…)"]),
        ("x**y", ["no rational number", "write exp(…*log(…))"]),
        ("ln(x)", ["no function ln", "write log"]),
        ("x // y", ["“//”, which jumps"]),
        ("sqrt(x**2)", ["which is |x|"]),
        ("lambda*x", ["words of Python"]),
        ("9**9**9*x", ["the exponent 387420489", "from -32 to 32"]),
        ("x" * 2000, ["2,000 characters", "at most 1,000"]),
        ("y + x.z", ["“y + x→.z”"]),
        ("x + " * 20 + "[", ["“…x + x + x + x + x + x + →[”"]),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(text: str, words: list[str]):
    message = str(refused(text))
    for word in words:
        assert word in message


def test_an_error_is_a_value_error_that_can_be_pickled():
    error = refused("x + [y]")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ValueError) and isinstance(again, FormulaError)
    assert (str(again), again.position) == (str(error), 4)


# -- nothing runs ----------------------------------------------------------------------------

AUDITED = """
import builtins, sys
import sympy.assumptions.wrapper, sympy.assumptions.ask
from landscapes import Formula
from tests.landscapes.test_formula_hostile import HOSTILE, SEEDS, mutated, attempt
called, events = [], []
builtins.canary = lambda *a: called.append(a)
for text in [*SEEDS, "tan(pi/2)*x", "sqrt(x^6)", "exp(9*log(x))", "2**(1/2)*x"]:
    attempt(text)      # whatever SymPy imports when it is first used, it does so now
watching = True
def hook(event, args):
    if watching and event.split(".")[0] in {"exec", "compile", "import", "open", "os", "subprocess",
                                            "socket", "shutil", "pty", "ctypes", "marshal"}:
        events.append((event, str(args)[:200]))
sys.addaudithook(hook)
for text, _ in HOSTILE:
    attempt(text)
for text in mutated(2000, seed=5):
    attempt(text)
seen = list(events)
eval("1 + 1")          # the hook does see what is run
watching = False
print(len(seen), seen[:3], len(called), len(events) > len(seen))
"""


@pytest.mark.slow
def test_nothing_is_executed_imported_or_opened(run_python):
    program = AUDITED
    assert run_python(program) == "0 [] 0 True"


# -- mutated formulas ------------------------------------------------------------------------

SEEDS = [
    "x**4/4 - x*y + y**2/2", "log(cosh(x*y))", "sqrt(1 + (x*y)^2) - 1", "exp(-x**2)*sin(3*y)",
    "(1 - x)^2 + 100*(y - x^2)^2", "tanh(x)*cosh(y) - atan(z)/2.5e-1", "pi*x**2/(1 + e^-x)",
    "x**(-3/2) + tan(y)**2", "((x - 1)**2 + (y + 2)**2)**2", "x*(y - z*(x + 1/3))**3",
    "sinh(x)/cosh(y)", "cos(x*y*z) + .5*z**2",
]  # fmt: skip
TERMS = [
    *"xyz29",
    "+x",
    "-y*",
    "*2",
    "**3",
    "^2",
    "/7",
    "+sin(x*y)",
    "*exp(z)",
    "-(x+y)",
    "+1/",
    "-",
]
PIECES = [
    *"xyzab0123456789+-*/^()., eE_", "**", "//", "sin(", "log(", "sqrt(", "exp(", "cosh(", "pi",
    "e", "(1/2)", "**(1/2)", "**-1", "1e40", "1e-40", "0", "x**32", "__", "'", '"', "[", "]", "{",
    "}", ":", ";", "=", "lambda", " if ", ".__class__", "__import__('os')", "canary()", "²", "−",
    "х", "\n", "\0", "abs(", "9**9", "tan(pi/2)", "((((", "))))", "log(0)", "sqrt(-1)",
]  # fmt: skip


def mutated(n: int, seed: int) -> list[str]:
    """n formulas, each made from another by a few changes."""
    draw = random.Random(seed)
    found = []
    while len(found) < n:
        text = draw.choice(SEEDS)
        for _ in range(draw.choice((1, 1, 2, 3, 5))):
            piece = draw.choice(TERMS if draw.random() < 0.6 else PIECES)
            i, j = sorted((draw.randint(0, len(text)), draw.randint(0, len(text))))
            how = draw.randrange(5)
            if how == 0:
                text = text[:i] + piece + text[i:]
            elif how == 1:
                text = text[:i] + text[i + 1 :]
            elif how == 2:
                text = text[:i] + piece + text[i + 1 :]
            elif how == 3:
                text = text[:i] + text[i:j] * 2 + text[j:]
            else:
                other = draw.choice(SEEDS)
                text = text[:i] + other[draw.randint(0, len(other)) :] + text[j:]
        found.append(text[:1200])
    return found


def attempt(text: str) -> bool:
    """Whether the text is accepted; it must be a landscape or a `FormulaError`, nothing else."""
    try:
        found = Formula(text)
    except FormulaError as error:
        assert 0 <= error.position <= len(text)
        assert str(error).isprintable()
        return False
    assert isinstance(found.symbolic().expression, sympy.Expr)
    assert found.dim == len(found.symbolic().point) >= 1
    return True


def fuzz(n: int, seed: int) -> None:
    began = time.perf_counter()
    slowest, accepted = 0.0, 0
    for text in mutated(n, seed):
        one = time.perf_counter()
        accepted += attempt(text)
        slowest = max(slowest, time.perf_counter() - one)
    assert n / 50 < accepted < n * 0.9  # the mutants are neither all wrong nor all right
    assert slowest < 5.0
    assert time.perf_counter() - began < max(60.0, n * 0.02)


@pytest.mark.slow
def test_mutated_formulas_are_read_or_refused():
    fuzz(4000, seed=1)


@pytest.mark.slow
def test_a_hundred_thousand_mutated_formulas_are_read_or_refused():
    fuzz(100_000, seed=2)


def test_the_functions_are_those_that_are_promised():
    for name in FUNCTIONS:
        assert attempt(f"x + {name}(y)")
