"""Every layer of the table has every property."""

import contextlib
import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from harness import LAYERS, directional, flat
from lucidnet import layers
from lucidnet.backend import Stream
from lucidnet.core.value import from_config, to_config
from lucidnet.errors import ShapeError
from lucidnet.interop.registry import registry
from lucidnet.layers import Layer, Run, walk
from lucidnet.layers.activations import KNOWN
from lucidnet.layers.blank import Blank, BlankStream, blank_init
from lucidnet.tree import leaves, tree_map

every_layer = pytest.mark.parametrize("row", LAYERS, ids=str)


def backward(row, params, x, need_dx=True):
    y, cache = row.layer.forward(params, x, row.run(len(x)))
    return y, *row.layer.backward(params, cache, row.dy(y), need_dx)


def trained(layer, params):
    """The parameters that a gradient changes: all but the buffers."""
    if layer.children():
        return {name: trained(child, params[name]) for name, child in layer.children()}
    return {name: array for name, array in params.items() if name not in layer.buffers}


def paths(tree):
    return [path for path, _ in leaves(tree)]


def close(a, b, tolerance):
    """Compare two arrays relative to the largest entry."""
    if a is None:  # the gradient of whole numbers
        assert b is None
        return
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), 1e-3)
    assert np.abs(a - b).max(initial=0) <= tolerance * scale


def trees_close(a, b, tolerance):
    assert [path for path, _ in leaves(a)] == [path for path, _ in leaves(b)]
    for (_, one), (_, two) in zip(leaves(a), leaves(b), strict=True):
        close(one, two, tolerance)


def test_the_table_is_complete():
    kinds = {type(row.layer) for row in LAYERS}
    public = {kind for kind in _names(layers).values() if isinstance(kind, type) and issubclass(kind, Layer)}
    assert public - kinds == {layers.Layer, layers.Container, layers.Recurrent}
    assert set(KNOWN.values()) <= kinds


@every_layer
def test_forward_is_the_formula(row):
    params, x = row.params(), row.x()
    y, _ = row.layer.forward(params, x, row.run())
    close(y, row.expected(params, x), 1e-14)


@every_layer
def test_finite_differences(row):
    """Along random directions through all parameters and the input, unless it is whole numbers."""
    params, x = row.params(), row.x()
    point, back = flat({"params": trained(row.layer, params)} | ({} if row.classes else {"x": x}))
    y, dx, grads = backward(row, params, x)
    gradient, _ = flat({"params": grads} | ({} if row.classes else {"x": dx}))
    dy = row.dy(y)

    def value(vector):
        t = back(vector)
        moved = _laid_over(params, t.get("params", {}))
        return float((dy * row.layer.forward(moved, t.get("x", x), row.run())[0]).sum())

    for seed in range(5):
        direction = np.random.default_rng(seed).normal(size=point.shape) / np.sqrt(point.size)
        expected = directional(value, point, direction)
        assert abs(gradient @ direction - expected) < 1e-7 * max(abs(expected), 0.1)


@every_layer
def test_automatic_differentiation(row):
    params, x = row.params(), row.x()
    y, dx, grads = backward(row, params, x)

    def forward(p, x):
        return row.layer.forward(p, x, row.run())[0]

    jax_y, pull_back = jax.vjp(forward, tree_map(jnp.asarray, params), jnp.asarray(x))
    jax_grads, jax_dx = pull_back(jnp.asarray(row.dy(y)))
    close(y, jax_y, 1e-13)
    close(dx, None if row.classes else jax_dx, 1e-9)
    trees_close(grads, tree_map(np.asarray, _in_order(jax_grads, grads)), 1e-9)


