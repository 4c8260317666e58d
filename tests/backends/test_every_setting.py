"""What `fit` is told, and what users write themselves, means the same on both backends, to 1e-10."""

from dataclasses import dataclass

import numpy as np
import pytest
from pairs import both, same_history, same_state, trained

import lucidnet as ln
from lucidnet import layers as L
from lucidnet import losses
from lucidnet.backend import namespace
from lucidnet.callbacks import EarlyStopping, ReduceOnPlateau
from lucidnet.errors import ShapeError
from lucidnet.layers import GRU, LSTM, Dense, Input, Layer
from lucidnet.optimizers import SGD, AdamW, ClipGlobalNorm, MaxNorm, Optimizer, schedules
from lucidnet.rules.space.transported import Transported

pytest.importorskip("jax")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)
SEQUENCES, LABELS = RNG.normal(size=(40, 7, 3)), RNG.integers(0, 3, (40, 7))
LENGTHS = RNG.integers(1, 8, 40)
TOKENS = RNG.integers(1, 9, (40, 7)) * (np.arange(7) < LENGTHS[:, None])


def dense():
    return [Input(5), Dense(6, "tanh"), Dense(3, "softmax")]


# --- what fit is told -------------------------------------------------------------------------------


def test_masks_and_weights_of_time_steps():
    """In two batches a step, the last smaller, whose share of the mean goes by their time steps."""
    both(
        [Input((7, 3)), LSTM(4, return_sequences=True), Dense(3, "softmax")],
        x=SEQUENCES,
        y=LABELS,
        mask=LENGTHS,
        sample_weight=RNG.uniform(size=(40, 7)),
        metrics=["accuracy"],
        accumulate=2,
        batch_size=7,
    )


@pytest.mark.parametrize(
    "first", [L.Embedding(9, 3, mask_zero=True), L.Sequential([L.Reshape((7, 1)), L.Masking()])], ids=str
)
def test_masks_that_the_network_finds(first):
    both([Input((7,)), first, GRU(4), Dense(3, "softmax")], x=TOKENS, y=Y, use=True)


def test_states_go_on_from_batch_to_batch():
    """Also beside an evaluation, which begins anew."""
    layers = [
        Input((7, 3)),
        LSTM(4, stateful=True, return_sequences=True),
        GRU(3, stateful=True),
        Dense(3, "softmax"),
    ]
    given = {"x": SEQUENCES, "y": Y, "shuffle": False, "mask": LENGTHS}
    both(layers, **given, validation_data=(SEQUENCES[:8], Y[:8]), validate_every=2)


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
@pytest.mark.parametrize(("call", "given"), [("fit", {"shuffle": False}), ("evaluate", {})])
def test_states_do_not_go_on_in_a_shorter_batch(call, given, backend):
    """JAX fills a short last batch up, and took it for one of the same sequences."""
    model = ln.Model([Input((7, 3)), LSTM(4, stateful=True), Dense(3, "softmax")], backend=backend)
    model.compile("categorical_crossentropy")
    count = len(SEQUENCES) // 2 + 1
    with pytest.raises(ShapeError, match="stateful layers need batches of one size"):
        getattr(model, call)(SEQUENCES, Y[: len(SEQUENCES)], batch_size=count, **given)


def test_weights_of_classes_and_a_stream_of_batches():
    both(dense(), x=X, y=Y, class_weight={0: 2.0, 2: 0.5}, batch_size=9)
    weights = RNG.uniform(size=(5, 8))

    def batches():
        return ((X[8 * k : 8 * k + 8], Y[8 * k : 8 * k + 8], weights[k]) for k in range(5))

    both(dense(), x=batches, y=None)


