# lucidnet exercise: momentum
import numpy as np


def step(p, g, v, rate, momentum):
    v_new = momentum * v + g
    p_new = p - rate * v_new
    return p_new, v_new
