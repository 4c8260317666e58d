"""Joins, other sizes, axes, sampling, ties and functions beside PyTorch; masks, errors, files."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend import Stream, namespace
from lucidnet.errors import DataError, LucidnetError, MissingExtraError, SettingError, ShapeError
from lucidnet.layers import Run
from lucidnet.tree import leaves, tree_map

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)


def first(x):
    """Channels last to channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def _film(x, p):
    """ConvLSTM without peepholes, in PyTorch's own convolutions."""
    W, U = (p[name].permute(3, 2, 0, 1) for name in ("W", "U"))
    h = c = torch.zeros(len(x), 3, *x.shape[2:4], dtype=torch.float64)
    for t in range(x.shape[1]):
        z = F.conv2d(first(x[:, t]), W, p["b"], padding=1) + F.conv2d(h, U, padding=1)
        i, f, g, o = z.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return last(h)


def _separable(x, p):
    W = p["depthwise"]["W"].permute(2, 3, 0, 1).reshape(-1, 1, 3, 3)
    y = F.conv2d(first(x), W, groups=2, stride=2)
    return last(F.conv2d(y, p["pointwise"]["W"].permute(3, 2, 0, 1), p["pointwise"]["b"]))


def _gamma(p, x, axes):
    return p["gamma"].reshape([n if axis in axes else 1 for axis, n in enumerate(x.shape)])


