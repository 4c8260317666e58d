"""The programs in examples/programs: each step's gradients are PyTorch's; short runs, and whole ones for `slow`."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.optimizers import SGD
from lucidnet.tree import at, leaves

FOLDER = Path(__file__).parents[2] / "examples" / "programs"
sys.path.insert(0, str(FOLDER))

import dcgan  # noqa: E402
import dqn  # noqa: E402
import forward_forward  # noqa: E402
import pinn  # noqa: E402
import reinforce  # noqa: E402
import seq2seq  # noqa: E402
import vae  # noqa: E402
import wgan_gp  # noqa: E402
import word_language_model  # noqa: E402
from cartpole import played  # noqa: E402

RNG = np.random.default_rng(5)


def weights(model):
    """The weights of a model as tensors that gather gradients, by path."""
    torch = pytest.importorskip("torch")
    found = dict(leaves(model.params))
    return {path: torch.tensor(np.array(array), requires_grad=True) for path, array in found.items()}


def moved_by_gradients(models, run):
    """Return what an SGD step with rate 1 subtracts from each weight of some models: the gradients."""
    for model in models:
        model.build()
        model.compile(optimizer=SGD(1.0)) if model.loss is None else model.compile(model.loss, SGD(1.0))
    before = [{path: np.array(a) for path, a in leaves(m.params)} for m in models]
    run()
    after = [dict(leaves(model.params)) for model in models]
    return [{path: b[path] - a[path] for path in b} for b, a in zip(before, after, strict=True)]


def same(ours, theirs):
    for path, tensor in theirs.items():
        if tensor.grad is not None:
            np.testing.assert_allclose(ours[path], tensor.grad, rtol=1e-9, atol=1e-9, err_msg=str(path))


def dense(w, name, x):
    return x @ w[name, "W"] + w[name, "b"]


def conv(w, name, x, stride):
    """A convolution of (n, c, h, w) with padding="same", as TensorFlow pads."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    W = w[name, "W"].permute(3, 2, 0, 1)
    pads = []
    for size, k in zip(reversed(x.shape[2:]), reversed(W.shape[2:]), strict=True):
        whole = max((-(-size // stride) - 1) * stride + k - size, 0)
        pads += [whole // 2, whole - whole // 2]
    return F.conv2d(F.pad(x, pads), W, w.get((name, "b")), stride)


def deconv(w, name, x, stride):
    """The transposed convolution that makes stride times as many pixels: that of `conv`, gone back."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    W = w[name, "W"]
    out = [size * stride for size in x.shape[2:]]
    k = W.shape[0]
    whole = max(k - stride, 0)
    made = F.conv_transpose2d(x, W.permute(3, 2, 0, 1), None, stride)
    top = whole // 2
    made = made[:, :, top : top + out[0], top : top + out[1]]
    bias = w.get((name, "b"))
    return made if bias is None else made + bias[:, None, None]


def batchnorm(w, name, x):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    return F.batch_norm(x, None, None, w[name, "gamma"], w[name, "beta"], True, 0.0, EPSILON)


EPSILON = ln.layers.BatchNormalization().epsilon


def vae_loss(encoder, decoder, x, noise):
    """Keras' net in PyTorch, with the loss of each example."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    h = F.relu(conv(encoder, "conv1", x.permute(0, 3, 1, 2), 2))
    h = F.relu(conv(encoder, "conv2", h, 2)).permute(0, 2, 3, 1).flatten(1)
    h = F.relu(dense(encoder, "hidden", h))
    mean, log_var = dense(encoder, "mean", h), dense(encoder, "log_var", h)
    z = mean + torch.exp(log_var / 2) * noise
    h = F.relu(dense(decoder, "dense1", z)).reshape(-1, 2, 2, 32).permute(0, 3, 1, 2)
    h = F.relu(deconv(decoder, "conv2dtranspose3", h, 2))
    h = F.relu(deconv(decoder, "conv2dtranspose4", h, 2))
    y = deconv(decoder, "conv2dtranspose5", h, 1).permute(0, 2, 3, 1)
    entropy = F.binary_cross_entropy_with_logits(y, x, reduction="sum")
    return (entropy - 0.5 * (1 + log_var - mean**2 - log_var.exp()).sum()) / len(x)


def test_vae():
    torch = pytest.importorskip("torch")
    models = vae.make(dtype="float64")
    for model in models:
        model.build()
    twins = tuple(map(weights, models))
    x, noise = RNG.random((6, 8, 8, 1)), RNG.normal(size=(6, 2))
    loss = vae_loss(*twins, torch.tensor(x), torch.tensor(noise))
    loss.backward()
    told = []
    found = moved_by_gradients(models, lambda: told.append(vae.step(*models, (x, noise))))
    assert float(sum(told[0])) == pytest.approx(loss.item(), rel=1e-10)
    for ours, theirs in zip(found, twins, strict=True):
        same(ours, theirs)


def test_dcgan():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    models = dcgan.make(dtype="float64")
    for model in models:
        model.build()
    real, z = RNG.normal(size=(6, 8, 8, 1)), RNG.normal(size=(6, dcgan.LATENT))
    found = moved_by_gradients(models, lambda: dcgan.step(*models, (real, z)))
    fresh = dcgan.make(dtype="float64")
    for model in fresh:
        model.build()
    g, d = map(weights, fresh)

    def generated():
        h = (torch.tensor(z) @ g["dense1", "W"]).reshape(-1, 2, 2, 32).permute(0, 3, 1, 2)
        h = F.relu(batchnorm(g, "batchnormalization3", h))
        h = F.relu(batchnorm(g, "batchnormalization6", deconv(g, "conv2dtranspose5", h, 2)))
        return torch.tanh(deconv(g, "conv2dtranspose8", h, 2))

    def judged(d, x):
        h = F.leaky_relu(conv(d, "conv2d1", x, 2), 0.2)
        h = F.leaky_relu(batchnorm(d, "batchnormalization4", conv(d, "conv2d3", h, 2)), 0.2)
        return dense(d, "dense7", h.permute(0, 2, 3, 1).flatten(1))

    fake, right = generated(), torch.tensor(real).permute(0, 3, 1, 2)
    loss = F.softplus(-judged(d, right)).mean() + F.softplus(judged(d, fake.detach())).mean()
    loss.backward()
    same(found[1], d)
    moved = {path: (w - w.grad if w.grad is not None else w).detach() for path, w in d.items()}
    F.softplus(-judged(moved, fake)).mean().backward()
    same(found[0], g)


def test_wgan_gp():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    models = wgan_gp.make(dtype="float64")
    real, between = RNG.random((5, 4, 64)), RNG.random((5, 4, 1))
    z = RNG.normal(size=(6, 4, wgan_gp.LATENT))
    found = moved_by_gradients(models, lambda: wgan_gp.step(*models, (real, z, between)))
    fresh = wgan_gp.make(dtype="float64")
    for model in fresh:
        model.build()
    g, c = map(weights, fresh)
    start = {path: w.detach().clone() for path, w in c.items()}

    def generated(z):
        h = F.relu(dense(g, "dense2", F.relu(dense(g, "dense1", torch.tensor(z)))))
        return torch.sigmoid(dense(g, "dense3", h))

    def judged(c, x):
        return dense(c, "dense3", torch.tanh(dense(c, "dense2", torch.tanh(dense(c, "dense1", x)))))

    for k in range(5):
        c = {path: w.detach().clone().requires_grad_() for path, w in c.items()}
        fake, right = generated(z[k]).detach(), torch.tensor(real[k])
        x = (fake + torch.tensor(between[k]) * (right - fake)).requires_grad_()
        (dx,) = torch.autograd.grad(judged(c, x).sum(), x, create_graph=True)
        penalty = 10 * ((dx.norm(dim=1) - 1) ** 2).mean()
        (judged(c, fake).mean() - judged(c, right).mean() + penalty).backward()
        c = {path: (w if w.grad is None else w - w.grad).detach() for path, w in c.items()}
    for path, w in c.items():
        np.testing.assert_allclose(found[1][path], start[path] - w, rtol=1e-9, atol=1e-9)
    (-judged(c, generated(z[5])).mean()).backward()
    same(found[0], g)


def test_reinforce():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    policy = reinforce.make(dtype="float64")
    policy.build()
    w = weights(policy)
    states, actions = RNG.normal(size=(9, 4)), RNG.integers(0, 2, 9)
    returns = RNG.normal(size=9)
    found = moved_by_gradients([policy], lambda: reinforce.step(policy, states, actions, returns))
    log_p = F.log_softmax(dense(w, "dense2", F.relu(dense(w, "dense1", torch.tensor(states)))), 1)
    advantages = torch.tensor((returns - returns.mean()) / (returns.std() + 1e-8))
    (-(advantages * log_p[torch.arange(9), torch.tensor(actions)]).mean()).backward()
    same(found[0], w)


def test_reinforce_compiles_few_programs():
    policy, rng = reinforce.make(backend="jax"), np.random.default_rng(0)
    for count in (9, 13, 16):
        reinforce.step(policy, rng.normal(size=(count, 4)), rng.integers(0, 2, count), rng.normal(size=count))
    assert policy.executor.programs <= 1  # another test may have had it compiled


def test_dqn():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    models = dqn.make(dtype="float64")
    for model in models:
        model.build()
    online, target = models
    q, fixed = weights(online), weights(target)
    states, after = RNG.normal(size=(2, 7, 4))
    actions, rewards = RNG.integers(0, 2, 7), 3 * RNG.normal(size=7)
    stands = (RNG.random(7) < 0.5) * 1.0
    batch = states, np.eye(2)[actions], rewards, after, stands
    found = moved_by_gradients([online], lambda: (target.compile(optimizer="sgd"), dqn.step(*models, batch)))

    def value(w, x):
        h = F.relu(dense(w, "dense2", F.relu(dense(w, "dense1", torch.tensor(x)))))
        return dense(w, "dense3", h)

    best = value(q, after).argmax(1)
    wanted = (
        torch.tensor(rewards)
        + 0.99 * torch.tensor(stands) * value(fixed, after)[torch.arange(7), best].detach()
    )
    F.huber_loss(value(q, states)[torch.arange(7), torch.tensor(actions)], wanted).backward()
    same(found[0], q)
    for path, w in fixed.items():
        drawn = w.detach() + dqn.TAU * (torch.tensor(np.array(at(online.params, path))) - w.detach())
        np.testing.assert_allclose(at(target.params, path), drawn, rtol=1e-12)


def test_forward_forward():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    layers = forward_forward.make(dtype="float64")
    for layer in layers:
        layer.build()
    twins = list(map(weights, layers))
    right, wrong = RNG.random((2, 6, 74))
    found = moved_by_gradients(layers, lambda: forward_forward.step(*layers, (right, wrong)))
    pair = torch.tensor(right), torch.tensor(wrong)
    for twin, ours in zip(twins, found, strict=True):
        pair = tuple(F.relu(dense(twin, "dense1", forward_forward.unit(x.detach()))) for x in pair)
        good, bad = ((y**2).mean(1) - forward_forward.THETA for y in pair)
        (F.softplus(-good) + F.softplus(bad)).mean().backward()
        same(ours, twin)


def test_pinn():
    torch = pytest.importorskip("torch")
    model = pinn.make(dtype="float64")
    model.build()
    w, x = weights(model), RNG.uniform(-1, 1, (9, 1))

    def u(x):
        return dense(w, "dense3", torch.tanh(dense(w, "dense2", torch.tanh(dense(w, "dense1", x)))))

    t = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(u(t).sum(), t, create_graph=True)
    (curve,) = torch.autograd.grad(slope.sum(), t, create_graph=True)
    left = curve + torch.pi**2 * torch.sin(torch.pi * t)
    loss = (left**2).mean() + 10 * (u(torch.tensor([[-1.0], [1.0]], dtype=torch.float64)) ** 2).mean()
    loss.backward()
    same(moved_by_gradients([model], lambda: pinn.step(model, x))[0], w)


def gru(w, path, x, h, there=None, back=False):
    """The outputs (n, time, units) of a GRU that carries its state over times that are not there."""
    torch = pytest.importorskip("torch")
    W, U, b, c = (w[(*path, name)] for name in "WUbc")
    u, made = h.shape[1], {}
    for t in reversed(range(x.shape[1])) if back else range(x.shape[1]):
        a, s = x[:, t] @ W + b, h @ U
        z, r = torch.sigmoid(a[:, : 2 * u] + s[:, : 2 * u]).split(u, 1)
        g = torch.tanh(a[:, 2 * u :] + r * (s[:, 2 * u :] + c))
        after = (1 - z) * g + z * h
        h = made[t] = after if there is None else torch.where(there[:, t, None], after, h)
    return torch.stack([made[t] for t in range(x.shape[1])], 1)


def test_seq2seq():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model = seq2seq.make(dtype="float64")
    model.build()
    w, rng = weights(model), np.random.default_rng(3)
    x, y = seq2seq.dates(rng.integers(seq2seq.FIRST, seq2seq.LAST, 5), rng)
    given = {"text": x, "before": seq2seq.before(y)}
    found = moved_by_gradients([model], lambda: model.train_step(given, y))
    there, zero = torch.tensor(x != 0), torch.zeros(5, 32, dtype=torch.float64)
    letters, signs = w["letters", "W"][torch.tensor(x)], w["signs", "W"][torch.tensor(given["before"])]
    ways = [
        gru(w, ("read", name), letters, zero, there, name == "backward") for name in ("forward", "backward")
    ]
    read, counts = torch.cat(ways, 2), there[:, :, None].double()
    written = gru(w, ("write",), signs, (read * counts).sum(1) / counts.sum(1))
    q, v = (s @ w["look", f"W_{n}"] + w["look", f"b_{n}"] for s, n in ((written, "query"), (read, "value")))
    scores = q @ (read @ w["look", "W_key"]).transpose(1, 2) / 8
    seen = torch.softmax(scores.masked_fill(~there[:, None], -torch.inf), 2) @ v
    both = torch.cat([written, seen @ w["look", "W_out"] + w["look", "b_out"]], 2)
    out = dense(w, "next", torch.tanh(dense(w, "hidden", both)))
    F.cross_entropy(out.flatten(0, 1), torch.tensor(y).flatten()).backward()
    same(found[0], w)


def test_what_seq2seq_reads_and_writes():
    rng = np.random.default_rng(0)
    x, y = seq2seq.dates([seq2seq.date(1987, 4, 3).toordinal()] * 60, rng)
    read = {seq2seq.LETTERS.decode(row).rstrip("_") for row in x}
    assert read == {
        *("03 april 1987", "april 03, 1987", "fri 03 apr 1987", "03.04.1987", "04/03/87"),
        "friday, 03 april 1987",
    }
    assert seq2seq.LETTERS.decode(y[0]) == "1987-04-03"
    assert seq2seq.LETTERS.decode(seq2seq.before(y)[0]) == "<1987-04-0"


def test_word_language_model():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model = word_language_model.make(11, dtype="float64", dropout=0.0)
    model.build()
    w, rng = weights(model), np.random.default_rng(3)
    x, y = rng.integers(0, 11, (2, 4, 6))
    found = moved_by_gradients([model], lambda: model.train_step(x, y))
    read = w["words", "W"][torch.tensor(x)]
    h = c = torch.zeros(4, 128, dtype=torch.float64)
    said = []
    for t in range(6):
        i, f, g, o = (read[:, t] @ w["lstm3", "W"] + h @ w["lstm3", "U"] + w["lstm3", "b"]).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        said.append(h @ w["words", "W"].T + w["dense5", "b"])
    F.cross_entropy(torch.stack(said, 1).flatten(0, 1), torch.tensor(y).flatten()).backward()
    same(found[0], w)


def test_what_bigrams_say():
    """By hand: b comes after a twice of three times, and c once; of the kinds of pairs b and c end one each."""
    train, held_out = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1])
    ends = np.array([1, 1, 1]) + 0.5  # b a, a b, a c
    p = (2 - 0.75) / 3 + 0.75 * 2 / 3 * ends[1] / ends.sum()
    assert word_language_model.bigrams(train, held_out, 3) == pytest.approx(1 / p)


def test_short_runs():
    """The same steps on both engines; the other programs in the tests above, and below whole."""
    (online, losses), (compiled, same_losses) = (dqn.train(backend=b, rounds=1) for b in ("numpy", "jax"))
    assert same_losses == pytest.approx(losses, rel=1e-4)
    np.testing.assert_allclose(compiled.get_weights(), online.get_weights(), atol=1e-4)
    assert vae.train(epochs=1)[1][0] == pytest.approx(41.95, abs=0.05)
    assert forward_forward.train(epochs=6)[1] > 0.5
    assert pinn.make().forward([[0.5]]).output.shape == (1, 1)
    reader, right = seq2seq.train(epochs=2, examples=640)
    assert reader.history["loss"][1] < reader.history["loss"][0] < 3.4 and 0 <= right <= 1


def test_a_short_run_of_the_word_language_model(data_folder):
    model, ours, theirs = word_language_model.train(epochs=1, most=7001)
    assert 200 < ours < 1500 and 200 < theirs < 1500 and model.state.step == 10


# --- whole runs, over three seeds ----------------------------------------------------------------------

SEEDS = range(3)
both = pytest.mark.parametrize("backend", ["numpy", "jax"])


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_vae_is_as_good_as_pytorchs(seed, backend):
    torch = pytest.importorskip("torch")
    _, losses = vae.train(seed, backend)
    models = vae.make(seed)
    for model in models:
        model.build()
    twins = tuple(map(weights, models))
    optimizer = torch.optim.Adam([w for twin in twins for w in twin.values()], 0.001, eps=1e-8)
    x, rng = ln.data.load("digits")[0][0].reshape(-1, 8, 8, 1).astype("float32"), np.random.default_rng(seed)
    for _ in range(40):
        order = rng.permutation(len(x))[: len(x) // vae.BATCH * vae.BATCH].reshape(-1, vae.BATCH)
        told = []
        for rows in order:
            noise = torch.tensor(rng.normal(size=(vae.BATCH, vae.CODE)), dtype=torch.float32)
            loss = vae_loss(*twins, torch.tensor(x[rows]), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            told.append(loss.item())
    assert losses[-1] == pytest.approx(np.mean(told), rel=0.05)


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_dcgan_draws_digits(seed, backend):
    (generator, _), _ = dcgan.train(seed, backend)
    found, sure = dcgan.judged(generator)
    assert found >= 7 and sure >= 0.7


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_wgan_gp_draws_like_digits(seed, backend):
    (generator, _), _ = wgan_gp.train(seed, backend)
    assert max(wgan_gp.judged(generator)) < 0.1


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_seq2seq_writes_dates(seed, backend):
    assert seq2seq.train(seed, backend)[1] >= 0.98


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_the_word_language_model_knows_more_than_bigrams(data_folder, seed, backend):
    _, ours, theirs = word_language_model.train(seed, backend)
    assert ours < theirs


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_forward_forward_tells_digits(seed, backend):
    assert forward_forward.train(seed, backend)[1] >= 0.9


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_pinn_finds_the_solution(seed, backend):
    assert pinn.train(seed, backend)[1] <= 0.01


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("program", [reinforce, dqn], ids=["reinforce", "dqn"])
def test_poles_stand(program, seed, backend):
    policy, _ = program.train(seed, backend)
    assert played(lambda states: policy.predict(states).argmax(1), seed) >= 150
