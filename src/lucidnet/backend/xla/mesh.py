"""Which devices work together, and how arrays are distributed over them."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from ...core.trees import Array, Shape, Tree
from ...errors import SettingError, optional
from ..threads import cores
from .processes import together
from .target import ROWS, Target

COLUMNS = "model"
"""The mesh's second axis, over which the columns of wide weights are spread."""
WIDE = 512
"""The least number of rows or columns from which on a matrix is spread over the second axis."""
MOST = 64
"""The most devices that a machine with fewer cores may simulate; a thousand would stall it for minutes."""
FORCED = "xla_force_host_platform_device_count"
"""The older flag for the number of devices that a processor simulates."""


class Mesh:
    """Devices in rows and columns.

    The examples of a batch are spread over the rows. If there are several columns, wide weight matrices are
    spread over them: by their columns, or by their rows if those are more. Every device holds everything else
    in full. The compiler finds out what must be summed or sent, and when (Xu et al. 2021, "GSPMD").

    Parameters
    ----------
    kind : str
        The kind of devices, ``"cpu"`` or ``"gpu"``; JAX's choice if empty.
    given : optional
        The number of devices: ``"all"``, a number, rows and columns as ``(4, 2)`` or ``"4x2"``; one if not
        given.
    whole : bool
        Whether small loops may be compiled as one kernel; see the module `whole`.

    Raises
    ------
    SettingError
        If there are not that many devices.
    """

    def __init__(self, kind: str = "", given: Any = None, whole: bool = False) -> None:
        jax: Any = optional("jax", "jax")
        if given is not None:
            processors(given)
        there = devices(kind, everywhere=given is not None)
        self.rows, self.columns = sizes(given, len(there))
        count = self.rows * self.columns
        if count > len(there) or (given is not None and jax.process_count() > 1 and count != len(there)):
            raise SettingError(_too_many(given, there))
        self.devices = there[:count]
        self.grid = jax.sharding.Mesh(
            np.array(self.devices).reshape(self.rows, self.columns), (ROWS, COLUMNS)
        )
        owners = [device.process_index for device in self.devices]
        self.processes = len(set(owners))
        self.index = jax.process_index() if self.processes > 1 else 0
        self.target = Target(self.devices[0].platform, self.rows, self.grid, whole)

    def sharding(self, *axes: str | None) -> Any:
        """Return the sharding of an array whose axes are spread over the given axes of the mesh."""
        jax: Any = import_module("jax")
        return jax.sharding.NamedSharding(self.grid, jax.sharding.PartitionSpec(*axes))

    def spread(self, axis: int) -> Any:
        """Return the sharding of arrays whose examples lie along an axis."""
        return self.sharding(*[None] * axis, ROWS)

    def weights(self, tree: Tree) -> Any:
        """Return the sharding of each array in a tree of weights, or of arrays that belong to weights."""
        import jax

        return jax.tree.map(lambda array: self._weights(array.shape), tree)

    def _weights(self, shape: Shape) -> Any:
        if self.columns == 1 or len(shape) != 2 or max(shape) < WIDE or max(shape) % self.columns:
            return self.sharding()
        return self.sharding(None, COLUMNS) if shape[1] >= shape[0] else self.sharding(COLUMNS, None)

    def put(self, tree: Tree, sharding: Any = None) -> Tree:
        """Put arrays that every process has whole on the devices; `sharding` is one for all, or a tree."""
        import jax

        sharding = self.sharding() if sharding is None else sharding
        if self.processes == 1:
            return jax.device_put(tree, sharding)
        if not isinstance(sharding, jax.sharding.Sharding):
            return jax.tree.map(_placed, tree, sharding)
        return jax.tree.map(lambda array: _placed(array, sharding), tree)

    def put_rows(self, tree: Tree, axis: int) -> Tree:
        """Put arrays onto the devices, each process contributing its own examples along an axis."""
        import jax

        if self.processes > 1:
            from_local: Any = jax.make_array_from_process_local_data
            return jax.tree.map(lambda array: from_local(self.spread(axis), np.asarray(array)), tree)
        leaves = jax.tree.leaves(tree)
        even = all(array.shape[axis] % self.rows == 0 for array in leaves)
        return jax.device_put(tree, self.spread(axis) if even else self.sharding())

    def whole(self, tree: Tree) -> Tree:
        """Return arrays replicated on all processes; sharded ones are gathered."""
        jax: Any = import_module("jax")
        if self.processes == 1 or self.columns == 1:
            return tree
        with together(self.processes, "gathering weights"):
            return jax.block_until_ready(jax.jit(lambda tree: tree, out_shardings=self.sharding())(tree))

    def near(self, tree: Tree) -> Tree:
        """Return arrays on a single device of this process."""
        import jax

        if self.processes > 1:
            tree = self.fetch(self.whole(tree))
        return jax.device_put(tree, next(d for d in self.devices if d.process_index == jax.process_index()))

    def fetch(self, tree: Tree, axis: int = 0) -> Tree:
        """Copy arrays to NumPy; of those spread over processes, only this process's examples."""
        import jax

        return jax.tree.map(lambda array: _fetched(array, axis), tree)