@every_layer
@pytest.mark.parametrize("compiled", [False, True], ids=["jax", "compiled"])
def test_on_jax(row, compiled):
    params, x = row.params(), row.x()
    y, dx, grads = backward(row, params, x)

    def both(p, x, dy):
        y, cache = row.layer.forward(p, x, row.run())
        return y, *row.layer.backward(p, cache, dy)

    both = jax.jit(both) if compiled else both
    made = both(tree_map(jnp.asarray, params), jnp.asarray(x), jnp.asarray(row.dy(y)))
    assert all(isinstance(array, jax.Array) for array in jax.tree.leaves(made))
    close(y, made[0], 1e-12)
    close(dx, made[1], 1e-12)
    trees_close(grads, _in_order(made[2], grads), 1e-12)


def _in_order(tree, like):
    """Put the names of a tree in the order of another: JAX sorts them."""
    return {name: _in_order(tree[name], like[name]) for name in like} if isinstance(like, dict) else tree


def _laid_over(tree, part):
    """A tree with some of its arrays replaced."""
    if not isinstance(tree, dict):
        return part
    return {name: _laid_over(branch, part[name]) if name in part else branch for name, branch in tree.items()}


@every_layer
def test_backward_twice(row):
    params, x = row.params(), row.x()
    y, cache = row.layer.forward(params, x, row.run())
    first = copy.deepcopy(row.layer.backward(params, cache, row.dy(y)))
    second = row.layer.backward(params, cache, row.dy(y))
    np.testing.assert_array_equal(first[0], second[0])
    trees_close(first[1], second[1], 0)


@every_layer
def test_nothing_given_is_changed(row):
    params, x = row.params(), row.x()
    before = copy.deepcopy((params, x))
    y, cache = row.layer.forward(params, x, row.run())
    cache_before, dy = copy.deepcopy(cache), row.dy(y)
    dy_before = dy.copy()
    row.layer.backward(params, cache, dy)
    np.testing.assert_array_equal(x, before[1])
    trees_close(params, before[0], 0)
    np.testing.assert_array_equal(dy, dy_before)
    jax.tree.map(np.testing.assert_array_equal, cache, cache_before)


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(row, dtype):
    y, dx, grads = backward(row, row.params(dtype), row.x(dtype=dtype))
    assert y.dtype == (dtype if row.classes else dx.dtype) == dtype
    assert {array.dtype for _, array in leaves(grads)} <= {np.dtype(dtype)}


@every_layer
def test_non_contiguous_inputs(row):
    params, x = row.params(), row.x()
    strided = np.repeat(x, 2, axis=0)[::2]
    turned = np.asfortranarray(x)
    for other in (strided, turned):
        for a, b in zip(backward(row, params, x), backward(row, params, other), strict=True):
            trees_close(a, b, 1e-14)


@every_layer
def test_one_row_is_a_batch(row):
    y, dx, grads = backward(row, row.params(), row.x(rows=1))
    assert len(y) == (1 if row.classes else len(dx)) == 1
    assert paths(grads) == paths(trained(row.layer, row.params()))


@every_layer
def test_without_dx_the_gradients_are_the_same(row):
    params, x = row.params(), row.x()
    _, dx, grads = backward(row, params, x, need_dx=False)
    trees_close(backward(row, params, x)[2], grads, 0)
    if paths(params):
        assert dx is None  # what nobody needs is not computed


@every_layer
def test_shapes(row):
    params, shape = row.layer.init(Stream(1), row.shape)
    y, dx, grads = backward(row, params, row.x(dtype="float32"))
    assert y.shape == (4, *shape)
    assert row.classes or dx.shape == (4, *row.shape)
    expected = leaves(trained(row.layer, params))
    assert [(p, a.shape) for p, a in leaves(grads)] == [(p, a.shape) for p, a in expected]
    assert {a.dtype for _, a in leaves(params)} <= {np.dtype("float32")}


@every_layer
def test_output_shape_is_what_comes_out(row):
    x = row.x()
    y, _ = row.layer.forward(row.params(), x, row.run())
    assert row.layer.output_shape(row.shape) == row.layer.init(Stream(1), row.shape)[1] == y.shape[1:]
    params, shape = blank_init(row.layer, row.shape)
    assert shape == y.shape[1:]
    made = [(path, a.shape, a.dtype) for path, a in leaves(row.layer.init(Stream(1), row.shape)[0])]
    assert [(path, a.shape, a.dtype) for path, a in leaves(params)] == made
    assert all(isinstance(a, Blank) and not any(a.strides) for _, a in leaves(params))


