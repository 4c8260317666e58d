# lucidnet exercise: adam
import numpy as np


def step(p, g, m, v, t, rate, beta1, beta2, epsilon):
    m_new = beta1 * m + (1 - beta1) * g
    v_new = beta2 * v + (1 - beta2) * g**2
    mc = m_new / (1 - beta1**t)
    vc = v_new / (1 - beta2**t)
    p_new = p - rate * mc / (np.sqrt(vc) + epsilon)
    return p_new, m_new, v_new