CASES = {
    "bilinear": (
        L.UpSampling2D((2, 3), "bilinear"),
        (4, 5, 3),
        lambda x, p: last(F.interpolate(first(x), scale_factor=(2, 3), mode="bilinear")),
    ),
    "transposed": (
        L.Conv1DTranspose(3, 4, strides=2, padding=1, output_padding=1),
        (6, 2),
        lambda x, p: last(F.conv_transpose1d(first(x), p["W"].permute(2, 1, 0), p["b"], 2, 1, 1)),
    ),
    "depthwise": (
        L.DepthwiseConv1D(3, 2, multiplier=2, padding=1),
        (7, 2),
        lambda x, p: last(
            F.conv1d(first(x), p["W"].permute(1, 2, 0).reshape(-1, 1, 3), p["b"], 2, 1, groups=2)
        ),
    ),
    "separable": (L.SeparableConv2D(3, 3, 2, multiplier=2), (7, 6, 2), _separable),
    "film": (L.ConvLSTM2D(3, 3, padding="same"), (3, 4, 5, 2), _film),
    "softmax": (L.Softmax(axis=1), (4, 3), lambda x, p: x.softmax(1)),
    "log_softmax": (L.LogSoftmax(axis=1), (4, 3), lambda x, p: x.log_softmax(1)),
    "layer": (
        L.LayerNormalization(1e-5, axis=(1, 2, 3)),
        (4, 3, 2),
        lambda x, p: F.layer_norm(x, x.shape[1:], p["gamma"], p["beta"]),
    ),
    "rms": (
        L.RMSNormalization(axis=1),
        (4, 3),
        lambda x, p: x / (x.square().mean(1, keepdim=True) + 1e-6).sqrt() * p["gamma"][:, None],
    ),
    "batch": (
        L.BatchNormalization(axis=1),
        (4, 3, 2),
        lambda x, p: F.batch_norm(x, None, None, p["gamma"], p["beta"], True, eps=1e-3),
    ),
    "group": (
        L.GroupNormalization(2, axis=1),
        (4, 3, 2),
        lambda x, p: F.group_norm(x, 2, p["gamma"], p["beta"], eps=1e-3),
    ),
    "permute": (L.Permute((3, 1, 2)), (4, 3, 2), lambda x, p: x.permute(0, 3, 1, 2)),
    "repeat": (L.RepeatVector(3), (4,), lambda x, p: x[:, None].expand(-1, 3, -1)),
    "crop": (L.Cropping2D(((1, 2), (0, 1))), (6, 5, 2), lambda x, p: x[:, 1:-2, :-1]),
    "rescale": (L.Rescaling(0.5, -1.0), (4,), lambda x, p: x / 2 - 1),
    "distributed": (
        L.TimeDistributed(L.Conv2D(3, 2)),
        (3, 4, 4, 2),
        lambda x, p: last(
            F.conv2d(first(x.flatten(0, 1)), p["layer"]["W"].permute(3, 2, 0, 1), p["layer"]["b"])
        ).unflatten(0, (-1, 3)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_pytorch_agrees(name):
    layer, shape, theirs = CASES[name]
    params, _ = layer.init(Stream(0, dtype="float64"), shape)
    params = tree_map(lambda a: a + 0.2 * RNG.normal(size=a.shape), params)
    x = RNG.normal(size=(5, *shape))
    given = torch.from_numpy(x).requires_grad_()
    own = tree_map(lambda a: torch.from_numpy(a.copy()).requires_grad_(), params)
    y, cache = layer.forward(params, x, Run(True, Stream(0)))
    expected = theirs(given, own)
    dy = RNG.normal(size=y.shape)
    expected.backward(torch.from_numpy(dy))
    dx, grads = layer.backward(params, cache, dy)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dx, given.grad, rtol=1e-9, atol=1e-9)
    found = dict(leaves(own))
    for path, slope in leaves(grads):
        np.testing.assert_allclose(slope, found[path].grad, rtol=1e-9, atol=1e-9)


JOINS = {
    "subtract": (L.Subtract(), lambda a, b: a - b),
    "average": (L.Average(), lambda a, b: (a + b) / 2),
    "maximum": (L.Maximum(), torch.maximum),
    "minimum": (L.Minimum(), torch.minimum),
    "cosine": (L.Dot(normalize=True), lambda a, b: F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).mT),
    "dot": (L.Dot(axes=(2, 2)), lambda a, b: torch.einsum("nik,njk->nij", a, b)),
    "over time": (L.Dot(axes=1), lambda a, b: torch.einsum("nki,nkj->nij", a, b)),
    "concatenate": (L.Concatenate(axis=1), lambda a, b: torch.cat([a, b], 1)),
}


@pytest.mark.parametrize("name", JOINS)
def test_joins_are_pytorchs(name):
    layer, theirs = JOINS[name]
    arrays = tuple(RNG.normal(size=(5, 4, 3)) for _ in range(2))
    given = [torch.from_numpy(a).requires_grad_() for a in arrays]
    y, cache = layer.forward({}, arrays)
    expected = theirs(*given)
    dy = RNG.normal(size=y.shape)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-9, atol=1e-9)
    assert y.shape[1:] == layer.output_shape(((4, 3), (4, 3)))
    for slope, tensor in zip(layer.backward({}, cache, dy)[0], given, strict=True):
        np.testing.assert_allclose(slope, tensor.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
@pytest.mark.parametrize("paired", [False, True], ids=["side by side", "tuple"])
def test_a_variational_autoencoder_learns_as_in_pytorch(backend, paired):
    """Loss with the divergence, and all gradients, with the same noise."""
    if backend != "numpy":
        pytest.importorskip("jax")
    x, kl = RNG.normal(size=(8, 6)), 0.3
    if paired:
        nodes = [
            ("h", L.Dense(5, "tanh"), "x"),
            ("m", L.Dense(3), "h"),
            ("v", L.Dense(3), "h"),
            ("z", L.Sampling(kl), ("m", "v")),
            ("out", L.Dense(6), "z"),
        ]
        net = L.Graph({"x": (6,)}, nodes, "out")
    else:
        net = L.Sequential(
            [
                L.Input(6),
                L.Dense(5, "tanh", name="h"),
                L.Dense(6, name="mv"),
                L.Sampling(kl, name="z"),
                L.Dense(6, name="out"),
            ]
        )
    model = ln.Model(net, backend=backend, dtype="float64", seed=3)
    model.compile("mse", ln.optimizers.SGD(0.1))
    before = tree_map(np.array, model.params)
    noise = _noise(model, (8, 3))
    p = tree_map(lambda a: torch.from_numpy(np.array(a)).requires_grad_(), before)
    p = p.get("graph0", p)
    h = (torch.from_numpy(x) @ p["h"]["W"] + p["h"]["b"]).tanh()
    if paired:
        m, v = (h @ p[name]["W"] + p[name]["b"] for name in ("m", "v"))
    else:
        m, v = (h @ p["mv"]["W"] + p["mv"]["b"]).chunk(2, 1)
    z = m + (v / 2).exp() * torch.from_numpy(noise)
    normal = torch.distributions.Normal
    divergence = torch.distributions.kl_divergence(normal(m, (v / 2).exp()), normal(0.0, 1.0)).sum(1).mean()
    loss = F.mse_loss(z @ p["out"]["W"] + p["out"]["b"], torch.from_numpy(x)) + kl * divergence
    loss.backward()
    gradients = {
        tuple(".".join(path).split(".")[-2:]): slope for path, slope in leaves(model.gradients(x, x))
    }
    assert abs(model.train_step(x, x).loss - loss.item()) < 1e-9
    theirs = {path: tensor.grad for path, tensor in leaves(p)}
    for path, slope in gradients.items():
        np.testing.assert_allclose(slope, theirs[path], rtol=1e-9, atol=1e-9)
    for (path, new), (_, old) in zip(leaves(model.params), leaves(before), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * theirs[path[-2:]].numpy(), rtol=1e-9, atol=1e-9)
    expected = model.evaluate(x, x).loss  # in inference z is the mean
    model.set(layer=".".join(_path_of(model)), kl=0.0)
    assert model.evaluate(x, x).loss < expected


def _path_of(model):
    return next(path for path, layer in L.walk(model.net) if isinstance(layer, L.Sampling))


def _noise(model, shape):
    """The noise of the next step, as the layer draws it."""
    from lucidnet.backend import StepStream

    run = Run(True, StepStream.like(np.zeros(1), model.seed, 0, ("run",)))
    for name in _path_of(model):
        run = run.child(name)
    return np.asarray(run.stream.normal(shape), "float64")


@pytest.mark.parametrize("kind", ["sequential", "graph"])
@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_tied_weights_learn_from_both_places(kind, backend):
    if backend != "numpy":
        pytest.importorskip("jax")
    x, y = RNG.integers(0, 7, (6, 5)), RNG.integers(0, 7, (6, 5))
    if kind == "sequential":
        layers = [L.Embedding(7, 4, name="words"), L.Tanh(), L.Dense(7, "softmax", tied="words", name="out")]
        model = ln.Model([L.Input((5,)), *layers], backend=backend, dtype="float64")
    else:
        nodes = [("words", L.Embedding(7, 4), "x"), ("h", L.Tanh(), "words")]
        nodes += [("out", L.Dense(7, "softmax", tied="words"), "h")]
        model = ln.Model(L.Graph({"x": (5,)}, nodes, "out"), backend=backend, dtype="float64")
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.5))
    before = dict(leaves(tree_map(np.array, model.params)))
    assert sorted(path[-2:] for path in before) == [("out", "b"), ("words", "W")]
    E, b = (
        torch.from_numpy(a).requires_grad_()
        for a in (next(a for p, a in before.items() if p[-1] == name) for name in ("W", "b"))
    )
    logits = E[torch.from_numpy(x)].tanh() @ E.T + b
    loss = F.cross_entropy(logits.reshape(-1, 7), torch.from_numpy(y).reshape(-1))
    loss.backward()
    assert abs(model.train_step(x, y).loss - loss.item()) < 1e-9
    for path, new in leaves(model.params):
        slope = (E if path[-1] == "W" else b).grad.numpy()
        np.testing.assert_allclose(new, before[path] - 0.5 * slope, rtol=1e-9, atol=1e-9)


