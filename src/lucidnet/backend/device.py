"""Compiled work on a device, by JAX: what is jit, what is a transfer, what random numbers are there.

JAX serves as an array language and a compiler; its automatic differentiation is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import SettingError, optional
from .arrays import Array, Shape, Tree
from .random import Stream, key_of


class DeviceStream(Stream):
    """A `Stream` whose step is known only when the compiled program runs.

    Seed and path are hashed to the key of JAX's counter-based generator (Threefry, Salmon et al. 2011), into
    which the step is folded. The numbers are others than those of `Stream`.
    """

    __slots__ = ()

    def _jax_key(self) -> Any:
        import jax

        words: Any = np.frombuffer(key_of(self.seed, self.path).to_bytes(16, "little")[:8], np.uint32)
        return jax.random.fold_in(jax.random.wrap_key_data(words), self.step)

    def normal(self, shape: Shape) -> Array:
        import jax

        return jax.random.normal(self._jax_key(), shape, self.dtype)

    def uniform(self, shape: Shape) -> Array:
        import jax

        return jax.random.uniform(self._jax_key(), shape, self.dtype)

    def bernoulli(self, shape: Shape, probability: float) -> Array:
        import jax

        return jax.random.uniform(self._jax_key(), shape, "float32") < probability

    def full(self, shape: Shape, value: float) -> Array:
        import jax.numpy as jnp

        return jnp.full(shape, value, self.dtype)


def compiled(function: Callable[..., Any], donate: tuple[int, ...] = ()) -> Callable[..., Any]:
    """Return a function that is compiled once for each shape of its arguments; some are given away."""
    import jax

    made: Callable[..., Any] = jax.jit(function, donate_argnums=donate)
    return made


def repeated(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """Call ``carry, out = step(carry, x)`` for each x, in one compiled loop."""
    from jax import lax

    carry, outs = lax.scan(step, carry, xs)
    return carry, outs


def select(condition: Array, one: Tree, other: Tree) -> Tree:
    """Return one tree or another of the same structure, as a condition tells at run time."""
    import jax

    return jax.tree.map(lambda a, b: jax.numpy.where(condition, a, b), one, other)


def on_device(tree: Tree, device: Any) -> Tree:
    """Return a tree of arrays on a device."""
    import jax

    return jax.device_put(tree, device)


def on_host(tree: Tree) -> Tree:
    """Return a tree of NumPy arrays of their own."""
    import jax

    return jax.tree.map(lambda array: np.array(array), tree)


def device(kind: str = "") -> Any:
    """Return the device to work on: the first of a kind (``"cpu"``, ``"gpu"``), or JAX's choice.

    Raises
    ------
    SettingError
        If there is no device of that kind.
    """
    jax: Any = optional("jax", "jax")
    try:
        return jax.devices(kind or None)[0]
    except RuntimeError as error:
        there = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise SettingError(f"backend: there is no device of kind {kind!r} here, only: {there}") from error


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Allow 64 bits while working in float64, as JAX does not by itself."""
    import jax

    allowed: Any = jax.config
    with jax.enable_x64(dtype == "float64" or allowed.jax_enable_x64):
        yield
