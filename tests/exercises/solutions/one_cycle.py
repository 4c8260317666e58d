# lucidnet exercise: one-cycle
import numpy as np


def rate(step, steps, warmup, peak, low, last):
    if step <= warmup:
        begin, end, s = low, peak, step / warmup
    else:
        begin, end, s = peak, last, (step - warmup) / (steps - 1 - warmup)
    return begin + (end - begin) * (1 - np.cos(np.pi * s)) / 2
