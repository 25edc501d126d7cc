"""The contract of a landscape: a loss, its derivatives, and the facts about it."""

from __future__ import annotations

import abc
import inspect
import warnings
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from landscapes.checks import numbers, shown
from landscapes.facts import Facts, Unknown

if TYPE_CHECKING:
    import sympy

# A point as the engine carries it: one array per component, all with the same leading axes.
Components = tuple[Any, ...]
# Points come as NumPy arrays from users and as JAX arrays from inside compiled code.
Points = np.ndarray | jax.Array

LANDSCAPES: dict[str, type[Landscape]] = {}

_UNSTATED = Unknown("not stated")
NOTHING_STATED = Facts(
    critical_sets=(), minimum_loss=_UNSTATED, smoothness=_UNSTATED, strong_convexity=_UNSTATED,
    polyak_lojasiewicz=_UNSTATED, complete=False, reason="no fact is stated",
)  # fmt: skip


@dataclass(frozen=True)
class SymbolicLoss:
    """A loss as SymPy sees it.

    Attributes:
        point: the coordinates of w.
        expression: L(w).
        parameters: the values of the other symbols in `expression`.
    """

    point: tuple[sympy.Symbol, ...]
    expression: sympy.Expr
    parameters: dict[sympy.Symbol, Any] = field(default_factory=dict)

    def gradient(self) -> tuple[sympy.Expr, ...]:
        import sympy

        return tuple(sympy.diff(self.expression, w) for w in self.point)

    def hessian(self) -> tuple[tuple[sympy.Expr, ...], ...]:
        import sympy

        return tuple(tuple(sympy.diff(g, w) for w in self.point) for g in self.gradient())


