# lucidnet exercise: recurrent
import numpy as np


def backward(x, h, W, U, dh):
    n, times, units = h.shape
    dx, dW, dU, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(U.shape), np.zeros(units)
    back = np.zeros((n, units))
    for t in reversed(range(times)):
        da = (dh[:, t] + back) * (1 - h[:, t] ** 2)
        db += da.sum(0)
        dW += x[:, t].T @ da
        if t > 0:
            dU += h[:, t - 1].T @ da
        dx[:, t] = da @ W.T
        back = da @ U.T
    return dx, dW, dU, db
