"""Recovery of a low-rank matrix from random linear measurements of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscapes.checks import Real, whole_number
from landscapes.collection.matrix_factorisation import MatrixFactorisation
from landscapes.facts import (
    Constant,
    CriticalKind,
    CriticalSet,
    DoesNotExist,
    Facts,
    Symmetry,
    Unknown,
    euclidean_norm,
)
from landscapes.finite_sum import FiniteSum, datum
from landscapes.landscape import Components, SymbolicLoss

# Writing the loss out in symbols takes n_measurements quadratic forms; beyond this many
# coordinates nobody reads it.
_MOST_SYMBOLIC_COORDINATES = 6


class MatrixSensing(FiniteSum):
    """L(U) = (1/2m) Σᵢ (⟨Aᵢ, UUᵀ⟩ − bᵢ)², the point w being U row by row.

    The data are drawn from `seed`: U* of shape `(dim, rank)` with Gaussian entries and its
    columns normalised, the truth X* = U*U*ᵀ, m = `n_measurements` Gaussian matrices Aᵢ,
    symmetrised (which changes no ⟨Aᵢ, UUᵀ⟩), and bᵢ = ⟨Aᵢ, X*⟩. U has shape `(dim, width)`;
    `width` is `dim` unless given. The landscape's own dimension is `dim × width`.

    Each measurement is an example. The loss is quartic, not globally smooth: no method is stable
    here from every start. With ever more measurements it tends to that of `population`.

    Raises `ValueError` for rank > dim, width < rank, or a size that is not a positive integer.
    """

    formula = r"\tfrac{1}{2m}\sum_i(\langle A_i, UU^\top\rangle - b_i)^2"
    source = "Dai, Ahn & Sra 2023, appendix A (recalled); normalisation 1/2m is ours"
    array_fields = ("upper", "targets", "truth_factor")
    static_fields = ("dim", "rows", "width", "seed")
    rows: int  #: number of rows of U, the constructor's `dim`
    width: int  #: number of columns of U
    seed: int
    #: The Aᵢ on and above their diagonals, shape (n_measurements, rows (rows + 1)/2). Most of the
    #: work of a gradient is to read them from memory, so no entry is kept twice.
    upper: Real
    targets: Real  #: the bᵢ, shape (n_measurements,)
    truth_factor: Real  #: U*, shape (rows, rank)

    def __init__(
        self, dim: int, rank: int, n_measurements: int, seed: int = 0, *, width: int | None = None
    ) -> None:
        rows = whole_number("dim", dim, minimum=1)
        rank = whole_number("rank", rank, minimum=1)
        if rank > rows:
            raise ValueError(f"rank must be at most dim = {rows}; got {rank}")
        measurements = whole_number("n_measurements", n_measurements, minimum=1)
        width = rows if width is None else whole_number("width", width, minimum=1)
        if width < rank:
            raise ValueError(f"width must be at least rank = {rank}; got {width}")
        random = np.random.default_rng(whole_number("seed", seed, minimum=0))
        factor = random.standard_normal((rows, rank))
        factor /= np.linalg.norm(factor, axis=0)
        gaussian = random.standard_normal((measurements, rows, rows))
        i, j, _ = _upper_half(rows)
        upper = (gaussian[:, i, j] + gaussian[:, j, i]) / 2
        self._set(
            dim=rows * width,
            rows=rows,
            width=width,
            seed=int(seed),
            upper=upper,
            # Not by BLAS, whose rounding depends on how many threads it uses.
            targets=np.einsum("mk,k->m", upper, _weighted_upper(factor @ factor.T)),
            truth_factor=factor,
        )

    def population(self) -> MatrixFactorisation:
        """What the loss is on average over the measurements, the truth being given.

        On and above the diagonal the entries of a symmetrised Gaussian matrix A are independent,
        with the variances 1 and ½; so for a symmetric M = UUᵀ − X* the mean of ⟨A, M⟩² is
        Σᵢ Mᵢᵢ² + Σᵢ<ⱼ (2Mᵢⱼ)²·½ = ‖M‖², and that of the loss is ½‖M‖².
        """
        return MatrixFactorisation(self.truth_factor, width=self.width)

    @property
    def n_examples(self) -> int:
        return len(self.targets)

    @property
    def sensing(self) -> Real:
        """The Aᵢ, shape (n_measurements, rows²); put together each time that they are asked for."""
        return self.upper[:, _upper_half(self.rows)[2].ravel()]

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((self.rows, self.width),)

    def _residual(self, u: Any) -> Any:
        # The barrier keeps the reordering of a batch out of its product, which XLA would else leave
        # to a library that is slower and rounds by the number of its threads.
        gram = jax.lax.optimization_barrier(_weighted_upper(u @ u.T))
        return self.upper @ gram - self.targets

    def loss_of(self, components: Components) -> Any:
        residual = self._residual(components[0])
        return jnp.sum(residual * residual) / (2 * len(self.targets))

    def gradient_of(self, components: Components) -> Components:
        (u,) = components
        weighted = (self._residual(u) @ self.upper)[_upper_half(self.rows)[2]]
        return (weighted @ u * (2 / len(self.targets)),)

    def example_loss(self, components: Components, example: Any) -> Any:
        return self._example_residual(components[0], example) ** 2 / 2

    def example_gradient_of(self, components: Components, example: Any) -> Components:
        (u,) = components
        measured = datum(self.upper, example)[_upper_half(self.rows)[2]]
        return (2 * self._example_residual(u, example) * (measured @ u),)

    def _example_residual(self, u: Any, example: Any) -> Any:
        forms = datum(self.upper, example) * _weighted_upper(u @ u.T)
        return forms.sum() - datum(self.targets, example)

    def symbolic(self) -> SymbolicLoss:
        import sympy

        if self.dim > _MOST_SYMBOLIC_COORDINATES:
            raise ValueError(
                f"{self!r} has {self.dim} coordinates, too many to write out in symbols "
                f"(at most {_MOST_SYMBOLIC_COORDINATES})"
            )
        w = sympy.symbols(f"u1:{self.dim + 1}", real=True)
        u = sympy.Matrix(self.rows, self.width, w)
        gram = (u * u.T).reshape(1, self.rows**2)
        m = len(self.targets)
        a = sympy.symbols(f"a1:{m * self.rows**2 + 1}", real=True)
        b = sympy.symbols(f"b1:{m + 1}", real=True)
        forms = (gram * sympy.Matrix(m, self.rows**2, a).T).tolist()[0]
        loss = sum(((f - bi) ** 2 for f, bi in zip(forms, b, strict=True)), sympy.S.Zero) / (2 * m)
        values = dict(zip(a, self.sensing.ravel(), strict=True))
        return SymbolicLoss(w, loss, values | dict(zip(b, self.targets, strict=True)))

    @cached_property
    def facts(self) -> Facts:
        return Facts(
            critical_sets=(
                CriticalSet(
                    "recovery UUᵀ = X*",
                    CriticalKind.MINIMUM,
                    np.pad(
                        self.truth_factor, ((0, 0), (0, self.width - self.truth_factor.shape[1]))
                    ).reshape(1, self.dim),
                    Unknown("it depends on the drawn measurements; no closed form"),
                    self._distance_to_truth,
                ),
                self._origin(),
            ),
            minimum_loss=0.0,
            smoothness=Constant(np.inf),
            strong_convexity=Unknown(
                "negative if there is one, for L(0) > L(±U*): how far the curvature falls "
                "depends on the drawn measurements"
            ),
            polyak_lojasiewicz=DoesNotExist("at the origin the gradient is 0 above the minimum"),
            symmetries=(
                Symmetry("U -> -U", lambda w: -w),
                Symmetry("columns reversed", self._reverse_columns),
            ),
            complete=False,
        )

    def _origin(self) -> CriticalSet:
        """U = 0, whose Hessian is −(2/m)Σ bᵢAᵢ on every column: of either sign, or of both."""
        weighted = (self.targets @ self.upper)[_upper_half(self.rows)[2]]
        curvatures = np.linalg.eigvalsh(-2 / len(self.targets) * weighted)
        spectrum = np.sort(np.repeat(curvatures, self.width))[::-1]
        if spectrum[-1] < 0 < spectrum[0]:
            kind = CriticalKind.SADDLE
        else:
            kind = CriticalKind.MAXIMUM if spectrum[0] < 0 else CriticalKind.MINIMUM
        return CriticalSet("origin", kind, np.zeros((1, self.dim)), spectrum[None], euclidean_norm)

    def _distance_to_truth(self, w: Any) -> Any:
        """min_Q ‖U − [U*, 0]Q‖ over orthogonal Q: ‖U‖² + ‖U*‖² − 2‖U*ᵀU‖_nuclear."""
        u = w.reshape(*w.shape[:-1], self.rows, self.width)
        xp = jnp if isinstance(w, jax.Array) else np
        nuclear = xp.linalg.svd(self.truth_factor.T @ u, compute_uv=False).sum(axis=-1)
        square = (u * u).sum(axis=(-2, -1)) + (self.truth_factor**2).sum() - 2 * nuclear
        return xp.sqrt(xp.maximum(square, 0.0))

    def _reverse_columns(self, w: Any) -> Any:
        u = w.reshape(*w.shape[:-1], self.rows, self.width)
        return u[..., ::-1].reshape(w.shape)

    def reference_example_gradient(self, w: Real, example: int) -> Real:
        u = w.reshape(self.rows, self.width)
        matrix = self.sensing[example].reshape(self.rows, self.rows)
        return (2 * (np.sum(matrix * (u @ u.T)) - self.targets[example]) * matrix @ u).ravel()

    def arguments(self) -> dict:
        return {
            "dim": self.rows,
            "rank": self.truth_factor.shape[1],
            "n_measurements": len(self.targets),
            "seed": self.seed,
            "width": self.width,
        }

    @classmethod
    def examples(cls) -> tuple[MatrixSensing, ...]:
        return (
            cls(dim=2, rank=1, n_measurements=3, seed=1),
            cls(dim=2, rank=2, n_measurements=20, seed=0),
            cls(dim=3, rank=2, n_measurements=7, seed=4, width=2),
            cls(dim=6, rank=2, n_measurements=40, seed=2, width=3),
        )


def _upper_half(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of symmetric matrices: row and column of each entry on and above the diagonal, in order; and,
    shape `(rows, rows)`, which of them each entry of the whole matrix is equal to.
    """
    i, j = np.triu_indices(rows)
    which = np.empty((rows, rows), dtype=np.int64)
    which[i, j] = which[j, i] = np.arange(len(i))
    return i, j, which


def _weighted_upper(matrix: Any) -> Any:
    """The upper half of a symmetric matrix X, with weights: ⟨A, X⟩ is that of A times this."""
    i, j, _ = _upper_half(len(matrix))
    return np.where(i == j, 1.0, 2.0) * matrix[i, j]
