"""Finding the layer inside a network that is at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.value import described
from ..layers.rebuild import unwrapped
from .contract import unusable
from .subject import LayerSubject, LossSubject, ObjectiveSubject, Subject
from .visits import visits

Reasons = Callable[[LayerSubject | LossSubject], tuple[str, ...]]
"""A function from a layer or loss to sentences that say what is wrong with it."""


def faults_inside(subject: Subject, reasons: Reasons) -> Iterator[str]:
    """Yield what is wrong with the layers inside a network, each checked in its place.

    If all of them are right, nothing is yielded: then the fault is in the wiring.
    """
    if isinstance(subject, ObjectiveSubject) and subject.several:
        yield from reasons(subject.net)
    elif isinstance(subject, ObjectiveSubject):
        loss = f"the loss {described(subject.objective.loss)}"
        yield from (f"{loss}: {reason}" for reason in reasons(subject.loss))
        if unusable(subject.loss) is None:
            yield from reasons(subject.net)
    elif isinstance(subject, LayerSubject) and subject.layer.children():
        for visit in visits(subject):
            if visit.subject is not None:
                title = f"layer {visit.index} {visit.layer.describe()} ({visit.name})"
                yield from (f"{title}: {reason}" for reason in reasons(visit.subject))


def wiring(subject: Subject) -> Iterator[str]:
    """Say that the fault is in a container's wiring, for a container that has layers inside."""
    if isinstance(subject, LayerSubject) and subject.layer.children():
        yield (
            f"each layer inside is right by itself, so the fault is in the wiring: how "
            f"{type(unwrapped(subject.layer)).__name__} hands errors on and adds up what comes back"
        )