def test_a_tied_network_is_saved_and_checked(tmp_path):
    net = [L.Input(5), L.Dense(3, "tanh", name="code"), L.Dense(5, tied="code", use_bias=False)]
    model = ln.Model(net, dtype="float64")
    model.compile("mse", "adam")
    x = RNG.normal(size=(8, 5))
    model.fit(x, x, verbose=0)
    assert ln.check.gradients(model, x, x)
    model.save(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(ln.load(tmp_path / "a.safetensors").predict(x), model.predict(x))
    with pytest.raises(SettingError, match="takes its weights from 'code'.*FeedbackAlignment"):
        model.compile("mse", "adam", rule="fa")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            lambda: [L.Input(2), L.Dense(3), L.Dense(4, tied="q")],
            "tied to 'q', but beside it there is no layer of this",
        ),
        (lambda: [L.Input(5), L.Dense(3, name="a"), L.Dense(4, tied="a")], r"must be \(4, 3\), got \(5, 3\)"),
        (lambda: [L.Input(5), L.Flatten(name="a"), L.Dense(5, tied="a")], "which has no matrix W"),
        (lambda: [L.Input(5), L.Dense(5, name="a"), L.Residual(L.Dense(5, tied="a"))], "stands in neither"),
        (lambda: [L.Dense(3, tied="a", l2=0.1)], "l2 has no effect on weights of another layer"),
        (lambda: [L.Dense(3, tied="a", initializer="zeros")], "initializer has no effect"),
        (
            lambda: [
                L.Input(3),
                *(L.Dense(3, name=n, tied=t) for n, t in ("ab", "bc")),
                L.Dense(3, name="c"),
            ],
            "which is tied itself",
        ),
    ],
)
def test_ties_that_cannot_be(layers, message):
    with pytest.raises(LucidnetError, match=message):
        _ = ln.Model(layers()).params


