"""What the documents say is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import matplotlib
import numpy as np
import pytest

from dynamics import Outcome
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
def test_the_readme_example_runs_and_prints_what_theory_says(capsys):
    example, *_ = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    exec(compile(example, "README", "exec"), {})
    out = capsys.readouterr().out
    # Spectrum (2, ½): GD and SAM lose stability at 2/2 = 1; the grid's step is 0.05. USAM's edge
    # is 2/(2 + 4ρ): 0.833 for ρ = 0.1 and 1/3 for ρ = 1.
    first = {
        line.split(":")[0]: [float(n) for n in re.findall(r"\d+\.\d+", line.split("on;")[0])]
        for line in out.splitlines()
    }
    assert all(1.0 <= eta <= 1.06 for eta in first["GD"] + first["SAM"])
    assert 0.83 < first["USAM"][0] <= 0.89 and 0.33 < first["USAM"][1] <= 0.39


@pytest.mark.slow
def test_the_readme_example_of_a_formula_lays_the_prediction_over_the_simulation(
    tmp_path, monkeypatch, capsys
):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    _, example, *_ = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) < 15
    here = {}
    exec(compile(example, "README", "exec"), here)
    assert (tmp_path / "stability.png").exists() and "minimum (1, 1)" in capsys.readouterr().out
    edge = here["theory"]["minimum (1, 1)"].threshold_at(here["rho"])[:, None]
    converged = (here["runs"].outcome == Outcome.CONVERGED).values.squeeze()
    # A grid step from the edge a deviation is multiplied by 0.98 or less, or by 1.02 or more.
    clear = abs(here["eta"] - edge) > 0.01
    np.testing.assert_array_equal(converged[clear], (here["eta"] < edge)[clear])


@pytest.mark.slow
def test_the_readme_example_of_things_of_ones_own_runs(capsys):
    *_, example = blocks("python")
    here = {}
    exec(compile(example, "README", "exec"), here)
    printed = capsys.readouterr().out
    assert "nothing is found to be false" in printed and "HalfSignSAM" in printed
    runs = here["runs"]
    np.testing.assert_array_equal(runs.height_min, runs.height_trace.min("step"))
    assert not np.allclose(runs.final.sel(algorithm="SAM"), runs.final.sel(algorithm="HalfSignSAM"))


@pytest.mark.slow
def test_the_examples_of_large_sweeps_run(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "large_sweeps.md").read_text(encoding="utf-8")
    question, stored, opened, *shared = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    here = {}
    for example in (question, stored, opened):
        exec(compile(example, "large_sweeps", "exec"), here)
    assert here["runs"].attrs["starts"] in capsys.readouterr().out
    # As a file, for what starts processes must be one that can be imported.
    assert len(shared) == 2
    same = "    import numpy\n    numpy.save('shared', shared['final'].values)\n"
    (tmp_path / "examples.py").write_text("\n".join([question, *shared]) + same, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "examples.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load("shared.npy"), here["runs"]["final"][:1])


@pytest.mark.slow
def test_the_examples_of_checked_optimizers_run(capsys):
    page = (ROOT / "docs" / "check_optimizer.md").read_text(encoding="utf-8")
    here = {}
    for example in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(example, "check_optimizer", "exec"), here)
    printed = "".join(re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL))
    # All but the coordinates, which another machine may round otherwise.
    words = re.compile(r"-?\d+\.\d+(e-?\d+)?(?=[,\]])")
    assert words.sub("…", capsys.readouterr().out) == words.sub("…", printed)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, flags=re.MULTILINE))
    assert rows == here["check_optimizer"].__globals__["EXPLANATIONS"]


def test_the_makefile_has_the_targets_that_the_readme_names():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
    ],
)
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_in_the_tree_depends_on_where_it_was_written():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = "|".join(re.escape(h) for h in ("py" + "pi.org", "python" + "hosted", "npm" + "js"))
    bad = re.compile(rf"(?<![\w.])/(home|root|work|farm)/|{hosts}")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in {".png", ".nc"} or not path.exists():
            continue
        assert not bad.search(path.read_text(encoding="utf-8")), name
