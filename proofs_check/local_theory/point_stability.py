"""What is derived about one critical point: what attracts near it, and for which η."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from landscapes import CriticalKind, Unknown
from proofs_check import asked, symbols
from proofs_check.local_theory.critical_spectra import CriticalSpectrum
from proofs_check.local_theory.eta_ranges import EtaRange, extreme


class Attractor(Enum):
    """What attracts, near a critical point, the runs that begin near enough to it."""

    POINT = "the point"
    CYCLE = "a 2-cycle about it"
    BAND = "a band about it, in which runs stay without coming to rest"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cycle:
    """A 2-cycle w* ± a, along one mode of the Hessian (along all, if each goes its own way).

    Attributes:
        amplitudes: of each mode, in η and ρ: the components of a in the eigenvectors.
        multipliers: for each mode, by what one step multiplies deviations from the cycle.
        exists: the η at which it is there.
        attracts: the η at which it attracts.
    """

    amplitudes: tuple[Any, ...]
    multipliers: tuple[tuple[Any, ...], ...]
    exists: EtaRange
    attracts: EtaRange

    @property
    def amplitude(self) -> Any:
        """‖a‖, in η and ρ."""
        kept = [a for a in self.amplitudes if a != 0]
        return kept[0] if len(kept) == 1 else sympy.sqrt(sum(a**2 for a in kept))


@dataclass(frozen=True)
class FourCycle:
    """A 4-cycle w* + a, w* + b, w* − a, w* − b along one mode of the Hessian, beside the 2-cycle.

    Attributes:
        curvature: that of the mode.
        far, near: a and b, in η and ρ.
        exists: the η at which it is there.
        attracts: the η at which it attracts deviations along its mode.
    """

    curvature: Any
    far: Any
    near: Any
    exists: EtaRange
    attracts: EtaRange


@dataclass(frozen=True)
class PointStability:
    """What is derived about one critical point, or about a set with one spectrum.

    Attributes:
        critical: the point and its spectrum.
        attractor: what attracts near it, for the η in `ranges`.
        ranges: the η at which it does; more than one where a rule clips.
        multipliers: for each eigenvalue across the set, by what one step multiplies a deviation:
            from the point, or from the first attracting cycle.
        cycles: the 2-cycles along the modes, those that attract first.
        four_cycles: those along the modes on which runs may end in place of the 2-cycle.
        unknown: why nothing is derived, or None.
        remarks: under which conditions what is said here holds.
        from_steps: where the formulas are of leading order in ρ only, what computes the edge from
            the running step, from the edge to leading order and ρ; None elsewhere.
    """

    critical: CriticalSpectrum
    attractor: Attractor
    ranges: tuple[EtaRange, ...] = ()
    multipliers: tuple[tuple[Any, ...], ...] = ()
    cycles: tuple[Cycle, ...] = ()
    four_cycles: tuple[FourCycle, ...] = ()
    unknown: Unknown | None = None
    remarks: tuple[str, ...] = ()
    from_steps: Callable[[Any, Any], Any] | None = None

    @property
    def name(self) -> str:
        return self.critical.name

    @property
    def kind(self) -> CriticalKind:
        return self.critical.kind

    @property
    def spectrum(self) -> tuple[Any, ...]:
        """The eigenvalues of the Hessian, those of directions along the set included."""
        return self.critical.eigenvalues

    @property
    def cycle(self) -> Cycle | None:
        """The 2-cycle that attracts, at some η; the first of them if there are several."""
        return self.cycles[0] if self.attractor is Attractor.CYCLE else None

    @cached_property
    def eta_range(self) -> Any:
        """The ends (lower, upper) of the η at which it attracts, as expressions in ρ.

        (0, 0) if there are none; `Unknown` if they are not derived or have no closed form. Of
        several ranges, the ends of all together; `ranges` has them one by one.
        """
        if self.unknown is not None:
            return self.unknown
        found = [r.ends for r in self.ranges]
        if any(ends is None for ends in found):
            return Unknown("no closed form is derived; threshold_at has the numbers")
        held = [ends for ends in found if ends not in (None, (0, 0))]
        if not held:
            return sympy.S.Zero, sympy.S.Zero
        if len(held) == 1:
            return held[0]
        return held[0][0], extreme([upper for _, upper in held], 1)

    @property
    def threshold(self) -> Any:
        """η*(ρ): the η from which on it no longer attracts; 0 for never, ∞ for always.

        Where a remark says so, to leading order in ρ.
        """
        found = self.eta_range
        return found if isinstance(found, Unknown) else found[1]

    def threshold_at(self, rho: Any, **coordinates: Any) -> np.ndarray:
        """η* at each ρ ≥ 0, shape of `rho`; 0 where it never attracts, NaN where it is unknown.

        On a set whose spectrum varies the place is to be given: `threshold_at(0.1, y=2.0)`.
        """
        radii = asked.radii(rho)
        if self.unknown is not None:
            return np.full(radii.shape, np.nan)
        uppers = [r.at(radii, **coordinates)[1] for r in self.ranges]
        leading = np.max(uppers, axis=0) if uppers else np.zeros(radii.shape)
        return leading if self.from_steps is None else self.from_steps(leading, radii)

    def amplitude_at(self, eta: Any, rho: Any, **coordinates: Any) -> np.ndarray:
        """The amplitude of the cycle that attracts at each η and ρ; NaN where none does.

        On a set whose spectrum varies the place is to be given, as to `threshold_at`.
        """
        steps, radii = np.broadcast_arrays(asked.rates(eta), asked.radii(rho))
        found = np.full(steps.shape, np.nan)
        for cycle in self.cycles:
            low, high = cycle.attracts.at(radii, **coordinates)
            names = [s for s in cycle.amplitude.free_symbols if s.name in coordinates]
            size = sympy.lambdify((symbols.eta, symbols.rho, *names), cycle.amplitude, "numpy")
            place = (np.asarray(coordinates[s.name], float) for s in names)
            with np.errstate(divide="ignore", invalid="ignore"):
                sizes = np.broadcast_to(size(steps, radii, *place), steps.shape)
            found = np.where((low < steps) & (steps < high), sizes, found)
        return found

    def attracts(self, eta: Any, rho: Any, **coordinates: Any) -> np.ndarray:
        """Whether it attracts, for each η and ρ, broadcast against each other.

        Raises `ValueError` where that is unknown.
        """
        if self.unknown is not None:
            raise ValueError(f"at {self.name}: {self.unknown.reason}")
        steps, radii = np.broadcast_arrays(asked.rates(eta), asked.radii(rho))
        inside = np.zeros(steps.shape, dtype=bool)
        if self.from_steps is not None:
            different, which = np.unique(radii, return_inverse=True)
            edge = self.threshold_at(different, **coordinates)[which].reshape(radii.shape)
            return (0 < steps) & (steps < edge)
        for one in self.ranges:
            low, high = one.at(radii, **coordinates)
            inside |= (low < steps) & (steps < high)
        return inside