# --- functions ---------------------------------------------------------------------------------------


def wave(x):
    xp = namespace(x)
    return xp.sin(x).sum(-1, keepdims=True) * x


def wave_back(x, dy):
    xp = namespace(x)
    return xp.sin(x).sum(-1, keepdims=True) * dy + xp.cos(x) * (x * dy).sum(-1, keepdims=True)


@pytest.mark.parametrize("derivative", [None, wave_back], ids=["by JAX", "given"])
def test_a_function_has_all_that_layers_have(derivative):
    if derivative is None:
        pytest.importorskip("jax")
    import test_layers as every
    from rows import LayerRow

    row = LayerRow(
        L.Function(wave, derivative), lambda p, x: np.einsum("ni,nj->nj", np.sin(x), x), shape=(4,)
    )
    every.test_forward_is_the_formula(row)
    every.test_output_shape_is_what_comes_out(row)
    every.test_dtype_is_kept(row, "float32")
    if derivative is not None:
        every.test_finite_differences(row)
        every.test_backward_twice(row)
        every.test_nothing_given_is_changed(row)
        every.test_shapes(row)
        every.test_on_jax(row, True)
    x, dy = RNG.normal(size=(2, 5, 4))
    tensor = torch.from_numpy(x).requires_grad_()
    (tensor.sin().sum(-1, keepdim=True) * tensor).backward(torch.from_numpy(dy))
    _, cache = row.layer.forward({}, x)
    np.testing.assert_allclose(row.layer.backward({}, cache, dy)[0], tensor.grad, rtol=1e-9, atol=1e-9)
    assert row.layer.output_shape((None, 4)) == (None, 4)


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_a_function_of_two_inputs_in_a_graph(backend):
    pytest.importorskip("jax")
    distance = L.Function(lambda a, b: ((a - b) ** 2).sum(-1, keepdims=True), inputs=2)
    nodes = [("e", L.Dense(3), "a"), ("f", "e", "b"), ("d", distance, ("e", "f"))]
    model = ln.Model(L.Graph({"a": (4,), "b": (4,)}, nodes, "d"), backend=backend, dtype="float64")
    model.compile("mse", ln.optimizers.SGD(0.1))
    a, b, y = RNG.normal(size=(8, 4)), RNG.normal(size=(8, 4)), RNG.normal(size=(8, 1))
    old = np.array(next(array for path, array in leaves(model.params) if path[-1] == "W"))
    W = torch.from_numpy(old).requires_grad_()
    loss = F.mse_loss(((torch.from_numpy(a - b) @ W) ** 2).sum(1, keepdim=True), torch.from_numpy(y))
    loss.backward()
    model.train_step({"a": a, "b": b}, y)
    new = next(array for path, array in leaves(model.params) if path[-1] == "W")
    np.testing.assert_allclose(new, old - 0.1 * W.grad.numpy(), rtol=1e-9, atol=1e-9)


def numpys(x):
    return np.exp(-np.abs(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L.Function(lambda x: np.exp(x)), SettingError, r"calls np\.exp: write namespace\(x\)\.exp"),
        (lambda: L.Function(numpys), SettingError, r"namespace\(x\)\.exp, namespace\(x\)\.abs"),
        (lambda: L.Function(np.exp), SettingError, r"np\.exp: write namespace\(x\)\.exp"),
        (lambda: L.Function(lambda x: x.argmax(-1, keepdims=True)), SettingError, "returns int.*no gradient"),
        (lambda: L.Function(lambda x: x.sum(0)), ShapeError, "one output for each of them"),
        (lambda: L.Function(lambda x: x, lambda x: x), SettingError, "derivative must take one array and dy"),
        (lambda: L.Function(lambda x: x, inputs=2), SettingError, "function must take 2 arrays"),
        (lambda: L.Function(lambda a, b: a, inputs=2), ShapeError, r"takes 2 arrays \(inputs=2\), got 1"),
        (
            lambda: L.Function(lambda x: x @ np.ones((7, 2)), wave_back),
            ShapeError,
            "raises ValueError on inp",
        ),
    ],
)
def test_functions_that_cannot_be(make, error, message):
    pytest.importorskip("jax")
    with pytest.raises(error, match=message):
        _ = ln.Model([L.Input(4), L.Dense(4), make(), L.Dense(1)]).params


