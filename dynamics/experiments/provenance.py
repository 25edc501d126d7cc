"""What a result was made from and with, and how two such records differ."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from typing import Any

from dynamics.algorithms.algorithm import Algorithm
from dynamics.algorithms.rules import Bound
from dynamics.engine import engine
from dynamics.experiments.experiment import Experiment
from landscapes.console import versions

_PACKAGES = ("ravine", "jax", "jaxlib", "llvmlite", "numpy", "sympy", "xarray")
# Of longer texts, only the surroundings of their first difference are shown.
_LONG = 120

# Rules of these modules are told by their name alone.
_OURS = ("dynamics.algorithms.rules", "dynamics.algorithms.catalogue")


def provenance(experiment: Experiment, made_in: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of a result: all arguments that bear on it, and where it was computed.

    η, ρ and the starts stand in the result itself; `starts` says how they were made.
    """
    settings = experiment.settings
    found: dict[str, Any] = {
        "landscape": repr(experiment.landscape),
        "algorithms": "; ".join(_definition(a) for a in experiment.algorithms),
        "n_steps": settings.n_steps,
        "observables": " ".join(f"{o}:{r}" for o, r, _ in settings.observables),
        "mean_last": settings.mean_last,
        "trace_every": settings.trace_every,
        "criteria": repr(settings.criteria),
        "early_stop": str(settings.early_stop),
        "starts": experiment.starts_made_by,
        "precision": "float64",
    }
    if not experiment.is_grid:
        found["algorithm"] = experiment.algorithms[0].name
    return {**found, **made_in}


def environment() -> dict[str, str]:
    """The devices of this process and the versions of what it computes with."""
    found = {
        f"{package}_version": version or "not installed"
        for package, version in versions(*_PACKAGES).items()
    }
    return {"device": engine.device_name(), "python": platform.python_version()} | found


def _definition(algorithm: Algorithm) -> str:
    ascent = "no ascent" if algorithm.ascent is None else _rule(algorithm.ascent)
    parts = [ascent, _rule(algorithm.descent)]
    parts += [repr(part) for part in (algorithm.base, algorithm.order) if part is not None]
    parts += [_rule(algorithm.schedule)] if algorithm.schedule is not None else []
    return f"{algorithm.name}: {', '.join(parts)}"


def _rule(rule: Any) -> str:
    # A rule of Ravine by its own name, any other with the module it comes from.
    if isinstance(rule, Bound):
        given = ", ".join(f"{n}={_rule(v) if callable(v) else repr(v)}" for n, v in rule.values)
        return f"{_rule(rule.function)}({given})"
    module, name = getattr(rule, "__module__", ""), getattr(rule, "__qualname__", repr(rule))
    return name if module in _OURS else f"{module}.{name}"


def differences(
    stored: Mapping[str, Any],
    asked: Mapping[str, Any],
    sides: tuple[str, str] = ("in the store", "asked for"),
) -> list[str]:
    """One line for each field in which two records differ; [] where they agree.

    How many devices of a kind there are is no difference: no result depends on it.
    """
    lines = []
    for field in (*asked, *(name for name in stored if name not in asked)):
        one, other = (record.get(field, "nothing") for record in (stored, asked))
        if field == "device":
            one, other = _kind(one), _kind(other)
        if one != other:
            one, other = _apart(str(one) or "none", str(other) or "none")
            lines.append(f"{field}: {one} {sides[0]}, {other} {sides[1]}")
    return lines


def _kind(device: Any) -> str:
    return re.sub(r"^\d+ × |, \d+ threads", "", str(device))


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two texts, cut to where they differ if they are long."""
    if max(len(one), len(other)) <= _LONG:
        return one, other
    pairs = enumerate(zip(one, other, strict=False))
    first = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    begin = max(0, first - _LONG // 4)
    return _cut(one, begin), _cut(other, begin)


def _cut(text: str, begin: int) -> str:
    end = begin + _LONG
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