def devices(kind: str, everywhere: bool = False) -> list[Any]:
    """Return the devices of a kind, ``"cpu"`` or ``"gpu"``, or those that JAX would take.

    Raises
    ------
    SettingError
        If there are none of that kind.
    """
    jax: Any = optional("jax", "jax")
    try:
        found = jax.devices(kind or None)
    except RuntimeError as error:
        there = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise SettingError(f"backend: there is no device of kind {kind!r} here, only: {there}") from error
    return list(found if everywhere else [d for d in found if d.process_index == jax.process_index()])


def processors(asked: Any) -> None:
    """Make JAX see each CPU core as a device, or more devices than cores if that many are asked for.

    It is too late once JAX has started; the user's own settings, and several processes, are left alone.
    """
    jax: Any = optional("jax", "jax")
    told = jax.config.jax_num_cpu_devices != -1 or FORCED in os.environ.get("XLA_FLAGS", "")
    if told or jax.distributed.is_initialized():
        return
    there = cores()
    rows, columns = sizes(asked, there)
    if rows * columns > max(MOST, there):
        raise SettingError(
            f"mesh={asked!r}: this machine has {there} cores, each of which is a device; more than {MOST} "
            "are not made of them: ask for fewer, or 'all'"
        )
    with suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", max(rows * columns, there))


def sizes(given: Any, there: int) -> tuple[int, int]:
    """Parse a mesh setting into its numbers of rows and columns.

    Examples
    --------
    >>> sizes("all", 8), sizes(2, 8), sizes("4x2", 8), sizes(None, 8)
    ((8, 1), (2, 1), (4, 2), (1, 1))
    """
    if given is None or given == "all":
        return (1 if given is None else there), 1
    if isinstance(given, str):
        parts = given.split("x")
        given = tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
    numbers = (given,) if isinstance(given, int) else tuple(given)
    if not 1 <= len(numbers) <= 2 or not all(isinstance(n, int) and n >= 1 for n in numbers):
        raise SettingError(
            f"mesh: expected 'all', a number of devices, or rows and columns as '4x2', got {given!r}"
        )
    return numbers[0], numbers[1] if len(numbers) > 1 else 1


def _too_many(given: Any, there: list[Any]) -> str:
    kind = there[0].platform
    several = len({device.process_index for device in there})
    where = f" in {several} processes, all of which are needed" if several > 1 else ""
    hint = ""
    if kind == "cpu" and several == 1:
        hint = " (JAX made them before; make this model first, or set JAX_NUM_CPU_DEVICES)"
    return f"mesh={given!r}: there are {len(there)} devices of kind {kind!r}{where}{hint}"


def _placed(array: Array, sharding: Any) -> Any:
    import jax

    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def _fetched(array: Any, axis: int) -> Array:
    if isinstance(array, np.ndarray | np.generic) or array.is_fully_addressable or array.is_fully_replicated:
        return np.array(array)
    shards = {shard.index[axis].start or 0: shard.data for shard in array.addressable_shards}
    return np.concatenate([np.asarray(shards[start]) for start in sorted(shards)], axis)
