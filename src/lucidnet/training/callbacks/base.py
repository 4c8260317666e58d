"""What may happen between the steps of a training: the interface of all callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...core.own import check_callback
from ...core.packing import SENSELESS
from ...engine.state import Measured
from ...errors import FileError, NonFiniteError, SettingError
from ...foreign import MOMENTS, Refusing
from ..history import Result

if TYPE_CHECKING:
    from pathlib import Path

    from ..loop import Loop


def alone(step: int, every: int) -> int:
    """Return how many steps there are before the next that `every` divides; such a one is made alone."""
    return every - step % every if step % every else 1


class Callback(Refusing):
    """Does something at certain moments of a training; a subclass overrides those that it needs.

    Each method is given the `Loop`: ``loop.model`` with its state, ``loop.epoch`` and ``loop.batch``,
    how many are done; ``loop.stop("reason")`` ends the training after this step. What a callback remembers
    of a training begins anew in `begin`, so that it serves for any number of them.

    Examples
    --------
    >>> import lucidnet as ln
    >>> class Shout(Callback):
    ...     def epoch(self, loop, result):
    ...         print(f"epoch {loop.epoch}!")
    >>> model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])
    >>> model.compile("mse", "sgd")
    >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2, verbose=0, callbacks=[Shout()])
    epoch 1!
    epoch 2!
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        check_callback(cls, Callback)
        for foreign, ours in MOMENTS.items():
            if foreign in vars(cls):
                raise SettingError(f"{cls.__name__}: nobody would call {foreign}: here it is {ours}")

    @property
    def looks(self) -> bool:
        """Whether `step` is told anything but losses; the network's outputs are left out otherwise."""
        return type(self).step is not Callback.step

    def room(self, step: int) -> int | None:
        """Return how many steps may be made at once from a step on; None for any number.

        A compiled training makes several steps at once, where it may; `before_step` and `step` are then
        called once for all of them.
        """
        idle = type(self).step is Callback.step and type(self).before_step is Callback.before_step
        return None if idle else 1

    def owned(self) -> Path | None:
        """Return a folder that no other training may write to while this one goes on, if there is one."""
        return None

    def begin(self, loop: Loop) -> None:
        """Before the first step; what is remembered of a training before this one is forgotten here."""

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        """Before each step, with its batches (one, unless gradients are accumulated)."""

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        """After each step, or each few, with what was measured in each of them."""

    def epoch(self, loop: Loop, result: Result) -> None:
        """After each epoch, with its numbers."""

    def after_all(self, loop: Loop) -> None:
        """After all callbacks had their `step`, or their `epoch`: what is written holds what all decided."""

    def failed(self, loop: Loop, error: NonFiniteError) -> bool:
        """After a step that was not finite; return True if training may end without an error."""
        return False

    def terminated(self, loop: Loop) -> str | None:
        """Before SIGTERM ends the training; write down what must not be lost, and say where it is."""
        return None

    def end(self, loop: Loop) -> None:
        """At the end, also after an error."""

    def state(self) -> Any:
        """Return what a checkpoint must hold so that `restore` can go on: numbers, texts, lists, dicts."""
        return None

    def restore(self, loop: Loop, state: Any) -> None:
        """Go on from what `state` returned; called after `begin`."""


def going_on(loop: Loop, kept: list[Any]) -> list[str]:
    """Let the callbacks of a loop go on from what was kept of each kind; return whose state nobody took.

    Raises
    ------
    FileError
        If what was kept makes no sense.
    """
    for callback in loop.callbacks:
        name = type(callback).__name__
        if (mine := next((one for one in kept if one[0] == name), None)) is None:
            continue
        kept.remove(mine)
        try:
            callback.restore(loop, mine[1])
        except SettingError:
            raise
        except SENSELESS as error:
            raise FileError(f"what the checkpoint holds of {name} makes no sense ({error!r})") from error
    return [name for name, state in kept if state is not None]
