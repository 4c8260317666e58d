"""Embedding, attention and the transformer block beside PyTorch's; masks, two inputs, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lucidnet as ln
from harness import directional, flat
from lucidnet import layers
from lucidnet.backend import Stream, scatter_add
from lucidnet.core.value import from_config, to_config
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.interop.registry import registry
from lucidnet.layers import MultiHeadAttention, Run, TransformerBlock
from lucidnet.tree import tree_map
from rows_attention import MASK

RNG = np.random.default_rng


def made(layer, shape, seed=0):
    """Parameters off their first values, so that biases are not zero."""
    params, _ = layer.init(Stream(seed, dtype="float64"), shape)
    draw = RNG(seed).normal
    return tree_map(lambda a: a + 0.1 * draw(size=a.shape), params)


def into_pytorch(torch, params, theirs):
    """Give PyTorch's attention our weights; return where it puts each of them."""
    parts = ("query", "key", "value")
    zeros = np.zeros(params["W_key"].shape[1])
    bias = np.concatenate([params.get(f"b_{part}", zeros) for part in parts])
    state = {"in_proj_bias": bias, "out_proj.weight": params["W_out"].T, "out_proj.bias": params["b_out"]}
    if theirs.in_proj_weight is not None:
        state["in_proj_weight"] = np.hstack([params[f"W_{part}"] for part in parts]).T
    else:
        state |= {f"{part[0]}_proj_weight": params[f"W_{part}"].T for part in parts}
    theirs.load_state_dict({name: torch.tensor(array) for name, array in state.items()})


def theirs_grads(theirs):
    """PyTorch's gradients under our names."""
    bias = theirs.in_proj_bias.grad.chunk(3)
    grads = {"W_out": theirs.out_proj.weight.grad.T, "b_out": theirs.out_proj.bias.grad}
    if theirs.in_proj_weight is not None:
        weights = theirs.in_proj_weight.grad.chunk(3)
    else:
        weights = [getattr(theirs, f"{part}_proj_weight").grad for part in "qkv"]
    for part, W, b in zip(("query", "key", "value"), weights, bias, strict=True):
        grads |= {f"W_{part}": W.T} | ({f"b_{part}": b} if part != "key" else {})
    return grads


