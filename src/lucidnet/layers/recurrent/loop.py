"""Running a cell over all time steps, forwards and back."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

from ...backend import Array, Tree, as_rows, namespace, outer_sum, scan, with_one
from ..base import Cache, Mask, Run

State: TypeAlias = tuple[Array, ...]
"""What a layer carries from one time step to the next; the first array is its output h."""


class RecurrentCache(NamedTuple):
    """The cache for backpropagation through time; arrays have time first.

    Parameters
    ----------
    x : array (time, n, features)
        The inputs.
    first, last : State
        The states before the first time and after the last.
    kept : tree
        What each step kept.
    h : array (time, n, units)
        The outputs.
    counts : array (time, n, 1) of bool, optional
        Which time steps count.
    given : int
        How many arrays of the first state came in with the input.
    """

    x: Array
    first: State
    last: State
    kept: Any
    h: Array
    counts: Array | None
    given: int

    def before(self, backwards: bool = False) -> Array:
        """Return the output of the previous time step, at each time (time, n, units)."""
        first = self.first[0][None]
        return namespace(first).concat([self.h[1:], first] if backwards else [first, self.h[:-1]])


class Cell(Protocol):
    """One time step, forward and backward, and how to repeat it; see `Recurrent` for each function."""

    @property
    def return_sequences(self) -> bool:
        """Whether to return the outputs of all times, rather than the last one."""

    @property
    def go_backwards(self) -> bool:
        """Whether time runs from the last step to the first."""

    def start(self, x: Array, given: State, run: Run) -> State:
        """Return the initial state."""

    def project(self, params: Tree, x: Array, run: Run) -> Array:
        """Return z = x W + b, of one time or of all."""

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        """Compute one time step; return the next state, and the cache for `step_back`."""

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        """Return the gradients of z, of h U and of the state before, from that of the state after."""

    def biases(self, db: Array, ds: Array) -> Tree:
        """Return the gradients by the biases."""


def through_time(cell: Cell, params: Tree, x: Any, run: Run) -> tuple[Array, RecurrentCache]:
    """Run a cell over all times of sequences (n, time, features)."""
    x, *given = x if isinstance(x, tuple) else (x,)
    xp, first = namespace(x), cell.start(x, tuple(given), run)
    x, z = project(cell, params, x, run)
    mask = first_mask(run.mask)
    counts = None if mask is None else xp.asarray(mask).T[..., None]

    def step(state: State, now: tuple[Array, Array]) -> tuple[State, Any, tuple[Array]]:
        z, m = now
        made, kept = cell.step(params, z, state)
        if m is not None:
            made = tuple(xp.where(m, new, old) for new, old in zip(made, state, strict=True))
        return made, kept, (made[0],)

    last, kept, (h,) = scan(step, first, (z, counts), cell.go_backwards)
    y = xp.permute_dims(h, (1, 0, 2)) if cell.return_sequences else last[0]
    return y, RecurrentCache(x, first, last, kept, h, counts, len(given))


def first_mask(mask: Mask) -> Mask:
    """Return the mask of the sequence; with initial states as inputs the mask is a tuple."""
    return mask[0] if isinstance(mask, tuple) else mask


def project(cell: Cell, params: Tree, x: Array, run: Run) -> tuple[Array, Array]:
    """Return the inputs, time first, and z = x W + b (time, n, gates * units)."""
    # Time first: each step then reads one contiguous piece of memory.
    x = namespace(x).permute_dims(x, (1, 0, 2))
    return x, cell.project(params, as_rows(x), run).reshape(*x.shape[:2], -1)


def back_through_time(
    cell: Cell, params: Tree, cache: RecurrentCache, dy: Array, need_dx: bool
) -> tuple[Any, Tree]:
    """Return the gradients of the inputs (and first states), and of the parameters."""
    xp = namespace(dy)
    errors = xp.permute_dims(dy, (1, 0, 2)) if cell.return_sequences else None
    end = tuple(xp.zeros_like(array) for array in cache.last)
    end = (dy, *end[1:]) if errors is None else end
    dx, dfirst, grads = unroll(cell, params, cache, errors, end, need_dx)
    if not need_dx:
        return None, grads
    dx = xp.permute_dims(dx, (1, 0, 2))
    return ((dx, *dfirst[: cache.given]) if cache.given else dx), grads


def unroll(
    cell: Cell,
    params: Tree,
    cache: RecurrentCache,
    errors: Array | None,
    end: State,
    need_dx: bool = True,
) -> tuple[Array, State, Tree]:
    """Carry errors back through all times; arrays have time first.

    Parameters
    ----------
    errors : array (time, n, units), optional
        The error at the output of each time.
    end : State
        The error of the state after the last time.

    Returns
    -------
    tuple
        The gradients of the inputs (time, n, features), of the state before the first time, and of the
        parameters.
    """
    xp = namespace(cache.h)

    def step(dstate: State, now: tuple[Any, Array, Array]) -> tuple[State, None, tuple[Array, ...]]:
        kept, d, m = now
        if d is not None:
            dstate = (dstate[0] + d, *dstate[1:])
        dmade = dstate if m is None else tuple(xp.where(m, d, 0) for d in dstate)
        dz, ds, dbefore = cell.step_back(params, kept, dmade)
        if m is not None:  # at masked steps the state passed through
            pairs = zip(dbefore, dstate, strict=True)
            dbefore = tuple(b + xp.where(m, 0, d) for b, d in pairs)
        return dbefore, None, ((dz,) if ds is dz else (dz, ds))

    dfirst, _, ds = scan(step, end, (cache.kept, errors, cache.counts), not cell.go_backwards)
    dz = ds[0]
    dx = (as_rows(dz) @ params["W"].T).reshape(*dz.shape[:2], -1) if need_dx else None
    by_x = outer_sum(with_one(cache.x), dz)
    grads = {"W": by_x[:-1], "U": outer_sum(cache.before(cell.go_backwards), ds[-1])}
    return dx, dfirst, grads | cell.biases(by_x[-1], ds[-1])
