"""REINFORCE (Williams 1992; PyTorch's example of that name) that balances a pole on a cart.

The gradient of the expected return is the mean of (return - mean return) times that of log p(action):
negative weights of examples, as `fit` and `train_step` take them.

Run: python examples/programs/reinforce.py [--backend jax] [--rounds 60] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds the poles of 20 games, played greedily, stand for 150 of
200 steps on average.
"""

import argparse

import numpy as np
from cartpole import LIMIT, CartPoles, played

import lucidnet as ln
from lucidnet.layers import Dense, Input

POLES, GAMMA = 16, 0.99


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the policy: from a state to the probabilities of the two actions."""
    policy = ln.Model(
        [Input(4), Dense(64, "relu"), Dense(2, "softmax")], seed=seed, dtype=dtype, backend=backend
    )
    policy.compile("categorical_crossentropy", ln.optimizers.Adam(0.01))
    return policy


def games(policy, seed):
    """Play one game with each of several poles; return the states, actions, and returns."""
    poles, rng = CartPoles(POLES, seed), np.random.default_rng(seed)
    going, seen = np.ones(POLES, bool), []
    while going.any():
        states = poles.state
        actions = (rng.random(POLES) < policy.predict(states)[:, 1]).astype(int)
        _, fell, late = poles.step(actions)
        seen.append((states, actions, going.copy()))
        going &= ~(fell | late)
    states, actions, there = (np.stack(part) for part in zip(*seen, strict=True))
    returns, total = np.zeros(there.shape), np.zeros(POLES)
    for t in reversed(range(len(there))):
        returns[t] = total = there[t] + GAMMA * total * there[t]
    return states[there], actions[there], returns[there]


def step(policy, states, actions, returns):
    """Make one step up the expected return: the loss is the mean of advantage times -log p(action).

    JAX compiles a program for each number of rows. Padding with rows of weight 0 leaves few: powers of two.
    """
    advantages, count = (returns - returns.mean()) / (returns.std() + 1e-8), len(returns)
    size = 1 << (count - 1).bit_length()
    states, actions, weights = (
        np.concatenate([rows, np.zeros_like(rows, shape=(size - count, *rows.shape[1:]))])
        for rows in (states, actions, advantages * (size / count))  # the mean is over all rows
    )
    return policy.train_step(states, actions, sample_weight=weights).loss


def train(seed=0, backend="numpy", rounds=60, dtype="float32"):
    """Return a policy, and the mean number of steps that a pole stood in each round."""
    policy, lasted = make(seed, backend, dtype), []
    for number in range(rounds):
        states, actions, returns = games(policy, 1000 * seed + number)
        step(policy, states, actions, returns)
        lasted.append(len(states) / POLES)
    return policy, lasted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        policy, lasted = train(seed, given.backend, given.rounds)
        mean = played(lambda states, policy=policy: policy.predict(states).argmax(1), seed)
        print(f"seed {seed}: {lasted[0]:.0f} steps at first; played greedily {mean:.0f} of {LIMIT}")
