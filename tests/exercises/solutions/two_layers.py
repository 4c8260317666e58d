# lucidnet exercise: two-layers
import numpy as np


def backward(x, h, W1, W2, dy):
    db2 = dy.sum(0)
    dW2 = h.T @ dy
    dh = dy @ W2.T
    da = dh * (1 - h**2)
    db1 = da.sum(0)
    dW1 = x.T @ da
    dx = da @ W1.T
    return dx, dW1, db1, dW2, db2
