"""TensorBoard event files, and a network as the graph that TensorBoard draws."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.files import explained, make_folder
from ..errors import FileError, optional
from ..layers import Graph, Layer, Sequential

STATE = "what was written before is still there"


def begin(folder: str, main: bool) -> Any:
    """Return a writer of event files in a folder; only the main process writes.

    tensorboardX writes in a thread: an error there would end the thread, and later calls would wait for ever.
    Here it is kept, and raised by the next call.

    Raises
    ------
    FileError
        If the folder or a file in it cannot be made.
    """
    kind = optional("tensorboardX", "tensorboard").SummaryWriter
    if main:
        make_folder(folder)
    with explained(Path(folder), STATE):
        suffix = f".{os.getpid()}.{secrets.token_hex(4)}"  # names hold whole seconds only
        writer = kind(folder, write_to_disk=main, filename_suffix=suffix)
    if main:
        _guard(writer, folder)
    return writer


def close(writer: Any, folder: str) -> None:
    """Flush the writer, and end its thread.

    Raises
    ------
    FileError
        If it cannot be written, and that was not said before.
    """
    faults: list[Any] = getattr(writer, "faults", [])
    try:
        writer.close()
    except OSError as error:  # the rest cannot be written either
        if not faults:
            faults.append(error)
    if faults and not isinstance(faults[0], FileError):
        _raise(faults, folder)


def _guard(writer: Any, folder: str) -> None:
    """Make a writer's thread keep its first error, and later calls raise it."""
    events, writer.faults = writer.file_writer.event_writer, []
    inner, put, faults = events._ev_writer, events.add_event, writer.faults

    def kept(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            try:
                return None if faults else function(*given)
            except OSError as error:
                faults.append(error)

        return call

    def add_event(event: Any) -> None:
        if faults:
            _raise(faults, folder)
        put(event)

    inner.write_event, inner.flush, events.add_event = kept(inner.write_event), kept(inner.flush), add_event


def _raise(faults: list[Any], folder: str) -> None:
    """Raise an operating system error as a `FileError`, which replaces it so that it is reported once."""
    try:
        with explained(Path(folder), STATE):
            raise faults[0]
    except FileError as error:
        faults[0] = error
        raise


def graph(net: Layer) -> Any:
    """Return the network as a graph for TensorBoard."""
    from tensorboardX.proto.graph_pb2 import GraphDef

    return GraphDef(node=list(nodes(net)))


def nodes(net: Layer) -> Iterator[Any]:
    """Yield a graph node for each layer without layers inside; each takes the output of its sources."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.node_def_pb2 import NodeDef

    for name, layer, sources in chain(net, "", []):
        settings = {"settings": AttrValue(s=layer.describe().encode())}
        yield NodeDef(name=name, op=type(layer).__name__, input=sources, attr=settings)


def chain(net: Layer, path: str, sources: list[str]) -> Iterator[tuple[str, Layer, list[str]]]:
    """Yield the leaf layers of a network, each with the names of its sources."""
    outputs: dict[str, list[str]] = {}
    for name, layer in net.children():
        here = f"{path}/{name}" if path else name
        taken = sources
        if isinstance(net, Graph):
            given = next(node.sources for node in net.nodes if node.name == name)
            taken = [leaf for source in given for leaf in outputs.get(source, [])]
        inside = list(chain(layer, here, taken)) if layer.children() else [(here, layer, taken)]
        yield from inside
        outputs[name] = [inside[-1][0]]
        if isinstance(net, Sequential):
            sources = outputs[name]
