"""An actor-critic (PyTorch's and TensorFlow's examples; Mnih et al. 2016) that balances a pole on a cart.

One network with two outputs: the policy's logits, and the value V of a state. After every 32 moves of 16
poles it makes a step along log p(action) (R - V), and moves V towards R by the Huber loss; R is the sum of
the rewards to come, with V in place of those after the 32 moves. The reward is -1 for a fall, else 0.

Run: python examples/programs/actor_critic.py [--backend jax] [--rounds 400] [--seeds 3] [--first 3]

Judge, fixed before any tuning: for each of 3 seeds the poles of 100 games, played greedily, stand for 195 of
200 steps on average, from which on OpenAI calls the game solved. Seeds 0 to 2 were used for tuning, 3 to 5
are judged.
"""

import argparse

import numpy as np
from cartpole import LIMIT, CartPoles, played

import lucidnet as ln
from lucidnet.layers import Dense, Graph
from lucidnet.losses import CategoricalCrossentropy, Huber
from lucidnet.optimizers.schedules import Cosine

POLES, MOVES, GAMMA = 16, 32, 0.99
ACTOR, CRITIC = CategoricalCrossentropy(from_logits=True), Huber()


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the network: from a state to the logits of the two actions, and a value."""
    layers = [
        ("hidden", Dense(128, "relu"), "state"),
        ("actor", Dense(2), "hidden"),
        ("critic", Dense(1), "hidden"),
    ]
    model = ln.Model(
        Graph({"state": (4,)}, layers, ["actor", "critic"]), seed=seed, dtype=dtype, backend=backend
    )
    model.compile(optimizer=ln.optimizers.Adam(Cosine(0.01, 0.0001, 400)))
    return model


def step(model, batch):
    """Make one step on states, actions (one-hot) and returns; return the critic's loss."""
    states, actions, returns = batch
    tape = model.forward(states, train=True)
    values = tape.output["critic"]
    _, chosen = ACTOR.forward(tape.output["actor"], actions, weights=returns - values[:, 0])
    loss, far = CRITIC.forward(values, returns[:, None])
    slopes = {"actor": ACTOR.backward(chosen), "critic": CRITIC.backward(far)}
    model.apply(tape.backward(slopes, need_dx=False)[1], tape)
    return loss


def moves(model, poles, rng):
    """Move the poles on; return what `step` needs, and how many fell."""
    seen = []
    for _ in range(MOVES):
        states, logits = poles.state, model.predict(poles.state)["actor"]
        actions = (logits[:, 1] - logits[:, 0] > rng.logistic(size=POLES)).astype(int)  # as softmax says
        seen.append((states, np.eye(2)[actions], *poles.step(actions)))
    states, actions, after, fell, late = map(np.stack, zip(*seen, strict=True))
    values = model.predict(after.reshape(-1, 4))["critic"].reshape(MOVES, POLES)
    returns, total = np.zeros((MOVES, POLES)), values[-1]
    for t in reversed(range(MOVES)):
        returns[t] = total = np.where(fell[t], -1, GAMMA * np.where(late[t], values[t], total))
    return (states.reshape(-1, 4), actions.reshape(-1, 2), returns.reshape(-1)), fell.sum()


def train(seed=0, backend="numpy", rounds=400, dtype="float32"):
    """Return the network, and how many poles fell in each round."""
    model, poles, rng = make(seed, backend, dtype), CartPoles(POLES, seed), np.random.default_rng(seed)
    steps, falls = ln.OwnStep(step, model), []
    for _ in range(rounds):
        batch, fell = moves(model, poles, rng)
        steps([batch])
        falls.append(int(fell))
    return model, falls


def judged(model, seed):
    """Return the mean number of steps that a pole stands, over 100 games."""
    return played(lambda states: model.predict(states)["actor"].argmax(1), seed, episodes=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    for seed in range(given.first, given.first + given.seeds):
        model, falls = train(seed, given.backend, given.rounds)
        print(f"seed {seed}: {falls[0]} falls at first; played greedily {judged(model, seed):.1f} of {LIMIT}")