def test_numpys_functions_are_named_before_a_step_on_jax_is_traced():
    pytest.importorskip("jax")
    model = ln.Model([L.Input(4), L.Function(numpys, lambda x, dy: dy), L.Dense(1)], backend="jax:cpu")
    model.compile("mse", "sgd")
    with pytest.raises(SettingError, match=r"calls np\.exp, np\.abs: write namespace\(x\)\.exp"):
        model.train_step(np.ones((2, 4)), np.ones((2, 1)))


def test_a_derivative_of_another_shape_and_a_file(tmp_path):
    model = ln.Model([L.Input(4), L.Dense(4), L.Function(lambda x: x, lambda x, dy: dy[:, :1]), L.Dense(1)])
    model.compile("mse", "sgd")
    with pytest.raises(ShapeError, match="the derivative of the function .* must return an array of shape"):
        model.train_step(np.ones((2, 4)), np.ones((2, 1)))
    with pytest.raises(SettingError, match="never code"):
        model.save(tmp_path / "a.safetensors")


def test_without_jax_a_function_needs_a_derivative(monkeypatch):
    from lucidnet.layers import function

    monkeypatch.setattr(function, "installed", lambda: False)
    with pytest.raises(MissingExtraError, match=r"has no derivative: give one.*lucidnet\[jax\]"):
        L.Function(abs)
    assert L.Function(wave, wave_back).output_shape((4,)) == (4,)


# --- what is fitted, what is masked, what is refused --------------------------------------------------


def test_normalization_is_scikit_learns(tmp_path):
    sklearn = pytest.importorskip("sklearn.preprocessing")
    x = RNG.normal(3, 5, (50, 4))
    x[:, 2] = 7.0  # is the same in all rows
    layer = L.Normalization().adapt(x)
    np.testing.assert_allclose(
        layer.forward({}, x)[0], sklearn.StandardScaler().fit_transform(x), rtol=1e-9, atol=1e-9
    )
    images = RNG.normal(size=(9, 4, 5, 3))
    y = L.Normalization(axis=(1, 3)).adapt(images).forward({}, images)[0]
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 2)), 1, rtol=1e-12)
    whole = L.Normalization(None).adapt(images)
    assert whole.mean == (pytest.approx(images.mean()),)
    model = ln.Model([L.Input(4), layer, L.Dense(2)], dtype="float64")
    model.save(tmp_path / "a.safetensors")
    loaded = ln.load(tmp_path / "a.safetensors")
    assert loaded.net.layers[1].mean == layer.mean
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L.Normalization().output_shape((3,)), SettingError, r"Normalization\(\).adapt\(x\)"),
        (lambda: L.Normalization(mean=1.0), SettingError, "mean alone was given"),
        (lambda: L.Normalization(mean=(1.0, 2.0), variance=1.0), SettingError, "mean has 2 numbers, var"),
        (lambda: L.Normalization().adapt([[1.0, np.nan]]), DataError, r"nan at index \(0, 1\)"),
        (lambda: L.Normalization().adapt([[1.0], [2.0]]).output_shape((3,)), ShapeError, "of 1 features"),
        (lambda: L.Permute((2, 2)), SettingError, "the axes 1, 2, ... in their new order"),
        (lambda: L.Permute((2, 1)).output_shape((3,)), ShapeError, "inputs of 2 axes"),
        (lambda: L.Cropping1D(3).output_shape((5, 2)), ShapeError, "leaves nothing"),
        (lambda: L.Concatenate(axis=0), SettingError, "other than 0, which is the axis of the examples"),
        (lambda: L.Concatenate(axis=3).output_shape(((3,), (3,))), ShapeError, "have the axes 1 to 1"),
        (lambda: L.Subtract().output_shape(((3,),) * 3), ShapeError, "takes two inputs or branches, got 3"),
        (lambda: L.Dot(axes=1).output_shape(((3,), (4,))), ShapeError, "sizes 3 and 4 along"),
        (lambda: L.Dot((2, 1)), SettingError, r"by name, Dot\(axes=\(2, 1\)\)"),
        (lambda: L.Concatenate(1), SettingError, r"by name, Concatenate\(axis=1\)"),
        (lambda: L.Sampling().output_shape((5,)), ShapeError, "side by side"),
        (lambda: L.Sampling().output_shape(((5,), (4,))), ShapeError, "two inputs of one shape"),
        (lambda: L.TimeDistributed(L.LSTM(3, stateful=True)), SettingError, "is stateful"),
        (lambda: L.TimeDistributed(L.Dense(3)).output_shape((3,)), ShapeError, r"sequences \(time, ...\)"),
        (lambda: L.ConvLSTM2D(3, 3).output_shape((4, 4, 2)), ShapeError, "takes films"),
        (lambda: L.Conv1DTranspose(3, 3, padding="causal"), SettingError, "nothing is before the first time"),
        (lambda: L.Maximum().output_shape(((3,), (4,))), ShapeError, "must be the same"),
    ],
)
def test_what_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_softmax_along_time_is_no_probability_of_classes():
    model = ln.Model([L.Input((4, 3)), L.Dense(3), L.Softmax(axis=1)])
    with pytest.raises(SettingError, match="along the last axis, but the network ends in Softmax"):
        model.compile("categorical_crossentropy", "sgd")


