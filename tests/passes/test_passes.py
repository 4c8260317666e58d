"""A pass in the hand, gradients applied, parts, copies, programs: against PyTorch, JAX, and steps of `fit`."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend import namespace
from lucidnet.errors import (
    DataError,
    LucidnetError,
    NonFiniteError,
    SettingError,
    ShapeError,
    UnknownNameError,
)
from lucidnet.layers import BatchNormalization, Dense, Dropout, Graph, Input, Layer
from lucidnet.losses import Loss
from lucidnet.optimizers import SGD, Adam, ClipGlobalNorm
from lucidnet.optimizers.constraints import MaxNorm
from lucidnet.optimizers.schedules import Cosine
from lucidnet.passes.view import over
from lucidnet.tree import leaves

RNG = np.random.default_rng(7)
BACKENDS = ["numpy", "jax"]
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))


def model(layers, backend="numpy", optimizer="sgd", loss=None, **settings):
    made = ln.Model(layers, dtype="float64", backend=backend, seed=3)
    made.compile(loss, optimizer, **settings)
    return made


def everything():
    """All that belongs to a step but is in no gradient."""
    return [
        Input(3),
        Dense(5, "tanh", l2=0.01),
        BatchNormalization(),
        Dropout(0.3),
        Dense(2, l1=0.002, constraint=MaxNorm(0.7), frozen=("b",)),
    ]


def careful():
    return Adam(Cosine(0.05, 0, 9), weight_decay=0.01, clip=ClipGlobalNorm(0.5))


def by_hand(net, x=X, y=Y):
    """One step on the mean squared error."""
    tape = net.forward(x, train=True)
    dx, grads = tape.backward(2 * (tape.output - y) / y.size)
    net.apply(grads, tape)
    return ((tape.output - y) ** 2).mean()


# --- forward, backward, apply ------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_by_hand_is_a_step_of_fit(backend):
    one, other = model(everything(), backend, careful()), model(everything(), backend, careful(), "mse")
    for _ in range(3):
        by_hand(one)
        other.train_step(X, Y)
    close = np.testing.assert_array_equal if backend == "numpy" else np.testing.assert_allclose
    close(one.get_weights(), other.get_weights(), *([] if backend == "numpy" else [1e-12]))
    assert one.state.step == 3
    assert (one.params["batchnormalization2"]["mean"] != 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_states_are_carried_on_by_the_tape(backend):
    net, x, y = [Input((4, 3)), L.LSTM(5, stateful=True), Dense(2)], RNG.normal(size=(2, 4, 3)), Y[:2]
    one, other = model(net, backend), model(net, backend, loss="mse")
    for _ in range(3):
        by_hand(one, x, y)
        other.train_step(x, y)
    np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)
    assert one.state.carried


def test_gradients_and_statistics_are_pytorchs():
    torch = pytest.importorskip("torch")
    ours = model([Input((6, 6, 2)), L.Conv2D(3, 3), BatchNormalization(), L.ReLU(), L.Flatten(), Dense(2)])
    W, b = ours.params["conv2d1"]["W"], ours.params["conv2d1"]["b"]
    conv, norm = torch.nn.Conv2d(2, 3, 3).double(), torch.nn.BatchNorm2d(3, momentum=0.01).double()
    dense = torch.nn.Linear(48, 2).double()
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(W.transpose(3, 2, 0, 1).copy()))
        conv.bias.copy_(torch.tensor(b))
        dense.weight.copy_(torch.tensor(ours.params["dense5"]["W"].T.copy()))
        dense.bias.copy_(torch.tensor(ours.params["dense5"]["b"]))
    x = RNG.normal(size=(4, 6, 6, 2))
    given = torch.tensor(x, requires_grad=True)
    norm.eps = ours.net.layers[2].epsilon
    norm.momentum = 1 - ours.net.layers[2].momentum
    hidden = torch.relu(norm(conv(given.permute(0, 3, 1, 2)))).permute(0, 2, 3, 1).reshape(4, -1)
    out = dense(hidden)
    (out**3).sum().backward()
    tape = ours.forward(x, train=True)
    dx, grads = tape.backward(3 * tape.output**2)
    np.testing.assert_allclose(tape.output, out.detach(), atol=1e-12)
    np.testing.assert_allclose(dx, given.grad, atol=1e-9)
    np.testing.assert_allclose(grads["conv2d1"]["W"].transpose(3, 2, 0, 1), conv.weight.grad, atol=1e-9)
    np.testing.assert_allclose(grads["dense5"]["W"].T, dense.weight.grad, atol=1e-9)
    np.testing.assert_allclose(tape["relu3"], hidden.detach().reshape(4, 4, 4, 3), atol=1e-12)
    ours.apply(grads, tape)
    np.testing.assert_allclose(ours.params["batchnormalization2"]["mean"], norm.running_mean, atol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tape_can_be_gone_back_on_again_and_again(backend):
    net = model([Input(3), Dense(4, "tanh"), Dense(2)], backend)
    tape = net.forward(X)
    dy = RNG.normal(size=(8, 2))
    dx, first = tape.backward(dy)
    kept = first["dense1"]["W"].copy()
    _, second = tape.backward(10 * dy)
    np.testing.assert_array_equal(first["dense1"]["W"], kept)
    np.testing.assert_allclose(second["dense1"]["W"], 10 * kept, 1e-12)
    for _ in range(3):  # the weights move on, the tape does not
        net.apply(first)
    np.testing.assert_allclose(tape.backward(dy)[1]["dense1"]["W"], kept, 1e-12)
    assert tape.backward(dy, need_dx=False)[0] is None
    with pytest.raises(ShapeError, match=r"shape of the output, \(8, 2\), got \(2,\)"):
        tape.backward(np.ones(2))
    with pytest.raises(UnknownNameError, match="dense1"):
        tape["dens1"]
    assert dx.shape == X.shape


def test_steps_by_hand_take_turns_with_two_sets_of_vectors():
    """As those of `fit` do: a tape is gone when nobody holds it, and then its state may be written over."""
    net, seen = model([Input(3), Dense(4, "tanh"), Dense(2)], optimizer=Adam()), []
    for _ in range(6):
        by_hand(net)
        seen.append(net.live.vector.__array_interface__["data"][0])
    assert len(set(seen[2:])) == 2


def test_what_passes_unchanged_is_handed_out_as_a_copy():
    net = model([Input(2), L.Linear()])
    dy = np.ones((1, 2))
    dx, _ = net.forward([[1.0, 2.0]]).backward(dy)
    dx *= 5
    np.testing.assert_array_equal(dy, 1)
    with pytest.raises(ValueError, match="read-only"):
        net.forward([[1.0, 2.0]]).output[0] = 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_that_is_not_finite_changes_nothing(backend):
    net = model(everything(), backend, Adam())
    by_hand(net)
    before = net.state
    tape = net.forward(X, train=True)
    _, grads = tape.backward(np.ones((8, 2)))
    grads["dense1"]["W"] = np.where(np.arange(15).reshape(3, 5) == 7, np.nan, grads["dense1"]["W"])
    with pytest.raises(NonFiniteError, match=r"step 1: .* nan at \(1, 2\) in the gradient of dense1\.W"):
        net.apply(grads, tape)
    after = net.state
    np.testing.assert_array_equal(after.vector, before.vector)
    for name, slot in before.memory.items():
        np.testing.assert_array_equal(after.memory[name], slot)
    assert after.step == before.step


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_has_no_gradient_stays_as_in_pytorch(backend):
    """Adam leaves weights without a gradient, and what it remembers of them."""
    torch = pytest.importorskip("torch")
    net = model([Input(3), Dense(2, name="a"), Dense(2, name="b")], backend, Adam(0.1, epsilon=1e-7))
    torchs = {name: torch.tensor(np.array(net.params[name]["W"]), requires_grad=True) for name in ("a", "b")}
    adam = torch.optim.Adam(torchs.values(), 0.1, eps=1e-7)
    for k in range(3):
        g = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2))
        torchs["a"].grad, torchs["b"].grad = torch.tensor(g[0]), None if k == 1 else torch.tensor(g[1])
        adam.step()
        net.apply({"a": {"W": g[0]}, "b": {"W": None if k == 1 else g[1]}})
    np.testing.assert_allclose(net.params["a"]["W"], torchs["a"].detach(), rtol=1e-9, atol=1e-9)
    if backend == "numpy":  # the number of the step is the model's: only its memory stays
        assert not net.params["b"]["b"].any()
    before = net.get_weights()
    net.apply([{"a": {"W": np.ones((3, 2))}}, {"a": {"W": -np.ones((3, 2))}}])  # they are added
    assert np.abs(net.params["b"]["W"] - np.asarray(before[8:12]).reshape(2, 2)).max() == 0


def test_what_is_given_to_apply_is_checked():
    net = model(everything())
    for grads, error, match in [
        ({"dense9": {"W": np.ones(2)}}, UnknownNameError, "dense9.W"),
        ({"dense1": {"W": np.ones(2)}}, ShapeError, r"shape \(3, 5\), got \(2,\)"),
        (np.ones(3), SettingError, "grads must be the gradients"),
        ({}, SettingError, "no gradient"),
    ]:
        with pytest.raises(error, match=match):
            net.apply(grads, ())
    tape = net.forward(X)
    _, grads = tape.backward(np.ones((8, 2)))
    with pytest.raises(SettingError, match="train=True"):
        net.apply(grads, tape)
    tape = net.forward(X, train=True)
    net.apply(grads, ())
    with pytest.raises(SettingError, match="before the weights last changed"):
        net.apply(grads, tape)
    with pytest.raises(SettingError, match="LBFGS"):
        model([Input(3), Dense(2)], optimizer="lbfgs").apply({"dense1": {"b": np.ones(2)}})
    with pytest.raises(ln.errors.NotReadyError, match="without a loss"):
        net.fit(X, Y)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_pass_of_a_step_has_dropout_of_its_own(backend):
    net = model([Input(3), Dense(3), Dropout(0.5)], backend)
    one, two = (net.forward(np.ones((50, 3)), train=True).output for _ in range(2))
    assert ((one == 0) != (two == 0)).any()
    again = model([Input(3), Dense(3), Dropout(0.5)], backend).forward(np.ones((50, 3)), train=True).output
    np.testing.assert_array_equal(one, again)


def test_whole_numbers_have_no_gradient():
    net = model([Input((4,)), L.Embedding(9, 3), L.GRU(2)])
    dx, grads = net.forward(RNG.integers(0, 9, (2, 4))).backward(np.ones((2, 2)))
    assert dx is None
    assert grads["embedding1"]["W"].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_leads_to_whole_numbers_alone_has_no_gradient(backend):
    nodes = [
        *(("pairs", L.Reshape((3, 2)), "text"), ("words", L.Embedding(9, 4), "pairs")),
        *(("flat", L.Flatten(), "words"), ("h", Dense(4, "tanh"), "real")),
        *(("both", L.Concatenate(), ("flat", "h")), ("y", Dense(2), "both")),
    ]
    net = model(Graph({"text": (6,), "real": (3,)}, nodes, "y"), backend)
    dy, text = RNG.normal(size=(8, 2)), RNG.integers(0, 9, (8, 6))
    dx, grads = net.forward({"text": text, "real": X}).backward(dy)
    p = net.params
    dh = dy @ p["y"]["W"][24:].T * (1 - np.tanh(X @ p["h"]["W"] + p["h"]["b"]) ** 2)
    assert dx["text"] is None
    np.testing.assert_allclose(dx["real"], dh @ p["h"]["W"].T, 1e-10)
    words = np.zeros((9, 4))
    np.add.at(words, text, (dy @ p["y"]["W"][:24].T).reshape(8, 6, 4))
    np.testing.assert_allclose(grads["words"]["W"], words, 1e-10, atol=1e-12)
    inside = L.Sequential([L.Embedding(9, 4), L.Flatten()])
    for layers in (
        [Input(6), L.Reshape((3, 2)), inside, Dense(2)],
        [Input(6), L.Concatenate([inside, Dense(3)]), Dense(2)],
        [Input(6), L.Residual(L.Sequential([L.Reshape((6, 1)), L.Embedding(9, 1), L.Flatten()])), Dense(2)],
    ):
        dx, grads = model(layers, backend).forward(text).backward(dy)
        assert dx is None
        assert any(array.any() for path, array in leaves(grads) if array.shape[0] == 9)


def test_a_way_back_is_gone_once_where_whole_numbers_are_below():
    net = model([Input(6), L.Reshape((3, 2)), L.Embedding(9, 4), L.Flatten(), Counted(name="c")])
    tape = net.forward(RNG.integers(0, 9, (8, 6)))
    BACK.clear()
    tape.backward(np.ones((8, 24)))
    assert BACK == ["c"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_layers_add_to_the_loss_is_asked_for(backend):
    torch = pytest.importorskip("torch")
    layers = [Input(3), Dense(4), L.Sampling(0.3, name="code"), Dense(2)]
    one, other = model(layers, backend), model(layers, backend, loss="mse")
    tape = one.forward(X, train=True)
    dy = 2 * (tape.output - Y) / Y.size
    with pytest.raises(SettingError, match=r"backward: code adds something to the loss.*penalty=True"):
        tape.backward(dy)
    loss = ((tape.output - Y) ** 2).mean() + tape.penalty
    bare, whole = (tape.backward(dy, penalty=asked)[1]["dense1"]["W"] for asked in (False, True))
    one.apply(tape.backward(dy, penalty=True)[1], tape)
    assert loss == pytest.approx(other.train_step(X, Y).loss, rel=1e-12)
    np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)
    codes = torch.tensor(tape["dense1"], requires_grad=True)  # what the two differ by, by PyTorch
    mean, v = codes[:, :2], codes[:, 2:]
    (0.15 * (mean**2 + v.exp() - 1 - v).sum() / 8).backward()
    np.testing.assert_allclose(whole - bare, X.T @ codes.grad.numpy(), 1e-8)
    assert one.forward(X).backward(dy)[1]["dense1"]["W"].any()  # of an inference nothing is added
    code = one.part("code").forward(np.ones((8, 4)), train=True)
    np.testing.assert_allclose(code.backward(np.zeros((8, 2)), penalty=True)[0][0, :2], 0.3 / 8)
    assert model([Input(3), Dense(2)], backend).forward(X, train=True).penalty == 0

    def step(net, batch):
        x, y = batch
        tape = net.forward(x, train=True)
        net.apply(tape.backward(2 * (tape.output - y) / 16, penalty=True)[1], tape)
        return ((tape.output - y) ** 2).mean() + tape.penalty

    told = ln.OwnStep(step, one)([(X, Y)] * 2)
    np.testing.assert_allclose(told, [other.train_step(X, Y).loss for _ in range(2)], 1e-12)


# --- parts, copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_parts_have_the_weights_of_the_whole(backend):
    code = L.Sequential([Dense(4, "tanh"), Dense(2)], name="code")
    net = model([Input(3), code, Dense(3, name="back")], backend)
    encoder, decoder = net.part("code"), net.part("back")
    np.testing.assert_allclose(decoder.predict(encoder.predict(X)), net.predict(X), 1e-12)
    first = encoder.forward(X, train=True)
    second = decoder.forward(first.output, train=True)
    up, theirs = second.backward(np.ones((8, 3)))
    dx, ours = first.backward(up)
    assert list(ours) == ["code"] and list(theirs) == ["back"]
    whole = net.forward(X, train=True)
    expected_dx, expected = whole.backward(np.ones((8, 3)))
    np.testing.assert_allclose(dx, expected_dx, 1e-12)
    np.testing.assert_allclose(ours["code"]["dense0"]["W"], expected["code"]["dense0"]["W"], 1e-12)
    before = encoder.predict(X)
    net.apply([ours, theirs], [first, second])
    assert (encoder.predict(X) != before).any()
    up_to = net.part(to="code.dense0")
    np.testing.assert_allclose(
        up_to.predict(X),
        np.tanh(X @ net.params["code"]["dense0"]["W"] + net.params["code"]["dense0"]["b"]),
        1e-10,
        atol=1e-12,
    )
    assert encoder.evaluate(X, np.zeros((8, 2)), loss="mse").loss == pytest.approx(
        (encoder.predict(X) ** 2).mean()
    )
    both = net.part(outputs=["code", "back"]).predict(X)
    np.testing.assert_allclose(both["back"], net.predict(X), 1e-12)
    for whole, inner in (("code", "dense1"), ("code", "dense0")):  # parts of parts
        one, same = encoder.part(inner), net.part(f"{whole}.{inner}")
        first, second = (p.forward(np.ones((8, p.input_shape[0])), train=True) for p in (one, same))
        np.testing.assert_array_equal(first.output, second.output)
        dy = np.ones(first.output.shape)
        for (path, ours), (other, theirs) in zip(
            leaves(first.backward(dy)[1]), leaves(second.backward(dy)[1]), strict=True
        ):
            assert path == other
            np.testing.assert_array_equal(ours, theirs)
    below, above = encoder.part(to="dense0"), encoder.part(after="dense0")
    np.testing.assert_allclose(above.predict(below.predict(X)), encoder.predict(X), 1e-12)
    np.testing.assert_allclose(encoder.part(outputs=["dense1"]).predict(X), encoder.predict(X), 1e-12)
    (told,) = ln.OwnStep(lambda own, x: own.part("code").part("dense0").forward(x).output, net)([X])
    np.testing.assert_allclose(told, up_to.predict(X), 1e-12)
    with pytest.raises(SettingError, match="a single layer, and has no parts"):
        net.part("back").part("dense1")
    with pytest.raises(UnknownNameError, match="code"):
        net.part("cod")
    with pytest.raises(SettingError, match="four ways"):
        net.part("code", to="back")


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_stands_behind_a_layer(backend):
    code = L.Sequential([Dense(4, "tanh"), Dense(2)], name="code")
    net = model([Input(3), code, Dropout(0.5), Dense(3, "tanh", name="back")], backend)
    expected_dx, expected = net.forward(X).backward(np.ones((8, 3)))
    for name in ("code.dense0", "code.dense1", "code"):
        below, above = net.part(to=name), net.part(after=name)
        assert above.input_shape == below.output_shape
        first = below.forward(X)
        second = above.forward(first.output)
        np.testing.assert_allclose(second.output, net.predict(X), 1e-12)
        up, theirs = second.backward(np.ones((8, 3)))
        dx, ours = first.backward(up)
        np.testing.assert_allclose(dx, expected_dx, 1e-12)
        found = dict(leaves(over(ours, theirs)))
        for path, array in leaves(expected):
            np.testing.assert_allclose(found[path], array, 1e-12, err_msg=str(path))
    net.apply(theirs)  # of those behind alone
    with pytest.raises(SettingError, match="end of the network"):
        net.part(after="back")
    with pytest.raises(UnknownNameError, match="after"):
        net.part(after="bak")


def test_what_stands_behind_a_node():
    nodes = [
        ("h", Dense(4, "tanh"), "x"),
        ("c", Dense(4), "h"),
        ("twice", "c", "c"),
        ("sum", L.Add(), ("twice", "c")),
        ("a", Dense(1), "sum"),
        ("b", Dense(2), "h"),
    ]
    net = model(Graph({"x": (3,)}, nodes, ["a", "b"]))
    np.testing.assert_allclose(
        net.part(after="h").predict(net.part(to="h").predict(X))["b"], net.predict(X)["b"]
    )
    with pytest.raises(SettingError, match="also of 'h'"):
        net.part(after="sum")  # b is made of h
    alone = model([Graph({"x": (3,)}, nodes[:-1], "a"), Dense(2, name="last")])
    with pytest.raises(SettingError, match="also of 'c'"):
        alone.part(after="graph0.c")  # a node behind has its weights
    whole = alone.predict(X)
    for name in ("graph0.sum", "graph0.a"):
        below = alone.part(to=name)
        np.testing.assert_allclose(alone.part(after=name).predict(below.predict(X)), whole, 1e-12)
    inside = model([Input(3), L.Residual(L.Sequential([Dense(4), Dense(3)])), Dense(1)])
    with pytest.raises(SettingError, match="name a layer that all passes through"):
        inside.part(after="residual1.body.dense0")
    tied = model([Input((5,)), L.Embedding(7, 3, name="words"), Dense(3), Dense(7, tied="words")])
    with pytest.raises(SettingError, match="tied to 'words'"):
        tied.part(after="dense2")


def test_a_graph_is_the_network_itself():
    nodes = [("h", Dense(4, "tanh"), "x"), ("a", Dense(1), "h"), ("b", Dense(2), "h")]
    net = model(Graph({"x": (3,)}, nodes, ["a", "b"]))
    assert list(net.params) == ["h", "a", "b"]
    hidden = net.part(outputs=["h"])
    np.testing.assert_allclose(hidden.predict(X), np.tanh(X @ net.params["h"]["W"]), 1e-10)
    assert list(hidden.params) == ["h"]
    old = model([Graph({"x": (3,)}, nodes, ["a", "b"])])
    assert list(old.params) == ["graph0"]
    net.load_weights(old.params)
    np.testing.assert_array_equal(net.params["a"]["W"], old.params["graph0"]["a"]["W"])
    tape = net.forward(X)
    _, grads = tape.backward({"b": np.ones((8, 2))})  # of the other nothing
    assert not grads["a"]["W"].any() and grads["h"]["W"].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_are_copied_all_the_way_or_in_part(backend):
    one, other = model(everything(), backend), model(everything(), backend)
    by_hand(other)
    w, v = one.get_weights(), other.get_weights()
    one.copy_weights(other, tau=0.25)
    np.testing.assert_allclose(one.get_weights(), w + 0.25 * (v - w), 1e-14, atol=1e-15)
    one.copy_weights(other, "dense1")
    np.testing.assert_array_equal(one.params["dense1"]["W"], other.params["dense1"]["W"])
    assert (one.params["dense4"]["W"] != other.params["dense4"]["W"]).any()
    one.copy_weights(other)
    np.testing.assert_array_equal(one.get_weights(), v)
    by_hand(one)  # the two share nothing
    np.testing.assert_array_equal(other.get_weights(), v)
    with pytest.raises(ShapeError, match="nothing was copied"):
        one.copy_weights(model([Input(3), Dense(2)], backend))
    with pytest.raises(SettingError, match="tau"):
        one.copy_weights(other, tau=2)


@dataclass(frozen=True)
class Counted(Layer):
    """y = w x, and notes each way back."""

    def init(self, rng, shape):
        return {"w": rng.full(shape, 2.0)}, shape

    def forward(self, params, x, run):
        return params["w"] * x, x

    def backward(self, params, x, dy, need_dx=True):
        BACK.append(self.name)
        return params["w"] * dy, {"w": (x * dy).sum(0)}


BACK: list[str] = []


def test_what_is_frozen_costs_no_way_back():
    below = L.Sequential([Counted(name="a"), Counted(name="b")], frozen=True, name="below")
    for net in (
        [Input(3), below, Counted(name="c", frozen=True), Counted(name="d"), Dense(2)],
        Graph({"x": (3,)}, [("below", below, "x"), ("d", Counted(), "below"), ("y", Dense(2), "d")], "y"),
    ):
        made = model(net, loss="mse")
        made.build()
        BACK.clear()
        made.train_step(X, Y)
        assert BACK == ["d"]
        found = made.gradients(X, Y)  # who asks for all of them gets them
        assert found["below.a"]["w"].any() and found["d"]["w"].any()
        assert {p.name: p.gradient is None for p in made.parameters()}["below.a.w"]


# --- programs ----------------------------------------------------------------------------------------


def adversarial(generator, critic, batch):
    """A step with two passes of one model, a gradient through another, and a copy."""
    z, real = batch
    xp = namespace(z)
    fake = generator.forward(z, train=True)
    of_real, of_fake = critic.forward(real, train=True), critic.forward(fake.output, train=True)
    ones = xp.ones_like(of_real.output) / len(z)
    critic.apply(
        [of_real.backward(-ones)[1], of_fake.backward(ones)[1]],
        [of_real, of_fake],
    )
    again = critic.forward(fake.output, train=True)
    generator.apply(fake.backward(again.backward(-ones)[0])[1], fake)
    return {"gap": of_real.output.mean() - of_fake.output.mean()}


def pair(backend, rate=0.2):
    generator = model([Input(2), Dense(4, "tanh"), BatchNormalization(), Dense(3)], backend, Adam(0.01))
    critic = model([Input(3), Dense(4, "tanh"), Dropout(rate), Dense(1)], backend, SGD(Cosine(0.1, 0, 9)))
    return generator, critic


def batches(count):
    return [(RNG.normal(size=(6, 2)), RNG.normal(size=(6, 3))) for _ in range(count)]


def test_a_step_over_two_models_is_one_program_on_jax():
    given, found = batches(4), {}
    for backend in BACKENDS:
        models = pair(backend)
        step = ln.OwnStep(adversarial, *models)
        told = step(given[:2]) + step(given[2:])
        found[backend] = [float(one["gap"]) for one in told], *(m.get_weights() for m in models)
        assert [m.state.step for m in models] == [4, 4]
        if backend == "jax":
            programs = models[0].executor.programs
            step(given[:2])
            assert models[0].executor.programs == programs == 1
    for k in range(3):
        np.testing.assert_allclose(found["jax"][k], found["numpy"][k], 1e-9, atol=1e-12)


def test_a_step_over_two_models_is_the_function_called_with_them():
    one, other, given = pair("numpy", 0.0), pair("numpy", 0.0), batches(3)
    ln.OwnStep(adversarial, *one)(given)
    for batch in given:
        adversarial(*other, batch)
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours.get_weights(), theirs.get_weights())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_that_is_not_finite_is_made_of_no_model(backend):
    models, given = pair(backend), batches(3)
    whole = pair(backend)
    ln.OwnStep(adversarial, *whole)(given[:1])
    given[1] = given[1][0], np.full((6, 3), 1e308) * [1, 2, 3] if backend == "x" else given[1][1] * np.nan
    with pytest.raises(NonFiniteError, match=r"step 1: .*for model 1 is not finite.*dense1\.W"):
        ln.OwnStep(adversarial, *models)(given)
    for one, other in zip(models, whole, strict=True):
        np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)
        assert one.state.step == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_of_ones_own_begins_states_by_itself(backend):
    net = [Input((4, 3)), L.LSTM(5, stateful=True, name="cell"), Dense(2)]
    one, other = model(net, backend), model(net, backend, loss="mse")
    given = [(RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 2))) for _ in range(4)]
    step = ln.OwnStep(lambda model, batch: by_hand(model, *batch), one)
    step(given[:3]), step(given[3:])
    for batch in given:
        other.train_step(*batch)
    np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)
    carried = other.state.carried["cell"]
    assert list(one.state.carried["cell"]) == list(carried) == ["h", "c"]
    np.testing.assert_allclose(one.state.carried["cell"]["h"], carried["h"], 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_tells_numbers(backend):
    net = model([Input(3), Dense(2)], backend)
    for wrong in ("a", {"a": ("b",)}, {1}, object(), np.array(["a"]), np.array([None])):
        with pytest.raises(SettingError, match="OwnStep: the step returned .*must be numbers or arrays"):
            ln.OwnStep(lambda net, x, wrong=wrong: wrong, net)([X])
    told = ln.OwnStep(lambda net, x: {"a": (1, None), "b": [True, x.sum()]}, net)([X])[0]
    assert told["a"] == (1, None) and told["b"] == (True, pytest.approx(X.sum()))


def test_a_program_says_what_it_cannot_do():
    def with_numpy(net, x):
        tape = net.forward(x)
        net.apply(tape.backward(np.exp(tape.output))[1])

    with pytest.raises(SettingError, match=r"calls np.exp.*write namespace\(x\).exp"):
        ln.OwnStep(with_numpy, model([Input(3), Dense(2)], "jax"))([X])
    with pytest.raises(SettingError, match="of one backend and dtype"):
        ln.OwnStep(adversarial, pair("jax")[0], pair("numpy")[1])
    with pytest.raises(ln.errors.DataError, match="no batches"):
        ln.OwnStep(by_hand, model([Input(3), Dense(2)]))([])


def test_a_layer_that_calls_numpy_on_jax_is_told_what_to_write():
    @dataclass(frozen=True)
    class Bell(Layer):
        def forward(self, params, x, run):
            return np.exp(-x * x), x

        def backward(self, params, x, dy, need_dx=True):
            return -2 * x * np.exp(-x * x) * dy, {}

    with pytest.raises(SettingError, match=r"calls np.exp.*namespace\(x\).exp"):
        model([Input(3), Dense(2), Bell()], "jax", loss="mse").train_step(X, Y)


# --- losses ------------------------------------------------------------------------------------------


def test_a_loss_called_by_hand_says_what_to_give():
    loss, y = ln.losses.CategoricalCrossentropy(from_logits=True), np.eye(3)
    value, cache = loss.forward(np.zeros((3, 3)), y)
    assert loss.backward(cache).shape == (3, 3)
    for wrong in (value, (value, cache)):
        with pytest.raises(SettingError, match="expected the second of what forward returns, loss, cache ="):
            loss.backward(wrong)
    with pytest.raises(TypeError, match="not callable: here it is forward"):
        loss(np.zeros((3, 3)), y)


class Small(Loss):
    """The mean square of the outputs: nothing to compare them with."""

    needs_target = False

    def values(self, prediction, target):
        return (prediction**2).sum(-1), prediction

    def slope(self, cache):
        return 2 * cache


class ByClass(Loss):
    """The squared distance to one number for each example, of embeddings of any size."""

    def target_shape(self, shape):
        return ()

    def values(self, prediction, target):
        gap = prediction - target[:, None]
        return (gap**2).sum(-1), gap

    def slope(self, cache):
        return 2 * cache


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_may_need_no_target_or_one_of_another_shape(backend):
    net = model([Input(3), Dense(2)], backend, loss=Small())
    before = (net.predict(X) ** 2).sum(-1).mean()
    assert net.evaluate(X).loss == pytest.approx(before)
    history = net.fit(X, epochs=2, verbose=0, validation_split=0.25)
    assert history["loss"][1] < history["loss"][0]
    net.train_step(X)
    with pytest.raises(ln.errors.DataError, match="y is missing"):
        model([Input(3), Dense(2)], backend, loss="mse").fit(X, verbose=0)
    net = model([Input(3), Dense(2)], backend, loss=ByClass())
    expected = ((net.predict(X) - np.arange(8)[:, None]) ** 2).sum(-1).mean()
    assert net.evaluate(X, np.arange(8)).loss == pytest.approx(expected)
    with pytest.raises(ShapeError):
        net.evaluate(X, np.ones((8, 2)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_output_has_its_loss_and_weights(backend):
    nodes = [
        ("h", Dense(4, "tanh"), "x"),
        ("a", Dense(1), "h"),
        ("b", Dense(2), "h"),
        ("free", Dense(2), "h"),
    ]
    net = model(
        Graph({"x": (3,)}, nodes, ["a", "b", "free"]),
        backend,
        SGD(0.1),
        {"a": "mse", "b": "mae", "free": Small()},
        metrics={"b": "mse"},
        loss_weights={"b": 0.5},
    )
    y = {"a": RNG.normal(size=(8, 1)), "b": RNG.normal(size=(8, 2))}
    p = net.predict(X)
    result = net.evaluate(X, y)
    assert result["a_loss"] == pytest.approx(((p["a"] - y["a"]) ** 2).mean())
    assert result["b_loss"] == pytest.approx(np.abs(p["b"] - y["b"]).mean())
    assert result["free_loss"] == pytest.approx((p["free"] ** 2).sum(-1).mean())
    assert result.loss == pytest.approx(result["a_loss"] + 0.5 * result["b_loss"] + result["free_loss"])
    assert {"a_loss", "b_loss", "b_mse", "val_a_loss"} <= set(
        net.fit(X, y, epochs=1, verbose=0, validation_data=(X, y))
    )
    w = np.array([1.0, -2, 3, 0, 1, 1, 1, 1])  # negative ones turn a slope around
    p = net.predict(X)
    weighted = net.evaluate(X, y, sample_weight={"a": w})
    assert weighted["a_loss"] == pytest.approx((w * ((p["a"] - y["a"]) ** 2)[:, 0]).mean())
    assert weighted["b_loss"] == pytest.approx(np.abs(p["b"] - y["b"]).mean())
    net.fit(X, y, epochs=1, verbose=0, sample_weight={"a": w})
    with pytest.raises(ln.errors.DataError, match="some of the outputs"):
        net.evaluate(X, y, sample_weight={"c": w})
    with pytest.raises(ln.errors.DataError, match=r"sample_weight\['a'\].*index \(1,\): inf"):
        net.evaluate(X, y, sample_weight={"a": [1, np.inf, 1, 1, 1, 1, 1, 1]})

    def loss(target, prediction):
        return 0.0

    with pytest.raises(SettingError, match="would both be called 'a_loss'"):
        net.compile({"a": "mse", "b": "mae", "free": Small()}, metrics={"a": loss})


# --- arrays that are no network ----------------------------------------------------------------------


@pytest.mark.parametrize("xp", [np, jax.numpy], ids=["numpy", "jax"])
def test_an_optimizer_moves_arrays_as_pytorch_does(xp):
    torch = pytest.importorskip("torch")
    start = RNG.normal(size=(2, 3)).astype("float32")
    ours, theirs, memory = xp.asarray(start), torch.tensor(start, requires_grad=True), None
    optimizer = torch.optim.Adam([theirs], 0.1, eps=1e-7)
    for _ in range(5):
        before = ours
        ours, memory = Adam(0.1, epsilon=1e-7).step(ours, 2 * ours, memory)
        optimizer.zero_grad()
        (theirs**2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(ours, theirs.detach(), atol=1e-5)
    assert type(ours) is type(before)
    with pytest.raises(NonFiniteError, match="gradient of 1 is NaN"):
        SGD().step([start, start], [start, start * np.nan])
    with pytest.raises(ShapeError, match="form of the arrays"):
        SGD().step([start, start], [start])


class Pair(NamedTuple):
    picture: np.ndarray
    rest: tuple[np.ndarray, ...]


def test_an_optimizer_moves_arrays_in_a_named_tuple():
    start = Pair(np.ones(2), (np.ones(1),))
    made, memory = SGD(0.5, momentum=0.9).step(start, start)
    made, _ = SGD(0.5, momentum=0.9).step(made, start, memory)
    assert type(made) is Pair and type(made.rest) is tuple
    np.testing.assert_allclose(made.picture, 1 - 0.5 - 0.5 * 1.9)
    np.testing.assert_allclose(made.rest[0], made.picture[:1])


def three():
    made = ln.Model([ln.layers.Input(3), ln.layers.Dense(1)])
    made.compile("mse", "sgd")
    return made


def test_a_tape_of_another_model_is_refused_where_it_leaves_nothing_behind():
    model, x = three(), np.ones((4, 3))
    tape = three().forward(x, train=True)
    before = model.get_weights()
    with pytest.raises(SettingError, match="apply: this tape is of another model"):
        model.apply(tape.backward(tape.output)[1], tape)
    np.testing.assert_array_equal(model.get_weights(), before)


def test_an_error_of_texts_is_no_error():
    tape = three().forward(np.ones((4, 3)), train=True)
    for wrong in ("a", None, [["a"]] * 4):
        with pytest.raises(LucidnetError, match="backward: "):
            tape.backward(wrong)


def test_what_a_step_of_ones_own_cannot_be_called_with():
    with pytest.raises(SettingError, match="OwnStep: step must take 1 of the models, and a batch, got"):
        ln.OwnStep(lambda model: None, three())
    with pytest.raises(DataError, match="OwnStep: a batch is empty"):
        ln.OwnStep(lambda model, x: model.forward(x).output.sum(), three())([np.ones((0, 3))])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_part_behind_another_keeps_the_mask(backend):
    words = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    layers = [Input(5), L.Embedding(10, 4, mask_zero=True), Dense(3), L.GlobalAveragePooling1D(name="end")]
    net = model([*layers, Dense(1)], backend, loss="mse")
    first, rest = net.part(to="embedding1"), net.part(after="embedding1")
    tape = first.forward(words)
    for part in (rest, net.part("dense2"), rest.part(to="dense2"), net.part(after="dense2")):
        with pytest.raises(SettingError, match="a mask comes to these layers.* lengths, or ones"):
            part.predict(np.ones((2, *part.input_shape)))
    whole = net.predict(words)
    for made in (rest.predict(tape), rest.forward(tape).output, rest.predict(tape.output, mask=[3, 2])):
        np.testing.assert_allclose(made, whole, 1e-12)
    second = rest.part("dense2").forward(tape)
    np.testing.assert_allclose(net.part(after="dense2").predict(second), whole, 1e-12)
    assert rest.evaluate(tape, [[1], [2]]) == pytest.approx(net.evaluate(words, [[1], [2]]))
    assert net.part(after="end").predict(np.ones((2, 3))).shape == (2, 1)  # there time has ended

    def step(own, x):
        return own.part(after="embedding1").forward(own.part(to="embedding1").forward(x)).output

    np.testing.assert_allclose(ln.OwnStep(step, net)([words])[0], whole, 1e-12)


def test_a_part_that_takes_a_tuple():
    nodes = [("a", L.MultiHeadAttention(1), ("q", "k")), ("p", L.GlobalAveragePooling1D(), "a")]
    net = model(Graph({"q": (4, 3), "k": (5, 3)}, nodes, "p"))
    q, k = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 5, 3))
    part, whole = net.part("a"), net.part(to="a")
    np.testing.assert_allclose(part.predict((q, k)), whole.predict({"q": q, "k": k}), 1e-12)
    tape = part.forward([q, k], mask=(None, [1, 5]))
    expected = whole.forward({"q": q, "k": k}, mask={"k": [1, 5]})
    np.testing.assert_allclose(tape.output, expected.output, 1e-12)
    ours, theirs = (each.backward(np.ones((2, 4, 3)))[0] for each in (tape, expected))
    np.testing.assert_allclose(ours[1], theirs["k"], 1e-12)
    (own,) = ln.OwnStep(lambda m, x: m.part("a").forward(x, mask=(None, [1, 5])).output, net)([(q, k)])
    np.testing.assert_allclose(own, tape.output, 1e-12)
    for x, mask in ((q, None), ((q, k), [1, 5, 2])):
        with pytest.raises(DataError, match="a tuple, one for each of 2 inputs"):
            part.forward(x, mask=mask)
    with pytest.raises(DataError, match=r"differ in length: \[1, 2\]"):
        part.forward((q[:1], k))


NORMED = [
    Input(3),
    L.Sequential([Dense(4, "tanh"), L.BatchNormalization()], name="block"),
    Dense(2, name="out"),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("inside", [False, True], ids=["by hand", "own step"])
def test_a_pass_by_other_weights_is_that_of_a_model_which_has_them(backend, inside):
    """Output, gradients and running statistics; the model's own weights are those that move."""
    rng = np.random.default_rng(1)
    x, dy = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    other = {"block.dense0": {"W": rng.normal(size=(3, 4))}, "out": {"b": rng.normal(size=2)}}
    nets = [ln.Model(NORMED, dtype="float64", backend=backend, seed=4) for _ in range(2)]
    for net in nets:
        net.compile(optimizer=ln.optimizers.SGD(0.1))
    net, known = nets
    known.build()
    params = known.params
    block = params["block"] | {"dense0": params["block"]["dense0"] | other["block.dense0"]}
    known.set_params({"block": block, "out": params["out"] | other["out"]})
    expected = known.forward(x, train=True)
    dx, grads = expected.backward(dy)

    def step(net, batch):
        x, dy = batch
        tape = net.forward(x, train=True, params=other)
        mine = tape.backward(dy)
        net.apply(mine[1], tape)
        part = net.part("block").forward(x, params=other)
        return tape.output, tape["block"], *mine, part.output

    before = net.get_weights() if hasattr(net, "live") else (net.build(), net.get_weights())[1]
    told = ln.OwnStep(step, net)([(x, dy)])[0] if inside else step(net, (x, dy))
    for mine, theirs in zip(told[:3], (expected.output, expected["block"], dx), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    theirs = dict(leaves(grads))
    for path, array in leaves(told[3]):
        np.testing.assert_allclose(array, theirs[path], rtol=1e-9)
    step_of = known.get_weights().copy()
    known.apply(grads, expected)
    np.testing.assert_allclose(
        net.get_weights() - before, known.get_weights() - step_of, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_given_weights_have_a_gradient_where_the_layer_is_frozen(backend):
    """As low-rank adaptation needs it: the base is frozen, what is added to it learns."""
    net = model([Input(3), Dense(4, "tanh", frozen=True), Dense(2)], backend)
    other = {"dense1": {"W": RNG.normal(size=(3, 4))}}
    tape = net.forward(X, train=True, params=other)
    (dx, whole), (nothing, grads) = tape.backward(Y), tape.backward(Y, need_dx=False)
    assert dx.shape == X.shape and nothing is None
    np.testing.assert_array_equal(grads["dense1"]["W"], whole["dense1"]["W"])
    assert np.abs(grads["dense1"]["W"]).min() > 0
    assert not net.forward(X, train=True).backward(Y, need_dx=False)[1]["dense1"]["W"].any()
    before = net.params["dense1"]["W"]
    net.apply(grads, tape)
    np.testing.assert_array_equal(net.params["dense1"]["W"], before)


def test_other_weights_are_told_what_is_wrong_with_them():
    net = ln.Model(NORMED, dtype="float64")
    for params, error, words in [
        ({"ot": {"W": 1}}, UnknownNameError, r"forward: params: there is no parameter 'ot.W': .*out"),
        (
            {"out": {"W": np.ones((2, 4))}},
            ShapeError,
            r"params: out.W must have its shape \(4, 2\), got \(2, 4\)",
        ),
        ([1.0], SettingError, r"params must be weights by layer and name"),
    ]:
        with pytest.raises(error, match=words):
            net.forward(np.ones((1, 3)), params=params)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", [L.Dropout(0.5), L.GaussianNoise(0.1)], ids=["dropout", "noise"])
def test_an_inference_is_no_pass_of_a_training(backend, layer):
    net = ln.Model([Input(3), layer, Dense(2)], dtype="float64", backend=backend)
    net.compile(optimizer="sgd")
    tape = net.forward(np.ones((4, 3)))
    grads = tape.backward(tape.output)[1]
    with pytest.raises(SettingError, match=r"in which (dropout|gaussiannoise)1 did nothing: .*train=True"):
        net.apply(grads, tape)
    net.apply(grads, tape=())
    still = ln.Model([Input(3), type(layer)(0.0), Dense(2)], dtype="float64", backend=backend)
    still.compile(optimizer="sgd")
    tape = still.forward(np.ones((4, 3)))
    still.apply(tape.backward(tape.output)[1], tape)  # where nothing is dropped nothing is missing


@pytest.mark.parametrize("backend", BACKENDS)
def test_statistics_are_renewed_without_a_gradient(backend):
    """As PyTorch's `update_bn` does for averaged weights."""
    net = model([Input(3), Dense(4), BatchNormalization(momentum=0.5), Dense(2)], backend, Adam(0.1))
    net.apply(net.forward(X, train=True).backward(Y)[1], tape=())  # so that Adam remembers something
    before = net.params
    for _ in range(2):
        net.apply({}, net.forward(X, train=True))
    after, z = net.params, X @ before["dense1"]["W"] + before["dense1"]["b"]
    np.testing.assert_array_equal(after["dense3"]["W"], before["dense3"]["W"])
    np.testing.assert_allclose(after["batchnormalization2"]["mean"], 0.75 * z.mean(0), rtol=1e-9)
    for tape in (None, ()):
        with pytest.raises(SettingError, match="no gradient in what was given"):
            net.apply({}, tape)
