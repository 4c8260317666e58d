"""Mixed precision: matrix products in bfloat16, everything else unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

PRODUCTS = ("dot_general", "conv_general_dilated")


def with_bfloat16(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose products and convolutions round their factors to bfloat16.

    The products are summed in float32, and the results are float32 again, so that the loss need not be scaled
    (Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning training", section 3). The program is
    traced, and its operations are made again one by one, including those inside loops.
    """
    import jax

    def rounded(*given: Any) -> Any:
        traced, like = jax.make_jaxpr(function, return_shape=True)(*given)
        made = _again(traced, jax.tree.leaves(given))
        return jax.tree.unflatten(jax.tree.structure(like), made)

    return rounded


def _again(traced: Any, given: Sequence[Any]) -> list[Any]:
    """Run the operations of a traced program on other arrays."""
    known: dict[Any, Any] = dict(zip(traced.jaxpr.constvars, traced.consts, strict=True))
    known |= dict(zip(traced.jaxpr.invars, given, strict=True))

    def value(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else known[atom]

    for made in traced.jaxpr.eqns:
        found = _made(made, [value(atom) for atom in made.invars])
        known |= dict(zip(made.outvars, found, strict=True))
    return [value(atom) for atom in traced.jaxpr.outvars]


def _made(equation: Any, given: list[Any]) -> Sequence[Any]:
    """Run one operation of a traced program, rounding the factors of products to bfloat16."""
    settings = equation.params
    if "call_jaxpr" in settings:  # a function with derivatives of its own, which are not needed
        return _again(settings["call_jaxpr"], given)
    if equation.primitive.name in PRODUCTS:
        import jax.numpy as jnp

        dtype = equation.outvars[0].aval.dtype
        if dtype == jnp.float32:
            given = [array.astype(jnp.bfloat16) for array in given]
            settings = settings | {"preferred_element_type": dtype}
    else:
        settings = {name: _inside(setting) for name, setting in settings.items()}
    found = equation.primitive.bind(*given, **settings)
    return found if equation.primitive.multiple_results else [found]


def _inside(setting: Any) -> Any:
    """Return a setting of an operation with the programs inside it (such as a loop's body) retraced."""
    import jax
    import jax.extend

    if type(setting) is tuple:
        return tuple(map(_inside, setting))
    if not isinstance(setting, jax.extend.core.ClosedJaxpr):
        return setting
    return jax.make_jaxpr(lambda *given: _again(setting, given))(*setting.in_avals)
