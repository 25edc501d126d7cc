"""Breaking the code turns the ledger red.

Each case edits one line of a copy of the tree and runs a part of the ledger there. At least three
claims must report it, whether their proof, their evidence or one of their controls notices.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.ledger

BREAKS = {
    "sign of the ascent flipped": (
        "    return rho * here.g.unit()\n",
        "    return -(rho * here.g.unit())\n",
        ("bartlett2023_bouncing", "bartlett2023_bouncing_rate", "dai2023_conservation"),
    ),
    "renormalisation dropped": (
        "    return here.g.norm() * ascended.g.unit()\n",
        "    return ascended.g\n",
        ("tan2024_stablesam_threshold", "bartlett2023_sam_never_settles", "dai2023_conservation"),
    ),
    "ascent not normalised": (
        "    return rho * here.g.unit()\n",
        "    return rho * here.g\n",
        ("bartlett2023_bouncing", "dai2023_sam_bound_corrected", "bartlett2023_sam_never_settles"),
    ),
    "radius halved": (
        "    return rho * here.g\n",
        "    return rho / 2 * here.g\n",
        ("dai2023_usam_threshold", "dai2023_usam_trap", "dai2023_conservation"),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_at_least_three_claims_report(name, tmp_path):
    line, broken, claims = BREAKS[name]
    for package in ("landscapes", "dynamics", "proofs_check"):
        shutil.copytree(ROOT / package, tmp_path / package)
    rules = tmp_path / "dynamics" / "algorithms" / "rules.py"
    text = rules.read_text(encoding="utf-8")
    assert text.count(line) == 1, "the line to be broken is not there exactly once"
    rules.write_text(text.replace(line, broken), encoding="utf-8")
    ledger = tmp_path / "ledger.json"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "proofs_check", *claims, "--json", str(ledger)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    rows = json.loads(ledger.read_text(encoding="utf-8"))["ledger"]
    changed = [row["id"] for row in rows if row["finding"] != row["recorded"]]
    assert sorted(changed) == sorted(claims)
    for claim in claims:
        assert f"CHANGED {claim}" in done.stderr