@every_layer
def test_a_size_that_varies_is_none_where_the_output_varies_with_it(row):
    first, *rest = row.shape
    known = {}
    for size in range(1, first + 4):
        with contextlib.suppress(ShapeError):
            known[size] = row.layer.output_shape((size, *rest))
    try:
        found = row.layer.output_shape((None, *rest))
    except ShapeError:  # where weights depend on it, or the number of features
        assert len(row.shape) == 1 or isinstance(row.layer, layers.Flatten)
        return
    by_axis = zip(*known.values(), strict=True)
    assert found == tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in by_axis)
    if rest and len(known) > 1:
        params, shape = row.layer.init(Stream(1), (None, *rest))
        assert shape == found
        other = [size for size in known if size != first][-1]
        x = np.resize(row.x(), (2, other, *rest))
        y, _ = row.layer.forward(params, x, Run(row.train, Stream(3)))
        assert y.shape[1:] == known[other]


@every_layer
def test_output_shape_makes_no_arrays(row, monkeypatch):
    def never(*args, **settings):
        raise AssertionError("an array is made")

    shape = row.layer.output_shape(row.shape)
    for name in ("normal", "uniform", "bernoulli", "full", "permutation"):
        monkeypatch.setattr(BlankStream, name, never)
        monkeypatch.setattr(Stream, name, never)
    for name in ("zeros", "ones", "empty", "full", "asarray", "array", "arange"):
        monkeypatch.setattr(np, name, never)
    for _, layer in walk(row.layer):
        monkeypatch.setattr(type(layer), "forward", never)
    assert row.layer.output_shape(row.shape) == shape
    with contextlib.suppress(ShapeError):
        row.layer.output_shape((10**15, *row.shape[1:]))


def of_init(kind):
    """Whether the shapes of a layer come from `init`: its class has one, and no output_shape."""
    return kind.init is not Layer.init and kind.output_shape is Layer.output_shape


def test_all_layers_of_the_library_know_their_shapes():
    for row in LAYERS:
        for _, layer in walk(row.layer):
            assert not of_init(type(layer))
            assert not layer.children() or type(layer).inner_shapes is not layers.Container.inner_shapes


@every_layer
def test_a_layer_is_a_value(row):
    rebuilt = eval(repr(row.layer), {**_names(layers), **_initializers()})
    assert rebuilt == row.layer
    assert hash(rebuilt) == hash(row.layer)
    assert from_config(to_config(row.layer), registry()) == row.layer


def _names(module):
    return {name: getattr(module, name) for name in module.__all__}


def _initializers():
    from lucidnet import initializers

    return {name: kind for name, kind in vars(initializers).items() if isinstance(kind, type)}


# --- what a rule relies on --------------------------------------------------------------------------


def feedback_alignment(B):
    """The rule of Lillicrap et al. 2016, through the seam: another W carries the error back."""

    def send(name, layer, params, cache, dy, need_dx=True):
        carriers = params | B[name] if layer.transport else params
        return layer.route(carriers, cache, dy, feedback_alignment(B[name]), need_dx)

    return send


def feedback_weights(layer, params, seed):
    """Feedback weights like the transport weights of all layers inside."""
    if layer.children():
        return {name: feedback_weights(child, params[name], seed) for name, child in layer.children()}
    draw = np.random.default_rng(seed).normal
    return {n: params[n] if seed is None else draw(size=params[n].shape) for n in layer.transport}


CONTAINERS = [row for row in LAYERS if row.layer.children()]


@pytest.mark.parametrize("row", CONTAINERS, ids=str)
def test_feedback_alignment_with_the_weights_is_backprop(row):
    params, x = row.params(), row.x()
    y, dx, grads = backward(row, params, x)
    _, cache = row.layer.forward(params, x, row.run())
    rule = feedback_alignment(feedback_weights(row.layer, params, None))
    fa_dx, fa_grads = row.layer.route(params, cache, row.dy(y), rule)
    np.testing.assert_array_equal(fa_dx, dx)
    trees_close(fa_grads, grads, 0)