def test_what_happens_between_epochs_reaches_the_steps():
    """A smaller rate, the best weights brought back, weights set by hand, another optimizer, one cycle."""
    given = {"x": X, "y": Y, "optimizer": SGD(0.5), "metrics": ["accuracy"]}
    models = [trained(dense(), backend, **given) for backend in ("numpy", "jax")]
    for model in models:
        reduce = ReduceOnPlateau("loss", patience=0, factor=0.5, min_delta=0.1)
        stop = EarlyStopping("loss", patience=2, min_delta=0.1)
        model.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[reduce, stop])
        model.fit(X, Y, epochs=1, batch_size=8, verbose=0)
        model.set_weights(0.9 * model.get_weights())
        with pytest.warns(UserWarning, match="its memory begins anew"):
            model.compile("categorical_crossentropy", SGD(0.1, momentum=0.9), ["accuracy"])
        model.fit_one_cycle(X, Y, epochs=2, max_lr=0.2, batch_size=8, verbose=0)
    same_state(*models)
    same_history(*models)


def test_single_precision_stays_single(tmp_path):
    """Float32 agrees as far as it can, and no array of a compiled step is wider."""
    import jax

    layers = [
        Input((7, 3)),
        L.Conv1D(8, 3, padding="causal", activation="gelu", l2=0.01),
        L.BatchNormalization(),
        L.TransformerBlock(2, 8, dropout=0.1),
        LSTM(4, learning_rate=schedules.Cosine(0.01, 0.0, 10)),
        L.GaussianNoise(0.1),
        Dense(3, "softmax", constraint=MaxNorm(0.5)),
    ]
    models = [ln.Model(layers, backend=backend) for backend in ("numpy", "jax")]
    jax.config.update("jax_dump_ir_to", str(tmp_path))
    try:
        for model in models:
            model.compile("categorical_crossentropy", AdamW(0.01, clip=ClipGlobalNorm(1.0)))
            model.fit(SEQUENCES, Y, epochs=2, batch_size=8, verbose=0)
    finally:
        jax.config.update("jax_dump_ir_to", "")
    programs = [path.read_text() for path in tmp_path.glob("*.mlir")]
    assert any("while" in program and "f32" in program for program in programs)
    assert not any("xf64>" in program for program in programs)  # arrays; constants are nothing
    one, two = (model.get_weights() for model in models)
    assert one.dtype == two.dtype == np.float32
    np.testing.assert_allclose(two, one, atol=1e-4)


# --- what users write -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaled(Layer):
    """y = a x."""

    def init(self, rng, shape):
        return {"a": rng.full(shape[-1:], 0.5)}, shape

    def forward(self, params, x, run):
        return params["a"] * x, x

    def backward(self, params, x, dy, need_dx=True):
        return params["a"] * dy, {"a": (dy * x).sum(0)}


@dataclass(frozen=True, repr=False)
class Signs(Optimizer):
    """p -= rate sign g."""

    learning_rate: float = 0.01

    def descend(self, p, g, slots, rate, step):
        return rate * namespace(g).sign(g), {}


@dataclass(frozen=True, repr=False)
class Blurred(Transported):
    """dx = dz (W + B)^T / 2."""

    def carried_by(self, W, B):
        return (W + B) / 2


def test_own_functions_and_classes():
    cube = L.Activation(lambda x: x**3 - x)  # with the derivative that JAX finds
    square = L.Activation(lambda x: x * x, lambda x: 2 * x)
    both(
        [Input(5), Dense(4), Scaled(), cube, Dense(4, square, constraint=lambda W: 0.9 * W), Dense(3)],
        x=X,
        y=X[:, :3],
        loss=losses.custom(lambda y, t: ((y - t) ** 4).sum(-1)),
        optimizer=Signs(0.01),
        rule=Blurred(),
        metrics=[lambda y, prediction: float(prediction.max())],
        use=True,
    )


def test_probabilities_of_an_activation_of_ones_own():
    """No loss takes it over, so that the loss is computed from probabilities."""
    own = L.Activation(lambda x: 1 / (1 + namespace(x).exp(-x)))
    both([Input(5), Dense(3), own], x=X, y=np.eye(3)[Y], loss="binary_crossentropy")
