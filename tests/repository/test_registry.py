"""Nothing is forgotten: every module that defines something is imported, under its own name."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from dynamics import ALGORITHMS
from figures import FIGURES
from landscapes import LANDSCAPES
from proofs_check import CLAIMS
from tests.support.paths import ROOT

# Where each package keeps what there are many of.
COLLECTIONS = {
    "landscapes": "landscapes/collection",
    "proofs_check": "proofs_check/claims",
    "figures": "figures/plates",
}


def imported_modules(init: str, package: str) -> set[str]:
    """The modules of `package`, dotted and without its name, that its `__init__` text imports."""
    found = set()
    for node in ast.walk(ast.parse(init)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {n.removeprefix(f"{package}.") for n in names if n.startswith(f"{package}.")}
    return found


def forgotten(defining: set[str], imported: set[str]) -> list[str]:
    """Modules that define something and are not imported."""
    return sorted(defining - imported)


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def landscape_modules(root: Path = ROOT) -> dict[str, str]:
    """Module name → class name, of each module with a public class that derives from a landscape.

    A class counts by its bases as they are written, so that nothing has to be imported; those that
    are abstract do not count, but make a base.
    """
    classes = {
        path: node
        for path in sorted((root / "landscapes").rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    abstract = {
        node.name for node in classes.values() if "abstract" in {k.arg for k in node.keywords}
    }
    return {
        path.stem: node.name
        for path, node in classes.items()
        if path.parent == root / COLLECTIONS["landscapes"]
        and node.name not in abstract
        and any(
            name.endswith("Landscape") or name in LANDSCAPES or name in abstract
            for name in map(ast.unparse, node.bases)
        )
    }


def registering_modules(folder: Path) -> set[str]:
    """Modules in the folder that call `register(…)` at their top level."""
    return {
        path.stem
        for path in folder.glob("*.py")
        if any(
            isinstance(node, (ast.Expr, ast.Assign))
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "register"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    }


def claim_modules(root: Path = ROOT) -> set[str]:
    """Every module in a paper's folder, as `paper.module`."""
    folder = root / COLLECTIONS["proofs_check"]
    papers = [path for path in folder.iterdir() if (path / "__init__.py").exists()]
    return {
        f"{paper.name}.{path.stem}"
        for paper in papers
        for path in paper.glob("*.py")
        if not path.name.startswith("_")
    }


def missing(root: Path = ROOT) -> dict[str, list[str]]:
    """What the `__init__` of each package's collection forgets."""
    defining = {
        "landscapes": set(landscape_modules(root)),
        "proofs_check": claim_modules(root),
        "figures": registering_modules(root / COLLECTIONS["figures"]),
    }
    return {
        package: forgotten(
            modules,
            imported_modules(
                (root / COLLECTIONS[package] / "__init__.py").read_text(encoding="utf-8"),
                COLLECTIONS[package].replace("/", "."),
            ),
        )
        for package, modules in defining.items()
    }


@pytest.mark.breadth
@pytest.mark.parametrize("package", ["landscapes", "proofs_check", "figures"])
def test_every_module_is_imported_by_its_package(package: str):
    assert missing()[package] == []


def test_a_landscape_is_named_as_its_file():
    found = landscape_modules()
    assert len(found) >= 4
    assert {snake_case(name): name for name in found.values()} == found
    assert {*found.values(), "Formula"} == set(LANDSCAPES)


def test_a_claim_is_named_as_its_file_and_its_paper():
    assert CLAIMS
    assert sorted(CLAIMS) == sorted(module.partition(".")[2] for module in claim_modules())
    for paper, _, name in (module.partition(".") for module in claim_modules()):
        assert name.startswith(f"{paper}_")


def test_a_figure_is_named_as_its_file():
    assert FIGURES
    assert set(FIGURES) == registering_modules(ROOT / COLLECTIONS["figures"])
    for name, figure in FIGURES.items():
        assert figure.name == name
        assert set(figure.claims) <= set(CLAIMS)


def test_names_are_unique_across_what_is_cited_by_name():
    modules = [module.partition(".")[2] for module in claim_modules()]
    assert len(set(modules)) == len(modules)
    assert len({name.lower() for name in ALGORITHMS}) == len(ALGORITHMS)
    assert not set(FIGURES) & set(CLAIMS)


# -- forgetting is red -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("package", ["landscapes", "proofs_check", "figures"])
def test_a_forgotten_line_is_seen(package: str, tmp_path: Path):
    for name in ("landscapes", "proofs_check", "figures"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    new = {
        "landscapes": (
            "landscapes/collection/other_one.py",
            "class OtherOne(Landscape):\n    ...",
        ),
        "proofs_check": ("proofs_check/claims/dai2023/dai2023_other.py", "register(Claim())\n"),
        "figures": ("figures/plates/other_one.py", "figure = register(Figure())\n"),
    }
    path, source = new[package]
    before = missing(tmp_path)
    (tmp_path / path).write_text(source, encoding="utf-8")
    after = missing(tmp_path)
    assert set(after[package]) - set(before[package]) == {
        ".".join(Path(path).with_suffix("").parts[2:])
    }
    # … and the line in the collection's __init__ is what mends it.
    module = ".".join(Path(path).with_suffix("").parts)
    parent, _, last = module.rpartition(".")
    with (tmp_path / COLLECTIONS[package] / "__init__.py").open("a", encoding="utf-8") as init:
        init.write(f"from {parent} import {last} as {last}\n")
    assert missing(tmp_path) == before
