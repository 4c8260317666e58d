# lucidnet exercise: sign-symmetry
import numpy as np


def backward(W, B, dy):
    V = np.abs(B) * np.sign(W)
    dx = dy @ V.T
    return dx, V
