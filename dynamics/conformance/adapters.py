"""Foreign optimisers of three kinds, each made into functions that take a path.

One optimiser may be used in several ways; each way is a `Use`, and the diagnosis tries them all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynamics.conformance import probes
from landscapes.checks import shown

Real = np.ndarray
#: A step function that has an argument of this name is handed ∇L of all examples there.
WHOLE_GRADIENT = "whole_gradient"
ACCEPTED = (
    "a step function (gradient, w, eta, rho), a gradient transformation of optax or a function "
    "(eta, rho) that makes one, or an optimiser class of torch or a function (parameters, eta, "
    "rho) that makes one"
)


@dataclass(frozen=True)
class Use:
    """One way to call an optimiser.

    Attributes:
        label: that way, in words.
        steps: from (gradient, start, eta, rho) the points after each step, for ever.
        takes_whole: whether it asks for the gradient of all examples beside that of those drawn.
    """

    label: str
    steps: Callable[[Any, Real, float, float], Iterator[Any]]
    takes_whole: bool = False

    def path(
        self, start: Real, eta: float, rho: float, n_steps: int, *, draws: bool = False
    ) -> tuple[Real, int]:
        """The points, `(n_steps + 1, dim)`, and how many gradients the first step took.

        If it draws, all gradients of a step are of the example that the step draws.

        Raises `ValueError` where a step does not return a point.
        """
        asked, t = 0, 1

        def gradient(w: Any) -> Any:
            nonlocal asked
            asked += 1
            return probes.gradients(draws)(t)(w if isinstance(w, jax.Array) else np.asarray(w))

        visited, of_first = [start], 0
        with np.errstate(all="ignore"), jax.enable_x64(True):
            steps = self.steps(gradient, start.copy(), eta, rho)
            for t in range(1, n_steps + 1):
                w = np.asarray(next(steps), dtype=np.float64)
                if w.shape != start.shape:
                    raise ValueError(
                        f"a step must return a point, shape {start.shape}; got shape {w.shape}"
                    )
                visited.append(w)
                of_first = asked if t == 1 else of_first
        return np.array(visited), of_first


def uses(optimizer: Any, gradients_per_step: int | None) -> tuple[list[Use], bool]:
    """The ways to use it, and whether it is made for each η and ρ (or was made for one).

    Raises `ValueError` for what is none of `ACCEPTED`.
    """
    if _is_transformation(optimizer):
        return _of_optax(lambda eta, rho: optimizer, gradients_per_step), False
    if inspect.isclass(optimizer):
        if callable(getattr(optimizer, "step", None)):
            return _of_torch(_maker(optimizer), optimizer), True
    elif callable(optimizer):
        if WHOLE_GRADIENT in _parameters(optimizer):
            return [Use("a step function on examples", _of_function(optimizer), True)], True
        for n in _n_arguments(optimizer):
            if n == 4:
                return [Use("a step function", _of_function(optimizer))], True
            if n == 3:
                return _of_torch(optimizer, None), True
            if n == 2:
                return _of_optax(optimizer, gradients_per_step), True
    raise ValueError(f"optimizer must be {ACCEPTED}; got {shown(optimizer)}")


def _n_arguments(function: Any) -> tuple[int, ...]:
    """How many arguments it must be given, and how many it can be."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    can = [p for p in _parameters(function).values() if p.kind in kinds]
    return sum(p.default is inspect.Parameter.empty for p in can), len(can)


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _of_function(step: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def steps(gradient: Any, w: Any, eta: float, rho: float) -> Iterator[Any]:
        more: dict[str, Any] = {}
        if WHOLE_GRADIENT in _parameters(step):
            more[WHOLE_GRADIENT] = lambda w: probes.gradient(
                w if isinstance(w, jax.Array) else np.asarray(w)
            )
        while True:
            w = step(gradient, w, eta, rho, **more)
            if not isinstance(w, jax.Array):
                w = np.asarray(w)
            yield np.array(w)  # theirs may be changed in place

    return steps


# -- optax -------------------------------------------------------------------------------------


def _is_transformation(x: Any) -> bool:
    return not inspect.isclass(x) and all(callable(getattr(x, f, None)) for f in ("init", "update"))


def _of_optax(make: Any, gradients_per_step: int | None) -> list[Use]:
    counts = (1, 2) if gradients_per_step is None else (gradients_per_step,)

    def use(count: int) -> Use:
        def steps(gradient: Any, w: Real, eta: float, rho: float) -> Iterator[Any]:
            transformation = make(eta, rho)
            if not _is_transformation(transformation):
                raise ValueError(
                    "a function (eta, rho) must make a gradient transformation of optax; it made "
                    f"{shown(transformation)}"
                )
            parameters = tuple(jnp.asarray(w[part]) for part in probes.TENSORS)
            state = transformation.init(parameters)

            def of_tensors(tensors: Any, *_: Any) -> Any:
                g = gradient(np.concatenate([np.asarray(p) for p in tensors]))
                return tuple(
                    jnp.asarray(g[part], dtype=p.dtype)
                    for part, p in zip(probes.TENSORS, tensors, strict=True)
                )

            # Those that take more than gradients, such as SAM in its opaque mode.
            takes_more = type(transformation).__name__ == "GradientTransformationExtraArgs"
            more = {"grad_fn": of_tensors} if takes_more else {}
            while True:
                for _ in range(count):
                    g = of_tensors(parameters)
                    updates, state = transformation.update(g, state, parameters, **more)
                    parameters = jax.tree.map(lambda p, u: p + u, parameters, updates)
                yield np.concatenate([np.asarray(p) for p in parameters])

        calls = "one call" if count == 1 else f"{count} calls"
        return Use(f"a transformation of optax, {calls} a step", steps)

    return [use(count) for count in counts]


# -- torch -------------------------------------------------------------------------------------


def _maker(cls: Any) -> Any:
    """(parameters, eta, rho) → an optimiser, by the names that its constructor has."""

    def make(parameters: Any, eta: float, rho: float) -> Any:
        names = inspect.signature(cls).parameters
        given: dict[str, Any] = {"lr": eta}
        if "base_optimizer" in names:
            import torch  # pyright: ignore[reportMissingImports]

            given["base_optimizer"] = torch.optim.SGD
        if "rho" in names:
            given["rho"] = rho
        return cls(parameters, **given)

    return make


def _of_torch(make: Any, cls: Any) -> list[Use]:
    def use(label: str, advance: Callable[[Any, Callable[[], Any]], None]) -> Use:
        def steps(gradient: Any, w: Real, eta: float, rho: float) -> Iterator[Any]:
            import torch  # pyright: ignore[reportMissingImports]

            tensors = [
                torch.tensor(w[part], dtype=torch.float64, requires_grad=True)
                for part in probes.TENSORS
            ]
            optimizer = make(list(tensors), eta, rho)

            def whole() -> Real:
                return np.concatenate([t.detach().double().numpy() for t in tensors])

            def backward() -> Any:
                """Adds ∇L to what the tensors have in `grad`, as a backward pass does."""
                g = gradient(whole())
                parts = [torch.tensor(g[part], dtype=torch.float64) for part in probes.TENSORS]
                both = zip(tensors, parts, strict=True)
                loss = torch.stack([(tensor * part).sum() for tensor, part in both]).sum()
                loss.backward()
                return loss.detach()

            while True:
                advance(optimizer, backward)
                yield whole()

        return Use(label, steps)

    in_two_steps = cls is None or callable(getattr(cls, "first_step", None))
    found = []
    if in_two_steps:
        found.append(use("a torch optimiser, first_step and second_step", _two_steps))
        found.append(use("a torch optimiser, backward, then step(closure)", _closure_after))
    if cls is None or not in_two_steps:
        found.append(use("a torch optimiser, step(closure)", _closure))
        found.append(use("a torch optimiser, backward, then step()", _no_closure))
    return found


def _two_steps(optimizer: Any, backward: Any) -> None:
    backward()
    optimizer.first_step(zero_grad=True)
    backward()
    optimizer.second_step(zero_grad=True)


def _closure_after(optimizer: Any, backward: Any) -> None:
    backward()
    optimizer.step(backward)
    optimizer.zero_grad()


def _closure(optimizer: Any, backward: Any) -> None:
    def closure() -> Any:
        optimizer.zero_grad()
        return backward()

    optimizer.step(closure)


def _no_closure(optimizer: Any, backward: Any) -> None:
    optimizer.zero_grad()
    backward()
    optimizer.step()
