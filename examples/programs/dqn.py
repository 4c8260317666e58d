"""A deep Q-network (Mnih et al. 2015; PyTorch's "DQN Tutorial") that balances a pole on a cart.

Q(s, a) is moved towards r + g Q'(s', argmax Q(s', .)) by the Huber loss (van Hasselt et al. 2016), on moves
from a memory; the reward is -1 for a fall, else 0. Q' follows Q by ``copy_weights(..., tau=0.005)``.

Run: python examples/programs/dqn.py [--backend jax] [--rounds 200] [--seeds 3] [--first 3]

Judge, fixed before any tuning: for each of 3 seeds the poles of 20 games, played greedily, stand for 150 of
200 steps on average. Seeds 0 to 2 were also used for tuning, so they prove little: it was judged anew on 3 to
5, with nothing changed since.
"""

import argparse

import numpy as np
from cartpole import LIMIT, CartPoles, played

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import Dense, Input
from lucidnet.optimizers.schedules import Cosine

BATCH, GAMMA, TAU, EVERY, KEPT = 64, 0.99, 0.01, 64, 60_000


def make(seed=0, backend="numpy", dtype="float32"):
    """Return Q and Q', which starts as a copy of Q."""
    layers = [Input(4), Dense(64, "relu"), Dense(64, "relu"), Dense(2)]
    models = [ln.Model(layers, seed=seed, dtype=dtype, backend=backend) for _ in range(2)]
    for model in models:
        model.compile(optimizer=ln.optimizers.Adam(Cosine(0.001, 0.00002, 200 * EVERY)))
    return tuple(models)


def step(online, target, batch):
    """Make one step on moves (state, one-hot action, reward, next state, whether the pole still stands)."""
    states, actions, rewards, after, stands = batch
    xp = namespace(states)
    best = online.forward(after).output.argmax(1)
    wanted = rewards + GAMMA * stands * target.forward(after).output[xp.arange(len(best)), best]
    tape = online.forward(states, train=True)
    gap = xp.vecdot(tape.output, actions) - wanted
    slope = gap.clip(-1, 1)  # of the Huber loss
    online.apply(tape.backward(actions * (slope / len(gap))[:, None], need_dx=False)[1], tape)
    target.copy_weights(online, tau=TAU)
    return slope @ (gap - slope / 2) / len(gap)  # gap^2 / 2 up to 1, then |gap| - 1/2


def train(seed=0, backend="numpy", rounds=200, dtype="float32"):
    """Return Q, and the mean loss of each round of 64 moves of 4 poles, with a step after each move."""
    models, rng, poles = make(seed, backend, dtype), np.random.default_rng(seed), CartPoles(4, seed)
    steps, memory, losses = ln.OwnStep(step, *models), [], []
    for number in range(rounds):
        explore = 0.05 + 0.85 * np.exp(-number / (rounds / 5))
        for _ in range(EVERY):
            states, best = poles.state, models[0].predict(poles.state).argmax(1)
            actions = np.where(rng.random(4) < explore, rng.integers(0, 2, 4), best)
            after, fell, _ = poles.step(actions)
            memory += zip(states, np.eye(2)[actions], -1.0 * fell, after, 1.0 - fell, strict=True)
        memory = memory[-KEPT:]
        drawn = rng.integers(0, len(memory), (EVERY, BATCH))
        told = steps(tuple(map(np.array, zip(*(memory[k] for k in rows), strict=True))) for rows in drawn)
        losses.append(float(np.mean(told)))
    return models[0], losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    for seed in range(given.first, given.first + given.seeds):
        online, losses = train(seed, given.backend, given.rounds)
        mean = played(lambda states, online=online: online.predict(states).argmax(1), seed)
        print(f"seed {seed}: loss {losses[-1]:.3f}; played greedily {mean:.0f} of {LIMIT} steps")
