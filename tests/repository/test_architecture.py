"""How the code is laid out: imports point one way, and some things are not to be found in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Each package may import itself and those before it.
PACKAGES = ("landscapes", "dynamics", "proofs_check", "figures")
# Libraries that belong to some of the packages only.
HOMES = {
    "sympy": {"landscapes", "proofs_check"},
    "matplotlib": {"figures"},
    "z3": {"proofs_check"},
    "hypothesis": set(),
    "pytest": set(),
}
# Within and between packages, rooms that a module may not import from, by where it lives; the first
# line that fits counts. What two of them share lives in `laws`, below both.
CLAIMS_ROOM = "proofs_check.claims"
ROOMS = {
    "proofs_check.claims": (CLAIMS_ROOM, "proofs_check.ledger", "proofs_check.report"),
    "proofs_check.laws": (CLAIMS_ROOM, "proofs_check.sampling", "proofs_check.local_theory"),
    "proofs_check.local_theory": (CLAIMS_ROOM, "proofs_check.sampling", "proofs_check.laws"),
    "proofs_check.sampling": (CLAIMS_ROOM, "proofs_check.laws", "proofs_check.local_theory"),
    "proofs_check": (CLAIMS_ROOM,),
    "figures": (CLAIMS_ROOM, "proofs_check.sampling"),
}
MOST_LINES = 400
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(source: str) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def misplaced(package: str, source: str) -> list[str]:
    """What a module of this package imports and must not."""
    later = PACKAGES[PACKAGES.index(package) + 1 :]
    return sorted(
        name
        for name in imported(source)
        if name in later
        or name in ("tests", "benchmarks")
        or package not in HOMES.get(name, PACKAGES)
    )


def modules_imported(source: str) -> set[str]:
    """The modules that one imports, dotted, wherever in it; `from a import b` may be module a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def out_of_room(module: str, source: str) -> list[str]:
    """What a module, dotted, imports from rooms that are closed to it."""

    def within(name: str, room: str) -> bool:
        return name == room or name.startswith(f"{room}.")

    closed = next((rooms for room, rooms in ROOMS.items() if within(module, room)), ())
    return sorted(
        name for name in modules_imported(source) if any(within(name, room) for room in closed)
    )


