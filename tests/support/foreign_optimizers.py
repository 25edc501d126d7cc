"""Optimisers as others write them: right ones, and one for each way to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ETA, RHO = 0.1, 0.2


def unit(v: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(v)
    return v / length if length > 0 else v


# -- step functions ----------------------------------------------------------------------------


def gd(gradient, w, eta, rho):
    return w - eta * gradient(w)


def sam(gradient, w, eta, rho):
    return w - eta * gradient(w + rho * unit(gradient(w)))


def usam(gradient, w, eta, rho):
    return w - eta * gradient(w + rho * gradient(w))


def stable_sam(gradient, w, eta, rho):
    g = gradient(w)
    g_asc = gradient(w + rho * unit(g))
    return w - eta * np.linalg.norm(g) * unit(g_asc)


def sam_without_a_guard(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * gradient(w + rho * g / np.linalg.norm(g))


def sam_that_never_stays(gradient, w, eta, rho):
    g = gradient(w)
    length = np.linalg.norm(g)
    return w - eta * gradient(w + rho * (g / length if length > 0 else np.ones_like(w)))


def sam_with_epsilon(epsilon: float) -> Callable:
    def step(gradient, w, eta, rho):
        g = gradient(w)
        return w - eta * gradient(w + rho * g / (np.linalg.norm(g) + epsilon))

    return step


def sam_with_epsilon_under_the_root(epsilon: float) -> Callable:
    def step(gradient, w, eta, rho):
        g = gradient(w)
        return w - eta * gradient(w + rho * g / np.sqrt(g @ g + epsilon))

    return step


def sam_with_a_least_norm(epsilon: float) -> Callable:
    def step(gradient, w, eta, rho):
        g = gradient(w)
        return w - eta * gradient(w + rho * g / max(np.linalg.norm(g), epsilon))

    return step


def adaptive_sam(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * gradient(w + rho * w**2 * g / (np.linalg.norm(np.abs(w) * g) + 1e-12))


def downhill(gradient, w, eta, rho):
    return w - eta * gradient(w - rho * unit(gradient(w)))


def downhill_raw(gradient, w, eta, rho):
    return w - eta * gradient(w - rho * gradient(w))


def accumulated(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * (g + gradient(w + rho * unit(g)))


def accumulated_stable(gradient, w, eta, rho):
    g = gradient(w)
    both = g + gradient(w + rho * unit(g))
    return w - eta * np.linalg.norm(g) * unit(both)


def per_tensor(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * gradient(w + rho * np.concatenate([unit(g[:2]), unit(g[2:])]))


def never_applied(gradient, w, eta, rho):
    gradient(w)
    return w - eta * gradient(w)


def never_removed(gradient, w, eta, rho):
    w = w + rho * unit(gradient(w))
    return w - eta * gradient(w)


def in_single_precision(gradient, w, eta, rho):
    w = w.astype(np.float32)
    return (w - np.float32(eta) * gradient(w + np.float32(rho) * unit(gradient(w)))).astype(
        np.float32
    )


def with_decay(gradient, w, eta, rho):
    return w - eta * (gradient(w + rho * unit(gradient(w))) + 0.03 * w)


class WithMomentum:
    """The velocity outlives the step; a run begins where the point is none that was left."""

    def __init__(self, beta: float, nesterov: bool) -> None:
        self.beta, self.nesterov = beta, nesterov
        self.velocity, self.last = np.zeros(3), np.full(3, np.nan)

    def __call__(self, gradient, w, eta, rho):
        if not np.array_equal(w, self.last):
            self.velocity = np.zeros(3)
        d = gradient(w + rho * unit(gradient(w)))
        self.velocity = self.beta * self.velocity + d
        self.last = w - eta * (d + self.beta * self.velocity if self.nesterov else self.velocity)
        return self.last


def another_radius(gradient, w, eta, rho):
    return w - eta * gradient(w + 1.5 * rho * unit(gradient(w)))


def nonsense(gradient, w, eta, rho):
    return w - eta * np.sin(w)


def epsilon_and_downhill(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * gradient(w - rho * g / (np.linalg.norm(g) + 1e-8))


# -- several departures at once ------------------------------------------------------------------


def clipped(v: np.ndarray, how: str, limit: float) -> np.ndarray:
    if how == "value":
        return np.clip(v, -limit, limit)
    if how == "tensor":
        return np.concatenate([clipped(v[:2], "norm", limit), clipped(v[2:], "norm", limit)])
    length = np.linalg.norm(v) + (1e-6 if how == "torch" else 0.0)
    return v * min(1.0, limit / length) if length > 0 else v


@dataclass
class Combined:
    """SAM and its like with everything that others add to it, each at the user's choice."""

    ascent: str = "unit"
    sign: float = 1.0
    epsilon: float = 0.0
    per_tensor: bool = False
    accumulates: bool = False
    in_both: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    coupled: float = 0.0
    decoupled: float = 0.0
    kept: float = 0.0
    clip: tuple[str, float] | None = None
    clip_first: tuple[str, float] | None = None
    rate: Callable[[int], float] = lambda t: 1.0

    def __post_init__(self) -> None:
        self.last, self.t, self.velocity = np.full(3, np.nan), 0, np.zeros(3)

    def _unit(self, v: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(v) + self.epsilon
        return v / length if length > 0 else v

    def _ascent(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        if self.ascent == "none":
            return 0 * g
        if self.ascent == "raw":
            return g
        if self.ascent == "adaptive":
            return np.abs(w) * self._unit(np.abs(w) * g)
        if self.per_tensor:
            return np.concatenate([self._unit(g[:2]), self._unit(g[2:])])
        return self._unit(g)

    def __call__(self, gradient, w, eta, rho):
        if not np.array_equal(w, self.last):
            self.t, self.velocity = 0, np.zeros(3)
        g = gradient(w) + self.in_both * w
        if self.clip_first:
            g = clipped(g, *self.clip_first)
        e = self.sign * rho * self._ascent(g, w)
        d = g if self.ascent == "none" else gradient(w + e) + self.in_both * (w + e)
        d = d + g if self.accumulates else d
        d = clipped(d, *self.clip) if self.clip else d
        d = d + self.coupled * w
        share = 1 - self.dampening if self.t else 1.0
        self.velocity = self.momentum * self.velocity + share * d
        u = d + self.momentum * self.velocity if self.nesterov else self.velocity
        self.last = w + self.kept * e - eta * self.rate(self.t) * (u + self.decoupled * w)
        self.t += 1
        return self.last


def gsam(gradient, w, eta, rho):
    g = gradient(w)
    h = gradient(w + rho * unit(g))
    return w - eta * (h - 0.4 * (g - (g @ unit(h)) * unit(h)))


def on_one_tensor(gradient, w, eta, rho):
    g = gradient(w) * [0.0, 0.0, 1.0]
    return w - eta * gradient(w + rho * unit(g))


def adam(gradient, w, eta, rho):
    g = gradient(w)
    return w - eta * g / (np.abs(g) + 1e-8)


# -- on examples ---------------------------------------------------------------------------------


def n_sam(gradient, w, eta, rho, whole_gradient):
    return w - eta * gradient(w + rho * unit(whole_gradient(w)))


def dnsam(gradient, w, eta, rho, *, whole_gradient):
    length = np.linalg.norm(whole_gradient(w))
    return w - eta * gradient(w + (rho / length if length > 0 else 0.0) * gradient(w))


def one_sam(gradient, w, eta, rho, whole_gradient):
    return sam(gradient, w, eta, rho)


def whole_sam(gradient, w, eta, rho, whole_gradient):
    return sam(whole_gradient, w, eta, rho)


def usam_on_examples(gradient, w, eta, rho, whole_gradient):
    return usam(gradient, w, eta, rho)


def n_sam_with_epsilon_and_decay(gradient, w, eta, rho, whole_gradient):
    g = whole_gradient(w)
    direction = gradient(w + rho * g / (np.linalg.norm(g) + 1e-12))
    return w - eta * (direction + 0.01 * w)


# -- torch -------------------------------------------------------------------------------------


def torch_optimizers() -> dict[str, Any]:
    """Optimisers of torch, in the two styles that are common. Needs torch."""
    import torch  # pyright: ignore[reportMissingImports]

    optimizer: Any = torch.optim.Optimizer  # whose methods are called in other ways here

    class TwoSteps(optimizer):
        """The style of the best-known code: a base optimiser, first_step and second_step."""

        softening, sign, removes, zeroes, per_tensor, applies = 0.0, 1.0, True, True, False, True

        def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
            super().__init__(params, {"rho": rho, **kwargs})
            self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
            self.param_groups = self.base_optimizer.param_groups

        def _length(self, gradients):
            return torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))

        @torch.no_grad()
        def first_step(self, zero_grad=False):
            for group in self.param_groups:
                length = self._length([p.grad for p in group["params"]])
                for p in group["params"]:
                    self.state[p]["old"] = p.data.clone()
                    own = self._length([p.grad]) if self.per_tensor else length
                    if own > 0 and self.applies:
                        factor = self.sign * group["rho"] / (own + self.softening)
                        p.add_(p.grad * factor)
            if zero_grad and self.zeroes:
                self.zero_grad()

        @torch.no_grad()
        def second_step(self, zero_grad=False):
            for group in self.param_groups:
                for p in group["params"]:
                    if self.removes:
                        p.data = self.state[p]["old"]
            self.base_optimizer.step()
            if zero_grad:
                self.zero_grad()

        @torch.no_grad()
        def step(self, closure):
            closure = torch.enable_grad()(closure)
            self.first_step(zero_grad=True)
            closure()
            self.second_step()

    def broken(name: str, **how: Any) -> Any:
        return type(name, (TwoSteps,), how)

    class Closure(optimizer):
        """The other style: step(closure) takes both gradients itself."""

        def __init__(self, params, lr, rho):
            super().__init__(params, {"lr": lr, "rho": rho})

        def step(self, closure):
            closure()
            (group,) = self.param_groups
            old = [p.data.clone() for p in group["params"]]
            length = torch.linalg.vector_norm(
                torch.cat([p.grad.flatten() for p in group["params"]])
            )
            for p in group["params"]:
                if length > 0:
                    p.data.add_(p.grad * (group["rho"] / length))
            closure()
            for p, before in zip(group["params"], old, strict=True):
                p.data = before - group["lr"] * p.grad

    def with_momentum(parameters, eta, rho):
        return TwoSteps(parameters, torch.optim.SGD, rho=rho, lr=eta, momentum=0.9)

    def with_decay(parameters, eta, rho):
        return TwoSteps(parameters, torch.optim.SGD, rho=rho, lr=eta, weight_decay=0.02)

    return {
        "two steps": TwoSteps,
        "closure": Closure,
        "SGD": torch.optim.SGD,
        "with epsilon": broken("WithEpsilon", softening=1e-12),
        "downhill": broken("Downhill", sign=-1.0),
        "never removed": broken("NeverRemoved", removes=False),
        "never applied": broken("NeverApplied", applies=False),
        "accumulating": broken("Accumulating", zeroes=False),
        "per tensor": broken("PerTensor", per_tensor=True),
        "with momentum": with_momentum,
        "with decay": with_decay,
    }