MASKED = [
    L.Cropping1D((1, 1)),
    L.UpSampling1D(2),
    L.Conv1DTranspose(3, 3, strides=2, padding="same"),
    L.DepthwiseConv1D(2),
    L.SeparableConv1D(3, 3, padding="causal"),
    L.TimeDistributed(L.Dense(3, "tanh")),
    L.Softmax(axis=1),
    L.Rescaling(2.0),
]


@pytest.mark.parametrize("layer", MASKED, ids=repr)
def test_a_shorter_sequence_is_as_if_alone(layer):
    model = ln.Model([L.Input((None, 4)), layer, L.Dense(2)], dtype="float64")
    x, lengths = RNG.normal(size=(3, 8, 4)), [8, 5, 4]
    together, mask = model.predict(x, mask=lengths), model.output_mask(x, lengths)
    for n, length in enumerate(lengths):
        alone = model.predict(x[n : n + 1, :length])[0]
        np.testing.assert_allclose(together[n][mask[n]], alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "rule", "message"),
    [
        ([L.TimeDistributed(L.Dense(3)), L.LSTM(3)], "dfa", "each time step is an example of its own"),
        ([L.TimeDistributed(L.Dense(3)), L.LSTM(3)], "np", "each time step is an example of its own"),
        ([L.Dense(6), L.Sampling(), L.LSTM(3)], "dfa", "adds a penalty of its own to the loss"),
        ([L.Dense(6), L.Sampling(), L.LSTM(3)], "wp", "adds a penalty of its own to the loss"),
        ([L.Reshape((-1, 2, 2, 1)), L.ConvLSTM2D(2, 1), L.Flatten()], "rflo", "backpropagation alone"),
        (
            [L.TimeDistributed(L.Dense(4)), L.Reshape((-1, 2, 2, 1)), L.ConvLSTM2D(2, 1), L.Flatten()],
            "wm",
            "no such noise",
        ),
    ],
)
def test_rules_that_do_not_go_there(layers, rule, message):
    with pytest.raises(SettingError, match=message):
        ln.Model([L.Input((5, 4)), *layers, L.Dense(2)]).compile("mse", "sgd", rule=rule)


def test_the_divergence_is_of_those_that_count():
    layer, x = L.Sampling(0.5), RNG.normal(size=(3, 4, 6))
    mask = np.arange(4) < np.array([[4], [2], [0]])
    _, cache = layer.forward({}, x, Run(True, Stream(0), mask=mask))
    m, v = x[..., :3], x[..., 3:]
    each = (m * m + np.exp(v) - 1 - v).sum(-1) / 2
    np.testing.assert_allclose(layer.penalty(cache), 0.5 * each[mask].sum() / 2, rtol=1e-12)
    step = 1e-6 * RNG.normal(size=x.shape)
    values = [layer.penalty(layer.forward({}, x + s, Run(mask=mask))[1]) for s in (step, -step)]
    np.testing.assert_allclose(
        (layer.penalty_slope(cache) * step).sum(), (values[0] - values[1]) / 2, rtol=1e-6
    )