def circles(imports: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """The pairs of modules that import each other, `if TYPE_CHECKING` included."""
    return sorted(
        (one, other)
        for one, those in imports.items()
        for other in those
        if one < other and one in imports.get(other, set())
    )


def calls(source: str, name: str) -> list[int]:
    """The lines that call the built-in of this name."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


SMALL_NAME = re.compile(r"eps|epsilon|tiny|small", re.IGNORECASE)
LENGTH = re.compile(r"norm|sqrt|length|hypot", re.IGNORECASE)


def _is_small(node: ast.expr) -> bool:
    """A literal such as 1e-12, or something called eps, tiny, ….eps."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float) and 0 < node.value < 1e-4
    if isinstance(node, (ast.Name, ast.Attribute)):
        return SMALL_NAME.search(ast.unparse(node)) is not None
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_small(node.left)


def _is_length(node: ast.expr) -> bool:
    return LENGTH.search(ast.unparse(node)) is not None


def epsilons(source: str) -> Iterator[int]:
    """The lines where something small is added to a length, or under a root, or in a divisor."""
    tree = ast.parse(source)
    guarded = {
        inner
        for node in ast.walk(tree)
        for outer in (
            node.args if isinstance(node, ast.Call) and _is_length(node.func)
            else [node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            else []
        )
        for inner in ast.walk(outer)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = (node.left, node.right)
            if any(_is_small(side) for side in sides) and (
                node in guarded or any(_is_length(side) for side in sides)
            ):
                yield node.lineno


def test_there_are_modules():
    assert len(MODULES) > 30
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.breadth
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_keeps_the_rules(path: Path):
    package, source = path.relative_to(ROOT).parts[0], path.read_text(encoding="utf-8")
    assert misplaced(package, source) == []
    assert len(source.splitlines()) <= MOST_LINES
    if path.name != "__main__.py":
        assert calls(source, "print") == []
    if package in ("landscapes", "dynamics"):
        assert list(epsilons(source)) == []


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name != "__init__.py"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_module_imports_from_the_rooms_below_it(path: Path):
    assert out_of_room(dotted(path), path.read_text(encoding="utf-8")) == []


def test_no_two_modules_of_the_theory_import_each_other():
    theory = [path for path in MODULES if path.is_relative_to(ROOT / "proofs_check")]
    imports = {dotted(path): modules_imported(path.read_text("utf-8")) for path in theory}
    assert len(imports) > 40 and circles(imports) == []


@pytest.mark.breadth
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


# -- the rules can fail ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "source", "expected"),
    [
        ("landscapes", "import dynamics.engine", ["dynamics"]),
        ("landscapes", "def f():\n    from figures import style", ["figures"]),
        ("dynamics", "import sympy", ["sympy"]),
        ("dynamics", "from proofs_check.claim import Claim", ["proofs_check"]),
        ("proofs_check", "import matplotlib.pyplot as plt", ["matplotlib"]),
        ("figures", "import z3", ["z3"]),
        ("figures", "import benchmarks", ["benchmarks"]),
        ("figures", "import sympy", ["sympy"]),
        ("figures", "import landscapes, dynamics, proofs_check, numpy", []),
        ("dynamics", "import jax, landscapes\nfrom dynamics import rules", []),
    ],
)
def test_a_misplaced_import_is_seen(package: str, source: str, expected: list[str]):
    assert misplaced(package, source) == expected


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("figures.plates.drift", "from proofs_check.claims.dai2023 import dai2023_sam_drift",
         ["proofs_check.claims.dai2023", "proofs_check.claims.dai2023.dai2023_sam_drift"]),
        ("figures.atlas", "from proofs_check import claims", ["proofs_check.claims"]),
        ("proofs_check.laws.any", "import proofs_check.claims.x", ["proofs_check.claims.x"]),
        ("proofs_check.laws.any", "def f():\n    from proofs_check.claims.x import y",
         ["proofs_check.claims.x", "proofs_check.claims.x.y"]),
        ("proofs_check.claims.a.b", "from proofs_check.claims.a.c import y",
         ["proofs_check.claims.a.c", "proofs_check.claims.a.c.y"]),
        ("proofs_check.ledger", "import proofs_check.claims", ["proofs_check.claims"]),
        ("proofs_check.claims.a.b", "from proofs_check.laws.any import y", []),
        ("proofs_check.ledger", "from proofs_check.claim import Claim", []),
        ("figures.plates.drift", "from proofs_check.laws.any import y", []),
    ],
)  # fmt: skip
def test_an_import_from_a_closed_room_is_seen(module: str, source: str, expected: list[str]):
    assert out_of_room(module, source) == expected


def test_a_circle_is_seen():
    imports = {"a": {"b", "x"}, "b": {"a"}, "c": {"a"}}
    assert circles(imports) == [("a", "b")]


@pytest.mark.parametrize(
    "line",
    [
        "u = g / (norm(g) + 1e-12)",
        "u = rho / jnp.sqrt(n + tiny)",
        "u = g / (jnp.linalg.norm(g) + eps)",
        "u = g / (1e-16 + g.norm())",
        "length = self.norm() + np.finfo(float).eps",
        "u = rho * g / (s + 1e-8)",
        "n = sqrt(sum(v * v) + 1e-12**2)",
    ],
)
def test_an_epsilon_is_seen(line: str):
    assert list(epsilons(line)) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "n = jnp.sqrt(scaled.dot(scaled)) * inverse",
        "ok = norm(g) <= 1e-10",
        "y = 1 + xp.sqrt(1 + s * s)",
        "reach = 2 * amplitude + tolerance",
    ],
)
def test_what_is_no_epsilon_is_left_alone(line: str):
    assert list(epsilons(line)) == []


def test_a_print_is_seen():
    assert calls("x = 1\nprint(x)\nbar.print(x)", "print") == [2]


# -- what an import costs --------------------------------------------------------------------

# Libraries that take long to import, and are imported where they are used.
HEAVY = ("sympy", "xarray", "pandas", "scipy", "zarr", "optax", "z3", "matplotlib", "rich")


def test_an_import_does_not_load_what_it_may_never_need(run_python):
    program = f"import sys, dynamics; print([m for m in {HEAVY} if m in sys.modules])"
    assert run_python(program) == "[]"
