"""Event files, read back by the format's own definition."""

import copy
import pickle
import struct

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import On, TensorBoard
from lucidnet.errors import LucidnetError, NonFiniteError
from lucidnet.layers import Conv2D, Dense, Flatten, Input

pytest.importorskip("tensorboardX")
(X, Y), _ = ln.data.load("digits")
X, Y = X[:96].reshape(-1, 8, 8, 1), Y[:96]


def events(folder):
    """Each record: its length, a checksum, the bytes, a checksum."""
    from tensorboardX.proto.event_pb2 import Event

    (path,) = folder.iterdir()
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        (length,) = struct.unpack("<Q", data[place : place + 8])
        found.append(Event.FromString(data[place + 12 : place + 12 + length]))
        place += 16 + length
    return found


def test_what_is_written(tmp_path):
    from tensorboardX.proto.graph_pb2 import GraphDef

    model = ln.Model([Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.125), ["accuracy"])
    plain = ln.Model(model.net)
    plain.compile("categorical_crossentropy", ln.optimizers.SGD(0.125), ["accuracy"])
    plain.fit(X, Y, epochs=2, verbose=0)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path, histograms_every=2, images=X[:2])])
    assert model.get_weights().tobytes() == plain.get_weights().tobytes()
    written = events(tmp_path)
    values = [(event.step, value) for event in written for value in event.summary.value]
    scalars = {}
    for step, value in values:
        if value.HasField("simple_value"):
            scalars.setdefault(value.tag, []).append((step, value.simple_value))
    assert [step for step, _ in scalars["step/loss"]] == [1, 2, 3, 4, 5, 6]
    assert {value for _, value in scalars["step/learning_rate"]} == {0.125}
    np.testing.assert_allclose([v for _, v in scalars["epoch/loss"]], model.history["loss"], rtol=1e-6)
    kinds = {value.tag: value for _, value in values}
    assert kinds["weights/conv2d1/W"].histo.num == 36
    assert kinds["gradients/dense3/b"].histo.num == 10
    assert kinds["images"].image.height == 8
    graph = next(GraphDef.FromString(event.graph_def) for event in written if event.graph_def)
    assert [(node.name, node.op, list(node.input)) for node in graph.node] == [
        ("input0", "Input", []),
        ("conv2d1", "Conv2D", ["input0"]),
        ("flatten2", "Flatten", ["conv2d1"]),
        ("dense3", "Dense", ["flatten2"]),
    ]


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8)),
        np.zeros((2, 3, 8, 8)),
        np.zeros((0, 8, 8, 1)),
        [[1]],
        "a",
        np.full((1, 8, 8, 1), np.nan),
    ],
)
def test_what_are_no_images(tmp_path, images):
    with pytest.raises(LucidnetError, match="TensorBoard: images"):
        TensorBoard(tmp_path, images=images)


def test_numbers_that_no_bar_of_a_histogram_holds(tmp_path):
    model = ln.Model([Input((8, 8, 1)), Flatten(), Dense(10, "softmax", name="out")], dtype="float64")
    model.compile("categorical_crossentropy", ln.optimizers.SGD(1e200))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path, histograms_every=1)])
    kinds = {value.tag: value.histo for event in events(tmp_path) for value in event.summary.value}
    assert kinds["weights/out/W"].num == 640 and np.abs(model.params["out"]["W"]).max() > 1e100


def test_a_gradient_that_is_not_finite_is_said_as_ever(tmp_path):
    model = ln.Model([Input((8, 8, 1)), Flatten(), Dense(1)])
    model.compile("mse", "sgd")
    with pytest.raises(NonFiniteError):
        model.fit(X * 1e20, Y, verbose=0, callbacks=[TensorBoard(tmp_path, histograms_every=1)])


def test_settings():
    with pytest.raises(LucidnetError, match="histograms_every must be a whole number of 1 or more"):
        TensorBoard("folder", histograms_every=0)


def test_copies_in_a_training_and_after_it(tmp_path):
    """As scikit-learn copies what it searches; each copy writes a file of its own."""
    model = ln.Model([Input((8, 8, 1)), Flatten(), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "sgd")
    board, copies = TensorBoard(tmp_path), []

    def copied(loop, result):
        copies.extend([copy.deepcopy(board), pickle.loads(pickle.dumps(board))])

    model.fit(X, Y, verbose=0, callbacks=[board, On(epoch=copied)])
    for one in (*copies, copy.deepcopy(board)):
        model.fit(X, Y, verbose=0, callbacks=[one])
    assert len(list(tmp_path.iterdir())) == 4
