# lucidnet exercise: kolen-pollack
import numpy as np


def step(W, B, g, rate, decay):
    W_new = W - rate * (g + decay * W)
    B_new = B - rate * (g + decay * B)
    return W_new, B_new
