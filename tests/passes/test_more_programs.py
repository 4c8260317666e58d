"""More of examples/programs: each step's gradients are PyTorch's; short runs on both engines, whole ones for `slow`."""

import sys
from pathlib import Path

import numpy as np
import pytest
from test_programs import conv, dense, moved_by_gradients, same, weights

from lucidnet import OwnStep

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "programs"))

import actor_critic
import cartpole
import dcgan
import ddpm
import distillation
import dqn
import forward_forward
import maml
import pinn
import reinforce
import vae
import wgan_gp

RNG = np.random.default_rng(7)


def built(model):
    """A model with weights, and these as tensors."""
    model.build()
    return model, weights(model)


def test_actor_critic():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model, w = built(actor_critic.make(dtype="float64"))
    states, actions, returns = RNG.normal(size=(9, 4)), RNG.integers(0, 2, 9), 2 * RNG.normal(size=9)
    told = []
    batch = states, np.eye(2)[actions], returns
    found = moved_by_gradients([model], lambda: told.append(actor_critic.step(model, batch)))
    hidden, wanted = F.relu(dense(w, "hidden", torch.tensor(states))), torch.tensor(returns)
    log_p = F.log_softmax(dense(w, "actor", hidden), 1)[torch.arange(9), torch.tensor(actions)]
    value = dense(w, "critic", hidden)[:, 0]
    far = F.huber_loss(value, wanted)
    (far - (log_p * (wanted - value.detach())).mean()).backward()
    assert float(told[0]) == pytest.approx(far.item(), rel=1e-10)
    assert 0 < float((np.abs(returns - value.detach().numpy()) > 1).mean()) < 1  # both sides of the loss
    same(found[0], w)


def test_returns_end_where_a_pole_falls_and_go_on_where_its_time_is_over(monkeypatch):
    monkeypatch.setattr(actor_critic, "MOVES", 25)
    monkeypatch.setattr(cartpole, "LIMIT", 12)
    model, rng = actor_critic.make(dtype="float64"), np.random.default_rng(0)
    poles = cartpole.CartPoles(16, 3)
    state, seen, step = poles.state, [], poles.step
    monkeypatch.setattr(poles, "step", lambda actions: seen.append(step(actions)) or seen[-1])
    (states, _, returns), fallen = actor_critic.moves(model, poles, rng)
    np.testing.assert_array_equal(states[:16], state)
    assert sum(fell.sum() for _, fell, _ in seen) == fallen > 0
    assert sum(late.sum() for _, _, late in seen) > 0
    for pole in range(16):  # forwards, in the words of the docstring
        for t in range(25):
            worth, there, k = 0.0, 1.0, t
            while True:
                after, fell, late = seen[k]
                if fell[pole]:
                    worth -= there
                    break
                there *= actor_critic.GAMMA
                k += 1
                if late[pole] or k == 25:
                    break
            if not fell[pole]:
                worth += there * model.predict(after[pole : pole + 1])["critic"][0, 0]
            assert returns.reshape(25, 16)[t, pole] == pytest.approx(worth)


def test_ddpm():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model, w = built(ddpm.make(dtype="float64"))
    x, noise, times = *RNG.normal(size=(2, 6, 2)), np.array([0, 3, 20, 50, 98, 99])
    told = []
    found = moved_by_gradients([model], lambda: told.append(ddpm.step(model, (x, noise, times))))
    kept = torch.cumprod(1 - torch.linspace(1e-3, 0.2, ddpm.TIMES, dtype=torch.float64), 0)[times][:, None]
    noisy = kept.sqrt() * torch.tensor(x) + (1 - kept).sqrt() * torch.tensor(noise)
    h = torch.cat([noisy, torch.tensor(ddpm.CLOCK[times])], 1)
    for name in ("dense1", "dense2", "dense3"):
        h = F.relu(dense(w, name, h))
    loss = F.mse_loss(dense(w, "dense4", h), torch.tensor(noise))
    loss.backward()
    assert float(told[0]) == pytest.approx(loss.item(), rel=1e-10)
    same(found[0], w)