def check(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
@pytest.mark.parametrize("padded", [False, True], ids=["", "padded"])
def test_self_attention_beside_pytorch(causal, padded):
    torch = pytest.importorskip("torch")
    layer, rows = MultiHeadAttention(2, causal=causal), [0, 1]  # rows with a first step: no NaN in PyTorch
    mask = MASK[rows] if padded else None
    params, x, dy = made(layer, (5, 6)), *RNG(3).normal(size=(2, 2, 5, 6))
    theirs = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    into_pytorch(torch, params, theirs)
    given = torch.from_numpy(x.copy()).requires_grad_()
    hidden = torch.from_numpy(~np.tri(5, dtype=bool)) if causal else None
    padding = torch.from_numpy(~mask) if padded else None
    out, weights = theirs(
        given, given, given, key_padding_mask=padding, attn_mask=hidden, average_attn_weights=False
    )
    out.backward(torch.from_numpy(dy))

    run = Run(mask=mask)
    y, cache = layer.forward(params, x, run)
    dx, grads = layer.backward(params, cache, dy)
    check(y, out)
    check(dx, given.grad)
    check(layer.weights(params, x, run), weights)
    for name, expected in theirs_grads(theirs).items():
        check(grads[name], expected)


def test_cross_attention_beside_pytorch():
    torch = pytest.importorskip("torch")
    layer = MultiHeadAttention(3)
    shapes = ((4, 6), (5, 7))
    params = made(layer, shapes)
    query, memory, dy = (
        RNG(1).normal(size=(3, 4, 6)),
        RNG(2).normal(size=(3, 5, 7)),
        RNG(3).normal(size=(3, 4, 6)),
    )
    theirs = torch.nn.MultiheadAttention(6, 3, kdim=7, vdim=7, batch_first=True, dtype=torch.float64)
    into_pytorch(torch, params, theirs)
    given = [torch.from_numpy(a.copy()).requires_grad_() for a in (query, memory)]
    mask = MASK[[0, 1, 3]]
    out, _ = theirs(given[0], given[1], given[1], key_padding_mask=torch.from_numpy(~mask))
    out.backward(torch.from_numpy(dy))

    y, cache = layer.forward(params, (query, memory), Run(mask=mask))
    (dquery, dmemory), grads = layer.backward(params, cache, dy)
    check(y, out)
    check(dquery, given[0].grad)
    check(dmemory, given[1].grad)
    for name, expected in theirs_grads(theirs).items():
        check(grads[name], expected)
    assert layer.backward(params, cache, dy, need_dx=False)[0] is None
    assert layer.init(Stream(0), shapes)[1] == (4, 6)


def test_cross_attention_by_differences_and_jax():
    layer, mask = MultiHeadAttention(2, 3, causal=True), MASK
    params = made(layer, ((3, 4), (5, 2)))
    x = (RNG(1).normal(size=(4, 3, 4)), RNG(2).normal(size=(4, 5, 2)))
    y, cache = layer.forward(params, x, Run(mask=mask))
    dy = RNG(3).normal(size=y.shape)
    (dquery, dmemory), grads = layer.backward(params, cache, dy)
    point, back = flat({"params": params, "query": x[0], "memory": x[1]})
    gradient, _ = flat({"params": grads, "query": dquery, "memory": dmemory})

    def value(vector):
        t = back(vector)
        return float((dy * layer.forward(t["params"], (t["query"], t["memory"]), Run(mask=mask))[0]).sum())

    for seed in range(5):
        direction = RNG(seed).normal(size=point.shape) / np.sqrt(point.size)
        expected = directional(value, point, direction)
        assert abs(gradient @ direction - expected) < 1e-7 * max(abs(expected), 0.1)

    def forward(p, x):
        return layer.forward(p, x, Run(mask=mask))[0]

    _, pull_back = jax.vjp(forward, tree_map(jnp.asarray, params), tuple(map(jnp.asarray, x)))
    jax_grads, jax_dx = pull_back(jnp.asarray(dy))
    for ours, theirs in [
        (dquery, jax_dx[0]),
        (dmemory, jax_dx[1]),
        *((grads[n], jax_grads[n]) for n in params),
    ]:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_transformer_block_beside_pytorch(norm_first, activation):
    torch = pytest.importorskip("torch")
    block = TransformerBlock(2, 6, 10, causal=True, activation=activation, norm_first=norm_first)
    params, x, dy = made(block, (5, 6)), *RNG(3).normal(size=(2, 3, 5, 6))
    theirs = torch.nn.TransformerEncoderLayer(
        6, 2, 10, 0.0, activation, batch_first=True, norm_first=norm_first, dtype=torch.float64
    )
    attention, feed = params["attention"]["body"], params["feed_forward"]["body"]
    into_pytorch(torch, attention["attention"], theirs.self_attn)
    norms = (
        (attention["norm"], feed["norm"])
        if norm_first
        else (params["attention_norm"], params["feed_forward_norm"])
    )
    for module, ours in ((theirs.norm1, norms[0]), (theirs.norm2, norms[1])):
        module.weight.data, module.bias.data = (torch.from_numpy(ours[n]) for n in ("gamma", "beta"))
    for module, ours in ((theirs.linear1, feed["inner"]), (theirs.linear2, feed["outer"])):
        module.weight.data, module.bias.data = (torch.from_numpy(a) for a in (ours["W"].T.copy(), ours["b"]))
    given = torch.from_numpy(x.copy()).requires_grad_()
    out = theirs(given, src_mask=torch.from_numpy(~np.tri(5, dtype=bool)))
    out.backward(torch.from_numpy(dy))

    y, cache = block.forward(params, x)
    dx, grads = block.backward(params, cache, dy)
    check(y, out)
    check(dx, given.grad)
    for name, expected in theirs_grads(theirs.self_attn).items():
        check(grads["attention"]["body"]["attention"][name], expected)
    check(grads["feed_forward"]["body"]["inner"]["W"], theirs.linear1.weight.grad.T)
    check(grads["feed_forward"]["body"]["outer"]["b"], theirs.linear2.bias.grad)


def test_embedding_beside_pytorch():
    torch = pytest.importorskip("torch")
    layer = layers.Embedding(11, 4)
    params, x = made(layer, (6,)), RNG(0).integers(0, 11, (5, 6))
    theirs = torch.nn.Embedding(11, 4, _weight=torch.from_numpy(params["W"].copy()))
    dy = RNG(1).normal(size=(5, 6, 4))
    out = theirs(torch.from_numpy(x))
    out.backward(torch.from_numpy(dy))
    for given in (x, x.astype("float32"), x.astype("uint8")):
        y, cache = layer.forward(params, given)
        dx, grads = layer.backward(params, cache, dy)
        check(y, out)
        check(grads["W"], theirs.weight.grad)
        assert dx is None


# --- masks ------------------------------------------------------------------------------------------


def test_the_future_is_not_seen():
    block = TransformerBlock(2, 6, causal=True)
    params, x = made(block, (5, 6)), RNG(1).normal(size=(2, 5, 6))
    other = x.copy()
    other[:, 3:] += 1
    y, z = (block.forward(params, a)[0] for a in (x, other))
    np.testing.assert_allclose(y[:, :3], z[:, :3], rtol=1e-12)
    assert np.abs(y[:, 3:] - z[:, 3:]).min() > 1e-3


@pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_padding_is_not_seen(causal, dtype):
    layer = MultiHeadAttention(2, causal=causal)
    params = tree_map(lambda a: a.astype(dtype), made(layer, (5, 6)))
    x = RNG(1).normal(size=(4, 5, 6)).astype(dtype)
    other = np.where(MASK[..., None], x, np.asarray(1e4, dtype))
    run = Run(mask=MASK)
    y, z = (layer.forward(params, a, run)[0] for a in (x, other))
    np.testing.assert_allclose(y[MASK], z[MASK], rtol=1e-5)
    weights = layer.weights(params, other, run)
    assert weights.shape == (4, 2, 5, 5)
    assert weights.dtype == dtype
    assert np.abs(weights.swapaxes(1, 3)[~MASK]).max() == 0
    total = weights.sum(-1)
    left = np.tri(5) @ MASK[..., None] > 0 if causal else np.repeat(MASK.any(1), 5).reshape(4, 5, 1)
    np.testing.assert_allclose(total.swapaxes(1, 2), np.repeat(left, 2, -1), rtol=1e-5)


def test_extreme_scores_do_not_overflow():
    layer = MultiHeadAttention(1, causal=True)
    params = tree_map(lambda a: (1e3 * a).astype("float32"), made(layer, (5, 4)))
    x = 1e3 * RNG(1).normal(size=(2, 5, 4)).astype("float32")
    y, cache = layer.forward(params, x)
    dx, _ = layer.backward(params, cache, np.ones_like(y))
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


def test_zero_of_an_embedding_masks_the_network():
    """Padding reaches the attention by the embedding's mask."""
    net = [layers.Input(5), layers.Embedding(7, 4, mask_zero=True), TransformerBlock(1, 4), layers.Dense(2)]
    model = ln.Model(net, seed=0)
    alone, _ = model.net.forward(model.params, np.array([[3, 1, 2]]))
    padded = model.predict(np.array([[3, 1, 2, 0, 0]]))
    np.testing.assert_allclose(padded[:, :3], alone, rtol=1e-5)


# --- small things -----------------------------------------------------------------------------------


def test_scatter_add_is_numpys():
    for size, rows in ((0, 3), (1, 1), (50, 7), (200, 1000)):
        numbers, values = RNG(size).integers(0, rows, size), RNG(1).normal(size=(size, 3))
        expected = np.zeros((rows, 3))
        np.add.at(expected, numbers, values)
        np.testing.assert_allclose(scatter_add(values, numbers, rows), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("x", "said"), [(np.array([[3, 7]]), "7"), (np.array([[-1, 3]]), "-1"), (np.array([[1.5]]), "1.5")]
)
def test_numbers_outside_the_vocabulary(x, said):
    layer = layers.Embedding(7, 2)
    with pytest.raises(DataError, match=f"expected whole numbers from 0 to 6, got {said}"):
        layer.forward(layer.init(Stream(0), (2,))[0], x)


@pytest.mark.parametrize(
    "inside",
    [
        layers.Residual(layers.Sequential([layers.Embedding(7, 1), layers.Flatten()])),
        layers.Concatenate([layers.Embedding(99, 2), layers.Embedding(7, 2)]),
        layers.Sequential([layers.Concatenate([layers.Embedding(7, 2), layers.Embedding(99, 2)])]),
    ],
    ids=["residual", "concatenate", "sequential"],
)
def test_numbers_outside_the_vocabulary_of_an_embedding_inside(inside):
    """Compiled code cannot say so: it is found as the data come in."""
    model = ln.Model([layers.Input(2), inside, layers.Flatten(), layers.Dense(1)])
    model.compile("mse")
    model.fit([[3, 6]], [[1.0]], verbose=0)
    with pytest.raises(DataError, match=r"x holds 7 at index \(0, 1\): .* has the rows 0 to 6"):
        model.fit([[3, 7]], [[1.0]], verbose=0)


def test_a_block_is_saved_by_its_settings():
    block = TransformerBlock(2, 8, 12, 0.1, True, "relu", norm_first=False)
    again = from_config(to_config(block), registry())
    assert again == block
    assert again.children() == block.children()
    assert repr(TransformerBlock(4, 128, causal=True)) == "TransformerBlock(4, 128, causal=True)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MultiHeadAttention(0),
            "MultiHeadAttention: heads must be a whole number of 1 or more, got 0",
        ),
        (lambda: MultiHeadAttention(2, 0), "key_dimension must be a whole number of 1 or more"),
        (
            lambda: MultiHeadAttention(2, dropout=1),
            "MultiHeadAttention: dropout must be at least 0 and below 1",
        ),
        (lambda: TransformerBlock(2, 8, 0), "feed_forward must be a whole number of 1 or more"),
        (lambda: TransformerBlock(2, 8, dropout=2), "dropout must be at least 0 and below 1, got 2"),
        (lambda: layers.Embedding(0, 3), "Embedding: vocabulary must be a whole number of 1 or more, got 0"),
        (lambda: layers.Embedding(3, 2.5), "Embedding: dimension must be"),
        (lambda: layers.PositionalEmbedding("a"), "PositionalEmbedding: length must be"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MultiHeadAttention(3), (5, 4), "4 features cannot be divided among 3 heads; give key_dimension"),
        (MultiHeadAttention(2), (4,), r"expected sequences \(time, features\), got \(4,\)"),
        (TransformerBlock(2, 8), (5, 4), r"expected 8 features \(width\), got inputs of shape \(5, 4\)"),
        (layers.PositionalEmbedding(4), (5, 3), "a sequence of 5 steps is longer than 4"),
        (layers.SinusoidalEncoding(), (5,), "expected sequences"),
    ],
)
def test_shapes_that_do_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.init(Stream(0), shape)


def test_a_mask_of_something_else():
    layer = MultiHeadAttention(2)
    with pytest.raises(ShapeError, match=r"expected a mask \(2, 5\) of the keys, got \(2, 4\)"):
        layer.forward(made(layer, (5, 4)), np.ones((2, 5, 4)), Run(mask=np.ones((2, 4), bool)))
