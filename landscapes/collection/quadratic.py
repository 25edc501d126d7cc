"""Strongly convex quadratics of any dimension."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from landscapes.checks import Real, real_array, shown
from landscapes.facts import Facts, quadratic_facts
from landscapes.landscape import Components, Landscape, SymbolicLoss

# Up to this dimension a diagonal quadratic keeps its coordinates apart, which is what the
# engine runs fastest (docs/performance.md); beyond it, compiling that many scalars costs more.
_MOST_SEPARATE_COORDINATES = 16
# ... and a dense one up to so many entries of H.
_MOST_SEPARATE_ENTRIES = 128
# Rounding of a symmetric matrix read from a file or computed as RᵀΛR: a few units in the last
# place per entry. Larger asymmetry is a mistake of the caller's.
SYMMETRY_TOLERANCE = 1e-12


class Quadratic(Landscape):
    """L(w) = ½ wᵀHw with H symmetric positive definite.

    Give either `spectrum`, the eigenvalues, shape `(dim,)`, all positive (then H is diagonal, or
    RᵀΛR with an orthogonal `rotation` R, shape `(dim, dim)`), or `hessian`, the matrix H itself.

    Raises `ValueError` for a non-positive spectrum, a matrix that is not symmetric or not
    positive definite, a rotation that is not orthogonal, or anything but one of the two.
    """

    formula = r"\tfrac12 w^\top H w"
    source = "every paper's first example"
    array_fields = ("spectrum", "matrix")
    static_fields = ("dim",)
    spectrum: Real  #: eigenvalues of H, in the order given (descending if H was given)
    matrix: Real | None  #: H, or None when it is diagonal

    def __init__(self, spectrum: Any = None, *, hessian: Any = None, rotation: Any = None) -> None:
        if (spectrum is None) == (hessian is None):
            raise ValueError("give exactly one of spectrum and hessian")
        if hessian is not None:
            if rotation is not None:
                raise ValueError("rotation goes with spectrum; a hessian holds its own rotation")
            matrix = _symmetric(hessian)
            eigenvalues = np.linalg.eigvalsh(matrix)[::-1].astype(np.float64)
            _check_positive("hessian must be positive definite; its eigenvalues are", eigenvalues)
        else:
            accepted = "positive eigenvalues, a sequence of at least one number"
            eigenvalues = real_array("spectrum", spectrum, ndim=1, accepted=accepted)
            _check_positive("spectrum must be positive; got", eigenvalues)
            matrix = None if rotation is None else _rotated(eigenvalues, rotation)
        self._set(dim=len(eigenvalues), spectrum=eigenvalues, matrix=matrix)

    @classmethod
    def batch(cls, spectra: Any) -> Quadratic:
        """Many diagonal quadratics at once, spectra of shape `(n, dim)`, for `dynamics.batched`.

        The result is a pytree with a leading axis, not a landscape to be used by itself.
        """
        accepted = "positive eigenvalues, shape (n, dim)"
        spectra = real_array("spectra", spectra, ndim=2, accepted=accepted)
        _check_positive("spectra must be positive; got", spectra.ravel())
        landscape = object.__new__(cls)
        landscape._set(dim=spectra.shape[1], spectrum=spectra, matrix=None)
        return landscape

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        if self.matrix is None:
            apart = self.dim <= _MOST_SEPARATE_COORDINATES
        else:
            apart = self.dim**2 <= _MOST_SEPARATE_ENTRIES
        return ((),) * self.dim if apart else ((self.dim,),)

    def loss_of(self, components: Components) -> Any:
        return inner_product(components, self.gradient_of(components)) / 2

    def gradient_of(self, components: Components) -> Components:
        return product(self.spectrum if self.matrix is None else self.matrix, components)

    def symbolic(self) -> SymbolicLoss:
        import sympy

        w = sympy.symbols(f"w1:{self.dim + 1}", real=True)
        if self.matrix is None:
            h = sympy.symbols(f"lambda1:{self.dim + 1}", positive=True)
            loss = sum((li * wi**2 for li, wi in zip(h, w, strict=True)), sympy.S.Zero) / 2
            return SymbolicLoss(w, loss, dict(zip(h, self.spectrum, strict=True)))
        entries = sympy.symbols(f"h1:{self.dim**2 + 1}", real=True)
        form = (sympy.Matrix([w]) * sympy.Matrix(self.dim, self.dim, entries)).dot(w)
        return SymbolicLoss(w, form / 2, dict(zip(entries, self.matrix.ravel(), strict=True)))

    @cached_property
    def facts(self) -> Facts:
        return quadratic_facts(self.spectrum, np.zeros(self.dim), 0.0)

    def reference_gradient(self, w: Real) -> Real:
        return self.spectrum * w if self.matrix is None else self.matrix.T @ w

    def arguments(self) -> dict:
        return {"spectrum": self.spectrum} if self.matrix is None else {"hessian": self.matrix}

    @classmethod
    def examples(cls) -> tuple[Quadratic, ...]:
        # A rotation by 0.6 rad in the first plane and 1.1 rad in the second: nothing symmetric.
        c, s, d, t = np.cos(0.6), np.sin(0.6), np.cos(1.1), np.sin(1.1)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array(
            [[1, 0, 0], [0, d, -t], [0, t, d]]
        )
        return (
            cls(spectrum=(1.7,)),
            cls(spectrum=(0.3, 2.5, 0.9)),
            cls(spectrum=(2.5, 0.9, 0.3), rotation=turn),
            cls(spectrum=np.linspace(0.1, 2.0, 18)),
            cls(hessian=[[2.0, -0.5], [-0.5, 0.7]]),
        )


def product(hessian: Any, components: Components) -> Components:
    """H w, laid out as w is; H is given by its diagonal, shape `(dim,)`, or whole."""
    are_apart = components[0].ndim == 0
    if hessian.ndim == 2 and are_apart:
        rows = range(len(components))
        return tuple(sum(hessian[i, j] * w for j, w in enumerate(components)) for i in rows)
    if hessian.ndim == 2:
        # In this order a batch is multiplied as H Wᵀ, whose rows, one for each coordinate, are
        # long: XLA's products and sums are faster over those than over columns of W H.
        return (hessian @ components[0],)
    if are_apart:
        return tuple(hessian[i] * w for i, w in enumerate(components))
    return (hessian * components[0],)


def inner_product(components: Components, other: Components) -> Any:
    """v·w of two points laid out alike."""
    terms = zip(components, other, strict=True)
    return sum((v * w).sum() if v.ndim else v * w for v, w in terms)


def _check_positive(message: str, values: Real) -> None:
    if not (values > 0).all():
        raise ValueError(f"{message} {shown(values.tolist())}")


def _symmetric(hessian: Any) -> Real:
    matrix = real_array("hessian", hessian, ndim=2, accepted="a symmetric (dim, dim) matrix")
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"hessian must be a (dim, dim) matrix; got shape {matrix.shape}")
    gap = np.abs(matrix - matrix.T).max()
    if gap > SYMMETRY_TOLERANCE * np.abs(matrix).max():
        raise ValueError(f"hessian must be symmetric; it differs from its transpose by {gap:.3g}")
    return (matrix + matrix.T) / 2


def _rotated(spectrum: Real, rotation: Any) -> Real:
    accepted = f"an orthogonal matrix of shape {(len(spectrum),) * 2}"
    r = real_array("rotation", rotation, ndim=2, accepted=accepted)
    if r.shape != (len(spectrum),) * 2 or np.abs(r @ r.T - np.eye(len(r))).max() > 1e-10:
        raise ValueError(f"rotation must be {accepted}; got {shown(rotation)}")
    matrix = r.T @ (spectrum[:, None] * r)
    return (matrix + matrix.T) / 2