@pytest.mark.parametrize("row", CONTAINERS, ids=str)
def test_feedback_alignment_with_random_weights_is_not_backprop(row):
    params, x = row.params(), row.x()
    y, dx, _ = backward(row, params, x)
    _, cache = row.layer.forward(params, x, row.run())
    rule = feedback_alignment(feedback_weights(row.layer, params, 5))
    fa_dx, _ = row.layer.route(params, cache, row.dy(y), rule)
    assert np.abs(fa_dx - dx).max() > 0.1


@pytest.mark.parametrize("row", CONTAINERS, ids=str)
def test_each_edge_is_crossed_once(row):
    params, x = row.params(), row.x()
    y, cache = row.layer.forward(params, x, row.run())
    crossed = []

    def send(name, layer, params, cache, dy, need_dx=True):
        crossed.append(layer)
        return layer.route(params, cache, dy, send, need_dx)

    row.layer.route(params, cache, row.dy(y), send)
    assert sorted(map(repr, crossed)) == sorted(map(repr, inside(row.layer)))


def inside(layer):
    """All layers inside a container, one that stands in two places twice."""
    placed = [x for _, _, x, _ in layer.placed()] if isinstance(layer, layers.Graph) else None
    for child in placed or [child for _, child in layer.children()]:
        yield child
        yield from inside(child)


# --- particular ------------------------------------------------------------------------------------


def test_no_gradient_is_asked_below_the_first_parameters():
    net = layers.Sequential([layers.Flatten(), layers.Tanh(), layers.Dense(3), layers.Dense(2)])
    params, _ = net.init(Stream(0), (4,))
    y, cache = net.forward(params, np.ones((2, 4), "float32"))
    asked = []

    def send(name, layer, params, cache, dy, need_dx=True):
        asked.append((name, need_dx))
        return layer.backward(params, cache, dy, need_dx)

    net.route(params, cache, y, send, need_dx=False)
    assert asked == [("dense3", True), ("dense2", False)]


def test_dropout_differs_by_step_and_place_and_repeats():
    layer, x = layers.Dropout(0.5), np.ones((50, 40), "float32")

    def drawn(seed, step, name):
        run = layers.Run(True, Stream(seed, step)).child(name)
        return layer.forward({}, x, run)[0]

    first = drawn(0, 0, "a")
    np.testing.assert_array_equal(first, drawn(0, 0, "a"))
    for other in (drawn(1, 0, "a"), drawn(0, 1, "a"), drawn(0, 0, "b")):
        assert 0.4 < (first == other).mean() < 0.6
    assert abs(first.mean() - 1) < 4 * 1 / np.sqrt(first.size)


