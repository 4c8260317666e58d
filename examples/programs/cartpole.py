"""A pole on a cart (Barto, Sutton and Anderson 1983), with the constants of OpenAI's CartPole-v0.

Two actions push the cart left or right with 10 N; a reward of 1 for each step until the pole leans by more
than 12 degrees, the cart leaves [-2.4, 2.4], or 200 steps are over.
"""

import numpy as np

GRAVITY, CART, POLE, HALF, FORCE, TAU, LIMIT = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02, 200


class CartPoles:
    """Several poles side by side; one that falls, or runs out of time, starts again.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Of the random starts.
    """

    def __init__(self, count, seed):
        self.rng = np.random.default_rng(seed)
        self.state = self._fresh(count)
        self.age = np.zeros(count, int)

    def _fresh(self, count):
        return self.rng.uniform(-0.05, 0.05, (count, 4))

    def step(self, actions):
        """Push the carts; return the next states, which poles fell, and which ran out of time.

        The states returned are those before any new start; `state` holds those after it.
        """
        x, v, angle, turn = self.state.T
        force = np.where(np.asarray(actions) == 1, FORCE, -FORCE)
        total, sine, cosine = CART + POLE, np.sin(angle), np.cos(angle)
        push = (force + POLE * HALF * turn**2 * sine) / total
        bend = (GRAVITY * sine - cosine * push) / (HALF * (4 / 3 - POLE * cosine**2 / total))
        speed = push - POLE * HALF * bend * cosine / total
        after = np.stack([x + TAU * v, v + TAU * speed, angle + TAU * turn, turn + TAU * bend], 1)
        self.age += 1
        fell = (np.abs(after[:, 0]) > 2.4) | (np.abs(after[:, 2]) > np.deg2rad(12))
        late = ~fell & (self.age >= LIMIT)
        over = fell | late
        self.state = np.where(over[:, None], self._fresh(len(after)), after)
        self.age = np.where(over, 0, self.age)
        return after, fell, late


def played(choose, seed, episodes=20):
    """Return the mean number of steps that poles stand if a function of the states chooses the pushes."""
    poles, lasted, going = CartPoles(episodes, seed), np.zeros(episodes), np.ones(episodes, bool)
    while going.any():
        lasted += going
        _, fell, late = poles.step(choose(poles.state))
        going &= ~(fell | late)
    return float(lasted.mean())
