# lucidnet exercise: rmsprop
import numpy as np


def step(p, g, v, rate, rho, epsilon):
    v_new = rho * v + (1 - rho) * g**2
    p_new = p - rate * g / (np.sqrt(v_new) + epsilon)
    return p_new, v_new
