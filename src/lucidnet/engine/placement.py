"""Moving states to devices, and back to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Array, Parts, Tree
from ..backend.layout import Flat
from ..backend.xla.mesh import Mesh
from ..core.trees import floats, ordered, tree_map
from ..data.batch import materialize
from .feedback import fresh_memory
from .problem import Problem
from .state import FeedbackState, State, read_only
from .stream import StreamProblem


class Placement:
    """Puts states on devices, and brings them back.

    Parameters
    ----------
    mesh : Mesh
        The devices of the training.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.sent: dict[Mesh | None, tuple[Any, Any]] = {}
        """Parameters sent to devices, and their copies there, by mesh; None is one device of this process."""
        self.orders: tuple[Tree, Tree] = ({}, {})
        """Feedback weights and carried states in layer order, which a compiler would sort."""

    def put(self, problem: Problem, state: State, mesh: Mesh, batch: Any) -> State:
        """Put a state on the devices, with every branch that it will have after a step."""
        self.sent.pop(None, None)  # these weights will soon be outdated, and take memory
        if isinstance(state.vector, Parts):
            if mesh is self.mesh or _lies_on(state, mesh):
                carried = state.carried or self._zeros(problem, state, mesh, batch)
                return state if carried is state.carried else state._replace(carried=carried)
            state = self.host(state)
        own, parameters = state.feedback, problem.layout.parameters

        def placed(tree: Tree) -> Any:
            return mesh.put(tree, mesh.weights(tree))

        self.orders = (tree_map(lambda array: None, own.weights), self.orders[1])
        slots = {}
        if not problem.optimizer.full_batch:  # it searches on the host, and remembers there
            slots = {n: parameters.parts(placed(parameters.arrays(slot))) for n, slot in state.memory.items()}
        return state._replace(
            params=self.params(state.params, mesh),
            memory=slots,
            carried=placed(state.carried) if state.carried else self._zeros(problem, state, mesh, batch),
            feedback=_feedback(problem, own, placed),
        )

    def stream(self, static: StreamProblem, stream: Any, mesh: Mesh) -> Any:
        """Put the state of a stream on the devices."""
        total, parameters = stream.total, static.problem.layout.parameters
        if isinstance(total, np.ndarray):
            total = parameters.parts(mesh.put(parameters.arrays(total)))
        state = self.put(static.own, stream.state, mesh, None)
        feedback = _feedback(static.problem, stream.feedback, mesh.put)
        return stream._replace(state=state, feedback=feedback, total=total)

    def _zeros(self, problem: Problem, state: State, mesh: Mesh, batch: Any) -> Tree:
        """Return zero states for stateful layers, as a program must be given some."""
        if not problem.layout.stateful or batch is None:
            return state.carried
        made = problem.carried_zeros(self.host(state).params, materialize(batch).x)
        self.orders = (self.orders[0], tree_map(lambda array: None, made))
        return mesh.put(floats(made, dtype_of(state)))

    def params(self, params: Any, mesh: Mesh | None) -> Any:
        """Put parameters on the devices of a mesh; without a mesh, on one device of this process.

        They may be there already: the last ones sent are kept, as a policy is asked again and again.
        """
        if mesh and isinstance(params.vector, Parts):
            return params
        sent = self.sent.get(mesh, (None, None))  # read once: other threads predict, too
        if sent[0] is not params:
            layout = params.layout
            arrays = layout.arrays(params.vector) if mesh else self.params(params, self.mesh).vector.arrays
            placed = mesh.put(arrays, mesh.weights(arrays)) if mesh else self.mesh.near(arrays)
            sent = self.sent[mesh] = params, layout.bind(layout.parts(placed))
        return sent[1]

    def host(self, state: State) -> State:
        """Copy a state to read-only NumPy arrays."""
        if not isinstance(state.vector, Parts):
            return read_only(state)
        there = self.mesh.whole(stripped(state))
        try:
            there = self.mesh.fetch(there)
        except RuntimeError as error:
            from ..errors import NotReadyError

            raise NotReadyError(
                "the weights were on a device, and are lost there: go on from a checkpoint "
                f"(fit(..., resume=folder)): {error}"
            ) from error
        dtype = dtype_of(state)
        feedback = FeedbackState(
            ordered(there.feedback.weights, self.orders[0]),
            {name: _joined(slot.arrays, dtype) for name, slot in there.feedback.memory.items()},
        )
        made = state._replace(
            params=state.params.layout.bind(_joined(there.vector.arrays, dtype)),
            memory={name: _joined(slot.arrays, dtype) for name, slot in there.memory.items()},
            carried=ordered(there.carried, self.orders[1]) if self.orders[1] else there.carried,
            feedback=feedback,
        )
        return read_only(made)


def _feedback(problem: Problem, own: FeedbackState, placed: Callable[[Tree], Any]) -> FeedbackState:
    """Put feedback weights on devices, and what the optimizer will remember of them."""
    memory = own.memory
    if problem.taught is not None:
        slots, layout = memory or fresh_memory(problem, own.weights), problem.taught.layout
        memory = {name: layout.parts(placed(layout.arrays(slot))) for name, slot in slots.items()}
    return FeedbackState(placed(own.weights), memory)


def dtype_of(state: Any) -> str:
    """Return the dtype of the weights of a state, or of parameters."""
    params = state if isinstance(state, Flat) else getattr(state, "state", state).params
    return str(params.vector.dtype)


def stripped(state: Any) -> Any:
    """Return a state in the form that programs take: its step as an array, its seed left out."""
    core = getattr(state, "state", state)._replace(step=np.int32(state.step), seed=None)
    return core if isinstance(state, State) else state._replace(state=core)


def dressed(state: Any, before: Any, moves: int = 0) -> Any:
    """Return a program's resulting state, with step and seed restored."""
    core = getattr(state, "state", state)._replace(step=before.step + moves, seed=before.seed)
    return core if isinstance(state, State) else state._replace(state=core)


def _joined(arrays: Sequence[Array], dtype: str) -> Array:
    """Concatenate arrays into one vector."""
    return np.concatenate([array.reshape(-1) for array in arrays]) if arrays else np.zeros(0, dtype)


def _lies_on(state: State, mesh: Mesh) -> bool:
    """Tell whether a state lies on the devices of a mesh, and on no others."""
    arrays = state.vector.arrays
    return not arrays or set(arrays[0].devices()) == set(mesh.devices)
