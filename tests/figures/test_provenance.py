"""Where a figure comes from: the state of the source, and files that are whole or not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from figures import provenance

pytestmark = pytest.mark.figures


def test_git_state_is_of_the_source_or_none(tmp_path: Path):
    (tmp_path / "__init__.py").touch()
    assert provenance.git_state(tmp_path) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_state_sees_changes(tmp_path: Path):
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True)

    (tmp_path / "other").touch()
    git("init", "-q")
    git("add", "other")
    git("commit", "-q", "-m", "first")
    (tmp_path / "__init__.py").touch()
    assert provenance.git_state(tmp_path) is None  # inside a checkout, but not part of it
    git("add", "__init__.py")
    git("commit", "-q", "-m", "second")
    state = provenance.git_state(tmp_path)
    assert state is not None
    assert len(state["commit"]) == 40
    assert state["changed"] is False
    (tmp_path / "__init__.py").write_text("1\n")
    assert provenance.git_state(tmp_path) == state | {"changed": True}