class Landscape(abc.ABC):
    """A loss on R^dim.

    A subclass lives in a file of its own, named as the class, and is registered by being
    defined, unless it says `registered=False`: then it is used like any other, but has no name on
    command lines. Defined a second time, as in a notebook, it takes the place of the first, with a
    warning. It is immutable, and it is a JAX pytree whose leaves are its parameters: the
    compiled simulator is shared by all landscapes of one class and one structure.

    Public methods take a point or an array of points `(..., dim)`. NumPy input is computed and
    returned in float64 whatever JAX's global precision is; JAX input (inside `jit`, `vmap`,
    `grad`) follows JAX's own rules. They raise `ValueError` if the last axis is not `dim`.
    """

    #: Names of the attributes that are arrays (leaves), and of those that fix the structure.
    array_fields: ClassVar[tuple[str, ...]] = ()
    static_fields: ClassVar[tuple[str, ...]] = ()
    #: The formula in LaTeX, and where it comes from.
    formula: ClassVar[str]
    source: ClassVar[str]

    dim: int

    def __init_subclass__(cls, *, abstract: bool = False, registered: bool = True) -> None:
        super().__init_subclass__()
        if abstract:
            return
        if registered:
            _register(cls)
        jax.tree_util.register_pytree_node(
            cls,
            lambda self: (
                tuple(getattr(self, n) for n in cls.array_fields),
                tuple(getattr(self, n) for n in cls.static_fields),
            ),
            cast(Any, partial(_unflatten, cls)),
        )

    # -- what a subclass gives ------------------------------------------------------------

    @property
    @abc.abstractmethod
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        """How a point is laid out for the engine: `()` for a coordinate kept on its own."""

    @abc.abstractmethod
    def loss_of(self, components: Components) -> Any:
        """The loss at one point given by its components. Pure JAX."""

    def gradient_of(self, components: Components) -> Components:
        """The gradient at one point, laid out as the point is. Pure JAX."""
        return jax.grad(self.loss_of)(components)

    @cached_property
    @abc.abstractmethod
    def facts(self) -> Facts:
        """What is known about this loss."""

    @abc.abstractmethod
    def symbolic(self) -> SymbolicLoss:
        """The loss in symbols. Raises `ValueError` if the instance is too large to write out."""

    @abc.abstractmethod
    def reference_gradient(self, w: Float[np.ndarray, "dim"]) -> Float[np.ndarray, "dim"]:
        """The gradient at one point, by hand, in plain NumPy: what the engine is tested against."""

    @abc.abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments that make this landscape again."""

    @classmethod
    @abc.abstractmethod
    def examples(cls) -> tuple[Landscape, ...]:
        """Instances that the generic test suite runs on."""

    # -- what every landscape has ---------------------------------------------------------

    def loss(self, w: Float[Points, "*batch dim"]) -> Float[Points, "*batch"]:
        """L(w), shape `(...)`."""
        return self._at(w, "loss")

    def gradient(self, w: Float[Points, "*batch dim"]) -> Float[Points, "*batch dim"]:
        """∇L(w), shape `(..., dim)`."""
        return self._at(w, "gradient")

    def hessian(self, w: Float[Points, "*batch dim"]) -> Float[Points, "*batch dim dim"]:
        """∇²L(w), shape `(..., dim, dim)`."""
        return self._at(w, "hessian")

    def split(self, w: Float[Points, "*batch dim"]) -> Components:
        """The components of points `(..., dim)`."""
        parts, offset = [], 0
        for shape in self.component_shapes:
            size = int(np.prod(shape))
            parts.append(w[..., offset : offset + size].reshape(w.shape[:-1] + shape))
            offset += size
        return tuple(parts)

    def join(self, components: Components) -> Float[Points, "*batch dim"]:
        """Points `(..., dim)` from their components; the inverse of `split`."""
        xp = np if isinstance(components[0], np.ndarray) else jnp
        flat = [
            xp.reshape(c, (*c.shape[: c.ndim - len(shape)], int(np.prod(shape))))
            for c, shape in zip(components, self.component_shapes, strict=True)
        ]
        return xp.concatenate(flat, axis=-1)

    def _at(self, w: Any, quantity: str, *arguments: Any) -> Any:
        if isinstance(w, jax.Array):
            self._check_points(w)
            return _quantity(self, w, quantity, *arguments)
        points = numbers("w", w, accepted=f"numbers, shape (..., {self.dim})")
        self._check_points(points)
        with jax.enable_x64(True):
            return np.asarray(_compiled_quantity(self, points, quantity, *arguments))

    def _check_points(self, w: Any) -> None:
        if w.ndim == 0 or w.shape[-1] != self.dim:
            raise ValueError(
                f"w must be a point of {self!r} or an array of them, shape (..., {self.dim}); "
                f"got shape {tuple(w.shape)}"
            )

    def _loss_and_gradient_of(self, components: Components) -> tuple[Any, Components]:
        return self.loss_of(components), self.gradient_of(components)

    def _loss_at(self, w: Any) -> Any:
        return self.loss_of(self.split(w))

    def _gradient_at(self, w: Any) -> Any:
        return self.join(self.gradient_of(self.split(w)))

    def _hessian_at(self, w: Any) -> Any:
        return jax.jacfwd(self._gradient_at)(w)

    def _set(self, **fields: Any) -> None:
        """Sets fields while the object is being made; its arrays are read-only from then on."""
        for value in fields.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        vars(self).update(fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a landscape is immutable; make a new {type(self).__name__} instead")

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy makes its facts anew: they hold functions, which cannot be pickled.
        return _made_again, (type(self), self.arguments())

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={_literal(v)}" for k, v in self.arguments().items())
        return f"{type(self).__name__}({given})"


class SymbolicLandscape(Landscape, abstract=True):
    """A low-dimensional landscape whose loss is a SymPy expression.

    The JAX loss, gradient and Hessian are printed from that one expression, which is all that a
    subclass has to give. What it says beside is used and tested; the rest is `Unknown`.

    >>> import sympy
    >>> from landscapes import SymbolicLandscape, SymbolicLoss
    >>> class Trough(SymbolicLandscape, registered=False):
    ...     def symbolic(self):
    ...         x, y = sympy.symbols("x y", real=True)
    ...         return SymbolicLoss((x, y), x**2 * (1 + y**2) / 2)
    >>> Trough().gradient([3.0, 2.0])
    array([15., 18.])
    """

    formula = r"L(w)\text{ as its class writes it}"
    source = "not stated"
    #: Whether what is finite is found although parts of it overflow, such as log(1 + eˢ); it takes
    #: two to four times as long where that can happen, and nothing elsewhere.
    in_range: ClassVar[bool] = True

    if not TYPE_CHECKING:  # to a type checker it is a field, as of every landscape

        @cached_property
        def dim(self) -> int:
            return len(self.symbolic().point)

    @property
    def component_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((),) * self.dim

    @cached_property
    def facts(self) -> Facts:
        """Nothing is stated, until a subclass does."""
        return NOTHING_STATED

    def reference_gradient(self, w: Float[np.ndarray, "dim"]) -> Float[np.ndarray, "dim"]:
        """The gradient that SymPy derives, in NumPy."""
        from landscapes.expressions.expression import evaluate

        symbolic = self.symbolic()
        values = dict(zip(symbolic.point, w, strict=True)) | symbolic.parameters
        with np.errstate(all="ignore"):
            found = evaluate(symbolic.gradient(), values, np)
        return np.array([float(value) for value in found])

    def arguments(self) -> dict[str, Any]:
        """The attributes that are named as the constructor's arguments are."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def examples(cls) -> tuple[Landscape, ...]:
        """The one that is made without arguments, if there is such a one."""
        given = inspect.signature(cls).parameters.values()
        return () if any(one.default is one.empty for one in given) else (cls(),)

    def loss_of(self, components: Components) -> Any:
        symbolic = self.symbolic()
        return self._read((symbolic.expression,), symbolic, components)[0]

    def gradient_of(self, components: Components) -> Components:
        symbolic = self.symbolic()
        return tuple(self._read(symbolic.gradient(), symbolic, components))

    def _hessian_at(self, w: Any) -> Any:
        symbolic = self.symbolic()
        entries = [entry for row in symbolic.hessian() for entry in row]
        values = self._read(entries, symbolic, self.split(w))
        return jnp.stack(values).reshape(self.dim, self.dim)

    def _read(self, expressions: Any, symbolic: SymbolicLoss, components: Components) -> list[Any]:
        from landscapes.expressions.expression import evaluate

        values = dict(zip(symbolic.point, components, strict=True)) | symbolic.parameters
        zero = components[0] * 0.0  # so that a constant expression has the shape of a point
        found = evaluate(expressions, values, jnp, in_range=self.in_range)
        return [v + zero if jnp.ndim(v) == 0 and jnp.ndim(zero) else v for v in found]