@pytest.mark.parametrize(
    "name", ["Sigmoid", "Softmax", "LogSoftmax", "Softplus", "Mish", "GELU", "SiLU", "ELU"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_overflow(name, dtype):
    layer = getattr(layers, name)()
    x = np.array([[-1e4, -50.0, 0.0, 50.0, 1e4]], dtype)
    with np.errstate(under="ignore"):
        y, cache = layer.forward({}, x)
        dx, _ = layer.backward({}, cache, np.ones_like(x))
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


def test_own_activation_without_derivative_comes_from_jax():
    own = layers.Activation(lambda x: x**3 - x)
    x = np.array([[0.5, -2.0]])
    y, cache = own.forward({}, x)
    np.testing.assert_allclose(own.backward({}, cache, np.ones_like(x))[0], 3 * x**2 - 1, rtol=1e-14)


def test_own_activation_that_jax_cannot_follow():
    own = layers.Activation(np.sinc)
    _, cache = own.forward({}, np.ones((1, 2)))
    with pytest.raises(
        ValueError, match=r"JAX cannot follow this activation.*layers.Activation\(f, derivative\)"
    ):
        own.backward({}, cache, np.ones((1, 2)))


def test_settings_out_of_range():
    from lucidnet.errors import SettingError, ShapeError

    for make, message in [
        (lambda: layers.Dense(0), "units must be a whole number of 1 or more, got 0"),
        (lambda: layers.Dense(2.5), "units must be a whole number"),
        (lambda: layers.Dropout(1.0), "rate must be at least 0 and below 1, got 1.0"),
        (lambda: layers.Dense(2, learning_rate=-1), "learning_rate must be at least 0"),
        (lambda: layers.Dense(2, name="a/b"), "name must be a text without '/'"),
        (lambda: layers.Input((3, 0)), "shape must be whole numbers"),
        (lambda: layers.Reshape((-1, -1)), "one of which may be -1"),
        (lambda: layers.Sequential([]), "expected one or more layers"),
        (lambda: layers.Sequential([layers.Dense(1, name="a"), layers.Dense(2, name="a")]), "both named 'a'"),
    ]:
        with pytest.raises(SettingError, match=message):
            make()
    with pytest.raises(ShapeError, match=r"layer 1 Reshape\(\(4,\)\): cannot give .*from layer 0 Dense\(3\)"):
        layers.Sequential([layers.Dense(3), layers.Reshape((4,))]).init(Stream(), (2,))
    with pytest.raises(ShapeError, match=r"the body turns shape \(3,\) into \(2,\)"):
        layers.Residual(layers.Dense(2)).init(Stream(), (3,))
    with pytest.raises(ShapeError, match="must be the same"):
        layers.Add([layers.Dense(2), layers.Dense(3)]).init(Stream(), (3,))


def test_whole_numbers_of_numpy_are_whole_numbers():
    """``Dense(y.max() + 1)``, ``Input(x[0].size)``."""
    assert layers.Dense(np.int64(4)) == layers.Dense(4)
    assert layers.Input(np.int64(5)) == layers.Input((np.int64(5),)) == layers.Input(5)
    assert "np." not in repr(layers.Dense(np.int64(4)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Input(2.5), "Input: shape must be whole numbers of 1 or more, .*got 2.5"),
        (lambda: layers.Reshape(2.5), "Reshape: shape must be .*got 2.5"),
        (lambda: layers.Reshape(("a",)), "Reshape: shape must be "),
        (lambda: layers.Reshape((2.0, 3.0)), "Reshape: shape must be "),
        (
            lambda: layers.Dropout("a"),
            "rate must be a finite number, at least 0 and below 1, or a schedule, got 'a'",
        ),
        (
            lambda: layers.Dense(3, learning_rate="fast"),
            "learning_rate must be a finite number, at least 0, or a schedule, or None, got 'fast'",
        ),
        (lambda: layers.Dense(3, l2=abs), "l2 must be a finite number, at least 0"),
        (lambda: layers.Sequential(layers.Dense(3)), r"expected one or more layers, got Dense\(3\)"),
        (lambda: layers.Residual(3), "Residual: body must be a layer"),
        (lambda: layers.Residual([layers.Dense(3)]), "Residual: body must be a layer"),
        (lambda: layers.Dense(3, layers.Dense(4)), "activation must be a layer without weights"),
        (lambda: layers.Dense(3, layers.PReLU()), "put it behind, as a layer of its own"),
        (
            lambda: layers.Conv2D(3, 3, activation=layers.PReLU()),
            "Conv2D: activation must be a layer without",
        ),
    ],
)
def test_settings_of_a_wrong_type(make, message):
    from lucidnet.errors import SettingError

    with pytest.raises(SettingError, match=message):
        make()


def test_an_error_of_a_residual_names_it_once():
    from lucidnet.errors import ShapeError

    net = layers.Sequential([layers.Dense(3), layers.Residual(layers.Dense(2))])
    with pytest.raises(ShapeError, match=r"^layer 1 Residual\(Dense\(2\)\): the body turns shape"):
        net.init(Stream(), (3,))
