# lucidnet exercise: clipping
import numpy as np


def clip(dW, db, limit):
    norm = np.sqrt((dW**2).sum() + (db**2).sum())
    factor = min(1.0, limit / norm)
    return dW * factor, db * factor