_SHAPES = {"loss": "()", "hessian": "(d,d)"}


def _quantity(landscape: Landscape, w: Any, quantity: str, *arguments: Any) -> Any:
    at_one_point = getattr(landscape, f"_{quantity}_at")
    signature = f"(d)->{_SHAPES.get(quantity, '(d)')}"
    return jnp.vectorize(lambda v: at_one_point(v, *arguments), signature=signature)(w)


_compiled_quantity = jax.jit(_quantity, static_argnames="quantity")


def _register(cls: type[Landscape]) -> None:
    known = LANDSCAPES.get(cls.__name__)
    if known is not None and known.__module__ != cls.__module__:
        raise ValueError(
            f"a landscape named {cls.__name__} is registered already, by {known.__module__}; "
            f"give another name, or write class {cls.__name__}(…, registered=False)"
        )
    if known is not None:
        warnings.warn(
            f"the landscape {cls.__name__} is defined a second time and takes the first one's "
            "place; what was made of the first one stays what it was",
            stacklevel=4,
        )
    LANDSCAPES[cls.__name__] = cls


def _unflatten(cls: type[Landscape], structure: tuple, leaves: Any) -> Landscape:
    landscape = cast(Landscape, object.__new__(cls))
    landscape._set(
        **dict(zip(cls.static_fields, structure, strict=True)),
        **dict(zip(cls.array_fields, leaves, strict=True)),
    )
    return landscape


def _made_again(cls: type[Landscape], arguments: dict[str, Any]) -> Landscape:
    return cls(**arguments)


def _literal(value: Any) -> str:
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


def a_landscape(value: Any) -> Landscape:
    """`value`, if it is a landscape; else a `ValueError` that says what to write."""
    if isinstance(value, Landscape):
        return value
    cure = ""
    if isinstance(value, type) and issubclass(value, Landscape):
        examples = value.examples()
        cure = f"; write {shown(examples[0]) if examples else value.__name__ + '(…)'}"
    elif isinstance(value, str):
        name = value.partition("(")[0].strip()
        cure = f"; write {name}(…)" if name in LANDSCAPES else f"; write Formula({shown(value)})"
    raise ValueError(f"landscape must be a Landscape such as Saddle(); got {shown(value)}{cure}")