def test_points_are_made_of_noise_by_a_network_that_knows_it():
    """With the exact answer for points that are normal, N(m, s^2), what is made is distributed like them."""
    mean, scale = np.array([0.5, -0.2]), np.array([0.3, 0.6])

    class Exact:
        def predict(self, given):
            x, clock = given[:, :2], given[0, 2:]
            kept = ddpm.KEPT[np.abs(ddpm.CLOCK - clock).sum(1).argmin()]
            return (1 - kept) ** 0.5 * (x - kept**0.5 * mean) / (kept * scale**2 + 1 - kept)

    made = ddpm.sampled(Exact(), 3000)
    np.testing.assert_allclose(made.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(made.std(0), scale, rtol=0.06)
    assert ddpm.judged(made[:500]) > 0.75
    assert 0.4 < ddpm.judged(ddpm.ln.data.moons(500, seed=1)[0]) < 0.6


def test_distillation():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    student, s = built(distillation.make(distillation.STUDENT, 0.1, dtype="float64"))
    teacher, t = built(distillation.make(distillation.TEACHER, 0.1, 1, dtype="float64"))
    x, labels = RNG.random((6, 8, 8, 1)), RNG.integers(0, 10, 6)
    told, before = [], {path: w.detach().clone() for path, w in t.items()}

    def of_student(h):
        return dense(s, "logits", F.relu(dense(s, "dense3", F.relu(dense(s, "dense2", h.flatten(1))))))

    def of_teacher(h):
        h = F.max_pool2d(F.relu(conv(t, "conv2d1", h.permute(0, 3, 1, 2), 1)), 2)
        return dense(t, "logits", F.relu(conv(t, "conv2d3", h, 1)).permute(0, 2, 3, 1).flatten(1)).detach()

    batch = x, np.eye(10)[labels]
    found = moved_by_gradients([student], lambda: told.append(distillation.step(student, teacher, batch)))
    logits, heat = of_student(torch.tensor(x)), distillation.TEMPERATURE
    hard = F.cross_entropy(logits, torch.tensor(labels))
    wanted = F.log_softmax(of_teacher(torch.tensor(x)) / heat, 1)
    soft = F.kl_div(F.log_softmax(logits / heat, 1), wanted, reduction="batchmean", log_target=True)
    share = distillation.LABELS
    (share * hard + (1 - share) * heat**2 * soft).backward()
    np.testing.assert_allclose(told[0], (hard.item(), heat**2 * soft.item()), rtol=1e-8)
    same(found[0], s)
    for path, w in weights(teacher).items():
        np.testing.assert_array_equal(w.detach(), before[path])


def test_maml():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model, w = built(maml.make(dtype="float64"))
    x, y = maml.waves(RNG, 3)
    told = []
    found = moved_by_gradients([model], lambda: told.append(maml.step(model, (x, y))))

    def output(w, x):
        return dense(w, "dense3", F.relu(dense(w, "dense2", F.relu(dense(w, "dense1", x)))))

    loss = 0.0
    for points, values in zip(torch.tensor(x), torch.tensor(y), strict=True):
        inner = F.mse_loss(output(w, points[:10]), values[:10])
        slopes = torch.autograd.grad(inner, list(w.values()), create_graph=True)
        after = {path: a - 0.01 * g for (path, a), g in zip(w.items(), slopes, strict=True)}
        loss = loss + F.mse_loss(output(after, points[10:]), values[10:]) / 3
    loss.backward()
    assert float(told[0]) == pytest.approx(loss.item(), rel=1e-10)
    same(found[0], w)
    assert max(float(np.abs(a).max()) for a in found[0].values()) > 1e-3


def few_steps(step, models, *shapes):
    """Some models after three steps on small batches of random numbers, and what they told."""
    rng = np.random.default_rng(0)
    batches = [tuple(rng.normal(size=(8, *shape)) for shape in shapes) for _ in range(3)]
    return models, OwnStep(step, *models)(batches)


def taught(backend):
    """A student and a teacher that has not learnt anything, after some steps."""
    pairs = (distillation.STUDENT, distillation.TEACHER)
    models = tuple(distillation.make(body, 0.003, k, backend, "float64") for k, body in enumerate(pairs))
    return few_steps(distillation.step, models, (8, 8, 1), (10,))


SHORT = {  # what was trained, and what it told
    "vae": lambda backend: few_steps(vae.step, vae.make(0, backend, "float64"), (8, 8, 1), (vae.CODE,)),
    "dcgan": lambda backend: few_steps(
        dcgan.step, dcgan.make(0, backend, "float64"), (8, 8, 1), (dcgan.LATENT,)
    ),
    "wgan_gp": lambda backend: wgan_gp.train(backend=backend, epochs=1, dtype="float64"),
    "reinforce": lambda backend: reinforce.train(backend=backend, rounds=2, dtype="float64"),
    "forward_forward": lambda backend: forward_forward.train(backend=backend, epochs=1, dtype="float64"),
    "pinn": lambda backend: pinn.train(backend=backend, steps=100, dtype="float64"),
    "distillation": taught,
    "actor_critic": lambda backend: actor_critic.train(backend=backend, rounds=2, dtype="float64"),
    "ddpm": lambda backend: ddpm.train(backend=backend, epochs=2, dtype="float64"),
    "maml": lambda backend: maml.train(backend=backend, steps=100, dtype="float64"),
}


LONG_TO_COMPILE = "vae", "dcgan"  # their convolutions, both ways


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG_TO_COMPILE else n for n in SHORT]
)
def test_short_runs(name):
    """The first steps are the same on both engines, and are made."""
    (ours, told), (compiled, on_jax) = map(SHORT[name], ("numpy", "jax"))
    np.testing.assert_allclose(on_jax, told, rtol=1e-6)
    both = (made if isinstance(made, tuple) else (made,) for made in (ours, compiled))
    for a, b in zip(*both, strict=True):
        np.testing.assert_allclose(b.get_weights(), a.get_weights(), atol=1e-6)
    assert any(model.state.step > 0 for model in (ours if isinstance(ours, tuple) else (ours,)))


# --- whole runs, over three seeds that nothing was tuned with -------------------------------------------

SEEDS = range(3, 6)
both = pytest.mark.parametrize("backend", ["numpy", "jax"])


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_actor_critic_solves_the_game(seed, backend):
    model, _ = actor_critic.train(seed, backend)
    assert actor_critic.judged(model, seed) >= 195


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_ddpm_makes_points_like_those_of_the_data(seed, backend):
    model, _ = ddpm.train(seed, backend)
    assert ddpm.judged(ddpm.sampled(model, seed=seed), seed) <= 0.6


@pytest.mark.slow
@both
def test_who_has_a_teacher_learns_more(backend):
    _, student, alone = np.transpose([distillation.train(seed, backend) for seed in SEEDS])
    assert (student > alone).all()
    assert (student - alone).mean() >= 0.005


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_maml_learns_waves_in_one_step(seed, backend):
    model, _ = maml.train(seed, backend)
    _, after_one, after_ten = maml.judged(model, seed)
    assert after_one <= 0.6 and after_ten <= 0.3


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", SEEDS)
def test_dqn_balances_poles_on_seeds_that_it_was_not_tuned_with(seed, backend):
    model, _ = dqn.train(seed, backend)
    assert cartpole.played(lambda states: model.predict(states).argmax(1), seed) >= 150
