"""A symmetric matrix of low rank as a product: what matrix sensing is with all measurements."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscapes.checks import Real, real_array, whole_number
from landscapes.facts import (
    Constant,
    CriticalKind,
    CriticalSet,
    DoesNotExist,
    Facts,
    Symmetry,
)
from landscapes.landscape import Components, Landscape, SymbolicLoss

_MOST_SYMBOLIC_COORDINATES = 9
# There are 2^rank critical sets; beyond this rank most are left out.
_MOST_LISTED_RANK = 3
# Eigenvalues of X* count as one if they are this near, relative to the largest: computed ones are
# exact to a few units in the last place of that, and their vectors to that over their distance.
_SAME = 1e-6


class MatrixFactorisation(Landscape):
    """L(U) = ½‖UUᵀ − X*‖², Frobenius norm, the point w being U row by row.

    The truth is X* = U*U*ᵀ with U* = `truth_factor`, shape `(rows, rank)`, of full rank; U has the
    shape `(rows, width)`, and `width` is `rows` unless given. This is the mean of the loss of
    `MatrixSensing` over its Gaussian measurements: ⟨A, M⟩ has the mean 0 and the variance ‖M‖² for
    a symmetric M and a symmetrised A. What makes it interesting: all is known. U is critical where
    UUᵀ is X* cut down to some of its eigenvectors; where all are there it is a minimum, elsewhere
    there is a way down, so that no bad minimum is to be escaped.

    Raises `ValueError` for a factor that is not of full rank, width < rank, or a size that is not
    a positive integer.
    """

    formula = r"\tfrac12\|UU^\top - X_*\|_F^2"
    source = (
        "well known; as the mean of matrix sensing (Dai, Ahn & Sra 2023, recalled) derived here"
    )
    array_fields = ("truth_factor", "truth")
    static_fields = ("dim", "rows", "width")
    rows: int  #: number of rows of U
    width: int  #: number of columns of U
    truth_factor: Real  #: U*, shape (rows, rank)
    truth: Real  #: X*, shape (rows, rows)

    def __init__(self, truth_factor: Any, *, width: int | None = None) -> None:
        accepted = "a matrix of full rank, shape (rows, rank), rank <= rows"
        factor = real_array("truth_factor", truth_factor, ndim=2, accepted=accepted)
        rows, rank = factor.shape
        found = np.linalg.matrix_rank(factor)
        if found < rank:
            raise ValueError(
                f"truth_factor must be {accepted}; got shape {factor.shape} and rank {found}"
            )
        columns = rows if width is None else whole_number("width", width, minimum=1)
        if columns < rank:
            raise ValueError(f"width must be at least rank = {rank}; got {columns}")
        self._set(
            dim=rows * columns,
            rows=rows,
            width=columns,
            truth_factor=factor,
            # Not by BLAS, whose rounding depends on how many threads it uses.
            truth=np.einsum("ik,jk->ij", factor, factor),
        )

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((self.rows, self.width),)

    def _residual(self, u: Any) -> Any:
        return u @ u.T - self.truth

    def loss_of(self, components: Components) -> Any:
        residual = self._residual(components[0])
        return jnp.sum(residual * residual) / 2

    def gradient_of(self, components: Components) -> Components:
        (u,) = components
        return (2 * self._residual(u) @ u,)

    def symbolic(self) -> SymbolicLoss:
        import sympy

        if self.dim > _MOST_SYMBOLIC_COORDINATES:
            raise ValueError(
                f"U of shape {(self.rows, self.width)} has {self.dim} coordinates, too many to "
                f"write out in symbols (at most {_MOST_SYMBOLIC_COORDINATES})"
            )
        w = sympy.symbols(f"u1:{self.dim + 1}", real=True)
        t = sympy.symbols(f"t1:{self.truth_factor.size + 1}", real=True)
        u = sympy.Matrix(self.rows, self.width, w)
        truth = sympy.Matrix(*self.truth_factor.shape, t)
        loss = sum((entry**2 for entry in u * u.T - truth * truth.T), sympy.S.Zero) / 2
        return SymbolicLoss(w, loss, dict(zip(t, self.truth_factor.ravel(), strict=True)))

    @cached_property
    def facts(self) -> Facts:
        values, _ = self._eigenpairs
        rank = self.truth_factor.shape[1]
        # A critical set for each choice of eigenvectors. Where two eigenvalues are the same, their
        # vectors may be turned, and the sets that have one of them only run into each other.
        apart = (values[: rank - 1] - values[1:rank] > _SAME * values[0]).all()
        complete = bool(apart) and rank <= _MOST_LISTED_RANK
        sizes = range(rank, -1, -1) if complete else (rank, 0)
        chosen = [kept for size in sizes for kept in combinations(range(rank), size)]
        return Facts(
            critical_sets=tuple(self._critical_set(kept) for kept in chosen),
            minimum_loss=0.0,
            smoothness=Constant(np.inf),
            # ⟨D, ∇²L D⟩ = 2⟨(UUᵀ − X*)D, D⟩ + ‖DUᵀ + UDᵀ‖² ≥ −2⟨X*D, D⟩, with equality at U = 0.
            strong_convexity=Constant(-2 * float(values[0])),
            polyak_lojasiewicz=DoesNotExist("at the origin the gradient is 0 above the minimum"),
            symmetries=self._symmetries(),
            complete=complete,
        )

    @cached_property
    def _eigenpairs(self) -> tuple[Real, Real]:
        """The eigenvalues of X*, descending, and its eigenvectors, in columns."""
        vectors, roots, _ = np.linalg.svd(self.truth_factor)
        return np.pad(roots**2, (0, self.rows - len(roots))), vectors

    def _critical_set(self, kept: tuple[int, ...]) -> CriticalSet:
        """UUᵀ = Σ σⱼvⱼvⱼᵀ over the eigenvectors that are kept."""
        values, vectors = self._eigenpairs
        rank = self.truth_factor.shape[1]
        names = ", ".join(str(j + 1) for j in kept)
        if len(kept) == rank:
            name, kind = "recovery UUᵀ = X*", CriticalKind.MINIMUM
        elif kept:
            name = f"eigenvector{'s' * (len(kept) > 1)} {names} of X* only"
            kind = CriticalKind.SADDLE
        else:
            name = "origin"
            kind = CriticalKind.MAXIMUM if rank == self.rows else CriticalKind.SADDLE
        factor = vectors[:, kept] * np.sqrt(values[list(kept)])
        points = np.pad(factor, ((0, 0), (0, self.width - len(kept)))).reshape(1, self.dim)
        spectrum = self._spectrum(kept)[None]
        return CriticalSet(name, kind, points, spectrum, partial(self._distance, factor))

    def _spectrum(self, kept: tuple[int, ...]) -> Real:
        """The curvatures where the eigenvectors in `kept` are recovered.

        With the rows of D along the eigenvectors a and its columns along those of UᵀU, b, the
        Hessian has blocks of one and two of the entries d of D:
        d_aa: 4σ_a; d_ab and d_ba, both kept: 0 and 2(σ_a + σ_b); d_ab, only b kept: 2(σ_b − σ_a);
        d_ab, only a kept: 0; neither: −2σ_a.
        """
        values, _ = self._eigenpairs
        found = [4 * values[a] for a in kept]
        for a, b in combinations(kept, 2):
            found += [0.0, 2 * (values[a] + values[b])]
        idle = self.width - len(kept)
        found += [0.0] * (len(kept) * idle)
        for a in set(range(self.rows)) - set(kept):
            found += [2 * (values[b] - values[a]) for b in kept]
            found += [-2 * values[a]] * idle
        return np.sort(found)[::-1] + 0.0  # plus 0 makes 0 of −0

    def _distance(self, factor: Real, w: Any) -> Any:
        """min_Q ‖U − FQᵀ‖ over Q with orthonormal columns: ‖U‖² + ‖F‖² − 2‖FᵀU‖_nuclear."""
        xp = jnp if isinstance(w, jax.Array) else np
        u = w.reshape(*w.shape[:-1], self.rows, self.width)
        square = (u * u).sum(axis=(-2, -1))
        if factor.shape[1]:
            nuclear = xp.linalg.svd(factor.T @ u, compute_uv=False).sum(axis=-1)
            square = square + (factor**2).sum() - 2 * nuclear
        return xp.sqrt(xp.maximum(square, 0.0))

    def _symmetries(self) -> tuple[Symmetry, ...]:
        _, vectors = self._eigenpairs
        mirror = np.eye(self.rows) - 2 * np.outer(vectors[:, 0], vectors[:, 0])
        found = [
            Symmetry("U -> -U", lambda w: -w),
            Symmetry("mirrored along the first eigenvector of X*", partial(self._mapped, mirror)),
        ]
        if self.width > 1:
            turn = np.eye(self.width)
            turn[:2, :2] = ((0.8, -0.6), (0.6, 0.8))
            found.append(
                Symmetry(
                    "the first two columns turned into each other",
                    lambda w: self._mapped(np.eye(self.rows), w, turn),
                )
            )
        return tuple(found)

    def _mapped(self, left: Real, w: Any, right: Real | None = None) -> Any:
        u = w.reshape(*w.shape[:-1], self.rows, self.width)
        u = left @ u
        return (u if right is None else u @ right).reshape(w.shape)

    def reference_gradient(self, w: Real) -> Real:
        u, t = w.reshape(self.rows, self.width), self.truth_factor
        return 2 * (u @ (u.T @ u) - t @ (t.T @ u)).ravel()

    def arguments(self) -> dict:
        return {"truth_factor": self.truth_factor, "width": self.width}

    @classmethod
    def examples(cls) -> tuple[MatrixFactorisation, ...]:
        return (
            cls(((0.8, -0.3), (0.4, 0.9))),
            cls(((1.1,), (-0.6,), (0.7,)), width=2),
            cls(((0.9, 0.2), (-0.5, 0.6), (0.3, 1.2)), width=2),
            cls(((1.3,),)),
            cls(((0.7, 0.1, 0.2), (0.2, -1.1, 0.4), (-0.5, 0.3, 0.9), (0.4, 0.6, 0.1))),
        )
