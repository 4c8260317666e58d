"""The formulas of the reference, as Python: `typeset` sets them, and tests/test_formulas.py computes them.

Each entry has the forward pass (or the value, the step, the update) and the gradient, each as lines. Names
are those of the settings and parameters. ``dW`` is the gradient of the loss by W, ``dy_dx`` a derivative,
``sum_j`` a sum over an index, ``h_p`` the state of the time step before. A line with braces or a backslash is
LaTeX as it stands, where windows of images and the like are no Python that one would want to read.
"""

from __future__ import annotations

from typing import NamedTuple


class Formula(NamedTuple):
    """What a class computes, its gradient, and where both come from, if the docstring does not say so."""

    value: str
    gradient: str = ""
    source: str = ""

    @property
    def lines(self) -> tuple[list[str], list[str]]:
        """The statements of the value and of the gradient."""
        return split(self.value), split(self.gradient)


def split(text: str) -> list[str]:
    """Return the lines of a text, without what is around them."""
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


GOODFELLOW = "Goodfellow, Bengio & Courville 2016, *Deep Learning*, section "
CONVOLVED = GOODFELLOW + "9.1, equation 9.6; its gradients: section 9.5"
BISHOP = "Bishop 2006, *Pattern Recognition and Machine Learning*, "

NORMED = """
    h = (x - m) * s
    y = gamma * h + beta
"""

ACTIVATIONS = {
    "Abs": Formula("y = abs(x)", "dy_dx = sign(x)", GOODFELLOW + "6.3.1"),
    "ELU": Formula(
        "y = where(x > 0, x, alpha * (exp(x) - 1))",
        "dy_dx = where(x > 0, 1, y + alpha)",
    ),
    "Exponential": Formula(
        "y = exp(x)",
        "dy_dx = y",
        "the inverse of a log link: McCullagh & Nelder 1989, *Generalized Linear Models*",
    ),
    "GELU": Formula("y = x * Phi(x)", "dy_dx = Phi(x) + x * phi(x)"),
    "HardSigmoid": Formula(
        "y = min(max(x + 3, 0), 6) / 6",
        "dy_dx = where(abs(x) < 3, 1 / 6, 0)",
    ),
    "LeakyReLU": Formula(
        "y = where(x > 0, x, negative_slope * x)", "dy_dx = where(x > 0, 1, negative_slope)"
    ),
    "Linear": Formula("y = x", "dy_dx = 1", GOODFELLOW + "6.2.2.1"),
    "Mish": Formula(
        """
        w = tanh(softplus(x))
        y = x * w
        """,
        "dy_dx = w + x * (1 - w**2) * sigmoid(x)",
    ),
    "ReLU": Formula("y = max(x, 0)", "dy_dx = where(x > 0, 1, 0)"),
    "SELU": Formula(
        "y = where(x > 0, s * x, s * a * (exp(x) - 1))",
        "dy_dx = where(x > 0, s, y + s * a)",
    ),
    "SiLU": Formula("y = x * sigmoid(x)", "dy_dx = sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x))"),
    "Sigmoid": Formula("y = 1 / (1 + exp(-x))", "dy_dx = y * (1 - y)", BISHOP + "equations 4.59 and 4.88"),
    "Softplus": Formula(
        "y = log(1 + exp(x))",
        "dy_dx = sigmoid(x)",
        "Dugas et al. 2001; " + GOODFELLOW + "3.10, equation 3.31",
    ),
    "Softsign": Formula(
        "y = x / (1 + abs(x))", "dy_dx = 1 / (1 + abs(x))**2", "Bergstra et al. 2009; Glorot & Bengio 2010"
    ),
    "Tanh": Formula("y = tanh(x)", "dy_dx = 1 - y**2", BISHOP + "equations 5.59 and 5.60"),
}
"""Of single numbers."""

WHOLE = {
    "Add": Formula("y = f(x) + g(x)", "df = dy\ndg = dy", "as in He et al. 2016, equation 1"),
    "Average": Formula("y = (f(x) + g(x)) / k", "df = dy / k\ndg = dy / k", "the mean of k branches"),
    "AveragePooling1D": Formula(
        r"y_{t,c} = \frac{1}{\left|w_t\right|}\sum_{u \in w_t} x_{u,c}",
        r"\mathrm{d}x_{u,c} = \sum_{t:\,u \in w_t} \frac{\mathrm{d}y_{t,c}}{\left|w_t\right|}",
    ),
    "AveragePooling2D": Formula(
        r"y_{p,c} = \frac{1}{\left|w_p\right|}\sum_{q \in w_p} x_{q,c}",
        r"\mathrm{d}x_{q,c} = \sum_{p:\,q \in w_p} \frac{\mathrm{d}y_{p,c}}{\left|w_p\right|}",
    ),
    "BatchNormalization": Formula(
        f"""
        m = mean_n(x)
        s = 1 / sqrt(mean_n((x - m)**2) + epsilon)
        {NORMED}
        """,
        """
        dgamma = sum_n(dy * h)
        dbeta = sum_n(dy)
        dx = gamma * s * (dy - (dbeta + h * dgamma) / N)
        """,
    ),
    "Bidirectional": Formula(
        r"y_t = \left[\overrightarrow{f}(x)_t,\; \overleftarrow{g}(x)_t\right]",
        r"\mathrm{d}x = \overrightarrow{f}'^{\top}\,\mathrm{d}y_{\to} + \overleftarrow{g}'^{\top}\,\mathrm{d}y_{\gets}",
    ),
    "Concatenate": Formula("y = [f(x), g(x)]", "[df, dg] = dy", "Szegedy et al. 2015, *Going deeper with convolutions*, joins branches so"),
    "Conv1D": Formula(
        r"y_{t,f} = \sum_{u,c} x_{st+u,\,c}\, W_{u,c,f} + b_f",
        r"""
        \mathrm{d}W_{u,c,f} = \sum_{n,t} x_{st+u,\,c}\, \mathrm{d}y_{t,f}
        \mathrm{d}b_f = \sum_{n,t} \mathrm{d}y_{t,f}
        \mathrm{d}x_{r,c} = \sum_{t,u:\,st+u=r} \sum_f W_{u,c,f}\, \mathrm{d}y_{t,f}
        """,
        CONVOLVED,
    ),
    "Conv2D": Formula(
        r"y_{i,j,f} = \sum_{u,v,c} x_{si+u,\,sj+v,\,c}\, W_{u,v,c,f} + b_f",
        r"""
        \mathrm{d}W_{u,v,c,f} = \sum_{n,i,j} x_{si+u,\,sj+v,\,c}\, \mathrm{d}y_{i,j,f}
        \mathrm{d}b_f = \sum_{n,i,j} \mathrm{d}y_{i,j,f}
        \mathrm{d}x_{p,q,c} = \sum_{si+u=p} \sum_{sj+v=q} \sum_f W_{u,v,c,f}\, \mathrm{d}y_{i,j,f}
        """,
        CONVOLVED,
    ),
    "Conv1DTranspose": Formula(
        r"y_{r,f} = \sum_{t,u:\,st+u=r} \sum_c x_{t,c}\, W_{u,f,c} + b_f",
        r"""
        \mathrm{d}W_{u,f,c} = \sum_{n,t} x_{t,c}\, \mathrm{d}y_{st+u,\,f}
        \mathrm{d}b_f = \sum_{n,r} \mathrm{d}y_{r,f}
        \mathrm{d}x_{t,c} = \sum_{u,f} W_{u,f,c}\, \mathrm{d}y_{st+u,\,f}
        """,
        "Dumoulin & Visin 2016, *A guide to convolution arithmetic for deep learning*, chapter 4",
    ),
    "Conv2DTranspose": Formula(
        r"y_{p,q,f} = \sum_{si+u=p} \sum_{sj+v=q} \sum_c x_{i,j,c}\, W_{u,v,f,c} + b_f",
        r"""
        \mathrm{d}W_{u,v,f,c} = \sum_{n,i,j} x_{i,j,c}\, \mathrm{d}y_{si+u,\,sj+v,\,f}
        \mathrm{d}b_f = \sum_{n,p,q} \mathrm{d}y_{p,q,f}
        \mathrm{d}x_{i,j,c} = \sum_{u,v,f} W_{u,v,f,c}\, \mathrm{d}y_{si+u,\,sj+v,\,f}
        """,
        "Dumoulin & Visin 2016, *A guide to convolution arithmetic for deep learning*, chapter 4",
    ),
    "ConvLSTM2D": Formula(
        r"""
        \left[i, f, g, o\right] = x_t * W + h_{t-1} * U + b
        c_t = \sigma(f)\, c_{t-1} + \sigma(i)\tanh(g)
        h_t = \sigma(o)\tanh(c_t)
        """,
        r"\mathrm{d}h_{t-1} = \mathrm{d}z_t * U^{\top},\quad \mathrm{d}x_t = \mathrm{d}z_t * W^{\top}",
    ),
    "Cropping1D": Formula(r"y_t = x_{t+a}", r"\mathrm{d}x_{t+a} = \mathrm{d}y_t,\ \text{0 elsewhere}", "a slice; no paper"),
    "Cropping2D": Formula(
        r"y_{i,j} = x_{i+a,\,j+b}", r"\mathrm{d}x_{i+a,\,j+b} = \mathrm{d}y_{i,j},\ \text{0 elsewhere}", "a slice; no paper"
    ),
    "Dense": Formula(
        """
        z = x @ W + b
        y = f(z)
        """,
        """
        dz = dy * df(z)
        dW = x.T @ dz
        db = sum_n(dz)
        dx = dz @ W.T
        """,
    ),
    "DepthwiseConv1D": Formula(
        r"y_{t,cm} = \sum_u x_{st+u,\,c}\, W_{u,c,m} + b_{cm}",
        r"""
        \mathrm{d}W_{u,c,m} = \sum_{n,t} x_{st+u,\,c}\, \mathrm{d}y_{t,cm}
        \mathrm{d}x_{r,c} = \sum_{st+u=r} \sum_m W_{u,c,m}\, \mathrm{d}y_{t,cm}
        """,
        "Howard et al. 2017, *MobileNets*, equation 3, of one axis",
    ),
    "DepthwiseConv2D": Formula(
        r"y_{i,j,cm} = \sum_{u,v} x_{si+u,\,sj+v,\,c}\, W_{u,v,c,m} + b_{cm}",
        r"""
        \mathrm{d}W_{u,v,c,m} = \sum_{n,i,j} x_{si+u,\,sj+v,\,c}\, \mathrm{d}y_{i,j,cm}
        \mathrm{d}x_{p,q,c} = \sum_{si+u=p} \sum_{sj+v=q} \sum_m W_{u,v,c,m}\, \mathrm{d}y_{i,j,cm}
        """,
        "Howard et al. 2017, *MobileNets*, equation 3",
    ),
    "Dot": Formula("y = sum_k(f_k * g_k)", "df = dy * g\ndg = dy * f", "the scalar product; no paper"),
    "Dropout": Formula("y = x * m / (1 - rate)", "dx = dy * m / (1 - rate)"),
    "Embedding": Formula(
        r"y = W_{x}", r"\mathrm{d}W_{i} = \sum_{x = i} \mathrm{d}y"
    ),
    "Flatten": Formula(
        r"y_{iC + c} = x_{i,c}", r"\mathrm{d}x_{i,c} = \mathrm{d}y_{iC + c}", "another shape of the same numbers; no paper"
    ),
    "Function": Formula(r"y = f(x)", r"\mathrm{d}x = f'(x)^{\top}\,\mathrm{d}y", "the chain rule"),
    "GRU": Formula(
        """
        z = sigmoid(x_t @ W_z + h_p @ U_z + b_z)
        r = sigmoid(x_t @ W_r + h_p @ U_r + b_r)
        q = h_p @ U_g + c
        g = tanh(x_t @ W_g + b_g + r * q)
        h_t = (1 - z) * g + z * h_p
        """,
        """
        da = dh_t * (1 - z) * (1 - g**2)
        dz_t = [dh_t * (h_p - g) * z * (1 - z), da * q * r * (1 - r), da]
        ds_t = [dh_t * (h_p - g) * z * (1 - z), da * q * r * (1 - r), r * da]
        dh_p = dh_t * z + ds_t @ U.T
        dx_t = dz_t @ W.T
        dW = dW + x_t.T @ dz_t
        dU = dU + h_p.T @ ds_t
        db = db + sum_n(dz_t)
        dc = dc + sum_n(r * da)
        """,
    ),
    "GaussianNoise": Formula("y = x + deviation * xi", "dx = dy"),
    "GlobalAveragePooling1D": Formula("y = mean_t(x)", "dx = dy / T"),
    "GlobalAveragePooling2D": Formula(
        r"y_c = \frac{1}{HW}\sum_{i,j} x_{i,j,c}", r"\mathrm{d}x_{i,j,c} = \frac{1}{HW}\,\mathrm{d}y_c"
    ),
    "GlobalMaxPooling1D": Formula(
        r"y_c = \max_t x_{t,c}", r"\mathrm{d}x_{t,c} = \mathrm{d}y_c\ \text{at the first maximum, else}\ 0",
        "Collobert et al. 2011, *Natural language processing (almost) from scratch*",
    ),
    "GlobalMaxPooling2D": Formula(
        r"y_c = \max_{i,j} x_{i,j,c}", r"\mathrm{d}x_{i,j,c} = \mathrm{d}y_c\ \text{at the first maximum, else}\ 0",
        "Oquab et al. 2015, *Is object localization for free?*",
    ),
    "Graph": Formula(
        r"y_k = f_k(y_j,\ j \in \text{sources of}\ k)",
        r"\mathrm{d}y_j = \sum_k \left(\frac{\partial f_k}{\partial y_j}\right)^{\top} \mathrm{d}y_k",
        "the chain rule: Werbos 1974",
    ),
    "GroupNormalization": Formula(
        f"""
        s = 1 / sqrt(mean_g((x - m)**2) + epsilon)
        {NORMED}
        """,
        """
        dgamma = sum_n(dy * h)
        dbeta = sum_n(dy)
        dx = s * (gamma * dy - (sum_g(gamma * dy) + h * sum_g(gamma * dy * h)) / N)
        """,
    ),
    "Input": Formula("y = x", "dx = dy", "what comes in; no paper"),
    "LSTM": Formula(
        """
        i = sigmoid(x_t @ W_i + h_p @ U_i + b_i)
        f = sigmoid(x_t @ W_f + h_p @ U_f + b_f)
        g = tanh(x_t @ W_g + h_p @ U_g + b_g)
        o = sigmoid(x_t @ W_o + h_p @ U_o + b_o)
        c_t = f * c_p + i * g
        h_t = o * tanh(c_t)
        """,
        """
        dc = dc_t + dh_t * o * (1 - tanh(c_t)**2)
        dz_t = [dc * g * i * (1 - i), dc * c_p * f * (1 - f), dc * i * (1 - g**2), dh_t * tanh(c_t) * o * (1 - o)]
        dc_p = dc * f
        dh_p = dz_t @ U.T
        dx_t = dz_t @ W.T
        dW = dW + x_t.T @ dz_t
        dU = dU + h_p.T @ dz_t
        db = db + sum_n(dz_t)
        """,
    ),
    "LayerNormalization": Formula(
        f"""
        m = mean_j(x)
        s = 1 / sqrt(mean_j((x - m)**2) + epsilon)
        {NORMED}
        """,
        """
        dgamma = sum_n(dy * h)
        dbeta = sum_n(dy)
        dx = s * (gamma * dy - mean_j(gamma * dy) - h * mean_j(gamma * dy * h))
        """,
    ),
    "LeakyRNN": Formula(
        """
        a_t = x_t @ W + h_p @ U + b
        h_t = (1 - 1 / tau) * h_p + 1 / tau * f(a_t)
        """,
        """
        da = 1 / tau * dh_t * df(a_t)
        dh_p = (1 - 1 / tau) * dh_t + da @ U.T
        dx_t = da @ W.T
        dW = dW + x_t.T @ da
        dU = dU + h_p.T @ da
        db = db + sum_n(da)
        """,
    ),
    "LogSoftmax": Formula(
        "y_i = x_i - log(sum_j(exp(x_j)))", "dx_i = dy_i - exp(y_i) * sum_j(dy_j)",
        GOODFELLOW + "6.2.2.3, equation 6.30",
    ),
    "Masking": Formula("y = x", "dx = dy", "a mask of time steps, as in Keras; no paper"),
    "MaxPooling1D": Formula(
        r"y_{t,c} = \max_{u \in w_t} x_{u,c}",
        r"\mathrm{d}x_{u,c} = \sum_{t:\,u = \text{first maximum of}\ w_t} \mathrm{d}y_{t,c}",
    ),
    "MaxPooling2D": Formula(
        r"y_{p,c} = \max_{q \in w_p} x_{q,c}",
        r"\mathrm{d}x_{q,c} = \sum_{p:\,q = \text{first maximum of}\ w_p} \mathrm{d}y_{p,c}",
    ),
    "Maximum": Formula(
        "y = max(f(x), g(x))",
        r"\mathrm{d}f = \mathrm{d}y\ \text{where}\ f\ \text{has the (first) maximum, else}\ 0",
        "Goodfellow et al. 2013, *Maxout networks*",
    ),
    "Minimum": Formula(
        "y = min(f(x), g(x))",
        r"\mathrm{d}f = \mathrm{d}y\ \text{where}\ f\ \text{has the (first) minimum, else}\ 0",
        "Goodfellow et al. 2013, *Maxout networks*, with the sign turned",
    ),
    "MultiHeadAttention": Formula(
        r"""
        \left[Q, K, V\right] = x \left[W_{\text{query}}, W_{\text{key}}, W_{\text{value}}\right] + \left[b_{\text{query}}, 0, b_{\text{value}}\right]
        A = \operatorname{softmax}\left(\frac{Q K^{\top}}{\sqrt{d}}\right)
        y = A V W_{\text{out}} + b_{\text{out}}
        """,
        r"""
        \mathrm{d}V = A^{\top}\,\mathrm{d}o,\quad \mathrm{d}A = \mathrm{d}o\,V^{\top}
        \mathrm{d}S = A \odot \left(\mathrm{d}A - \sum_j \mathrm{d}A_j A_j\right)
        \mathrm{d}Q = \frac{\mathrm{d}S\,K}{\sqrt{d}},\quad \mathrm{d}K = \frac{\mathrm{d}S^{\top} Q}{\sqrt{d}}
        """,
    ),
    "Multiply": Formula("y = f(x) * g(x)", "df = dy * g(x)\ndg = dy * f(x)", "gating, as in Hochreiter & Schmidhuber 1997"),
    "Normalization": Formula("y = (x - m) / sqrt(v)", "dx = dy / sqrt(v)"),
    "PReLU": Formula(
        "y = where(x > 0, x, alpha * x)",
        """
        dx = where(x > 0, dy, alpha * dy)
        dalpha = sum_n(dy * min(x, 0))
        """,
    ),
    "Permute": Formula(
        r"y_{j,i} = x_{i,j}", r"\mathrm{d}x_{i,j} = \mathrm{d}y_{j,i}", "axes in another order; no paper"
    ),
    "PositionalEmbedding": Formula("y = x + W", "dx = dy\ndW = sum_n(dy)"),
    "RMSNormalization": Formula(
        """
        s = 1 / sqrt(mean_j(x**2) + epsilon)
        h = x * s
        y = gamma * h
        """,
        """
        dgamma = sum_n(dy * h)
        dx = s * (gamma * dy - h * mean_j(gamma * dy * h))
        """,
    ),
    "RepeatVector": Formula(r"y_t = x", r"\mathrm{d}x = \sum_t \mathrm{d}y_t", "Cho et al. 2014 feed a decoder so"),
    "Rescaling": Formula("y = scale * x + offset", "dx = scale * dy", "LeCun et al. 1998, *Efficient BackProp*, section 4.3"),
    "Reshape": Formula(r"y_{k} = x_{k}", r"\mathrm{d}x_{k} = \mathrm{d}y_{k}", "another shape of the same numbers; no paper"),
    "Residual": Formula(r"y = x + f(x)", r"\mathrm{d}x = \mathrm{d}y + f'(x)^{\top}\,\mathrm{d}y"),
    "Sampling": Formula(
        "y = m + exp(v / 2) * xi",
        """
        dm = dy
        dv = dy * xi * exp(v / 2) / 2
        """,
    ),
    "SeparableConv1D": Formula(
        r"""
        h_{t,cm} = \sum_u x_{st+u,\,c}\, W_{u,c,m}
        y_{t,f} = \sum_{cm} h_{t,cm}\, V_{cm,f} + b_f
        """,
        r"""
        \mathrm{d}h_{t,cm} = \sum_f V_{cm,f}\, \mathrm{d}y_{t,f}
        \mathrm{d}x_{r,c} = \sum_{st+u=r} \sum_m W_{u,c,m}\, \mathrm{d}h_{t,cm}
        """,
        "Howard et al. 2017, *MobileNets*, section 3.1, of one axis",
    ),
    "SeparableConv2D": Formula(
        r"""
        h_{i,j,cm} = \sum_{u,v} x_{si+u,\,sj+v,\,c}\, W_{u,v,c,m}
        y_{i,j,f} = \sum_{cm} h_{i,j,cm}\, V_{cm,f} + b_f
        """,
        r"""
        \mathrm{d}h_{i,j,cm} = \sum_f V_{cm,f}\, \mathrm{d}y_{i,j,f}
        \mathrm{d}x_{p,q,c} = \sum_{si+u=p} \sum_{sj+v=q} \sum_m W_{u,v,c,m}\, \mathrm{d}h_{i,j,cm}
        """,
        "Howard et al. 2017, *MobileNets*, section 3.1",
    ),
    "Sequential": Formula(
        r"y = f_n(\ldots f_2(f_1(x)))",
        r"\mathrm{d}x = f_1'^{\top} f_2'^{\top} \cdots f_n'^{\top}\, \mathrm{d}y",
        "the chain rule: Rumelhart, Hinton & Williams 1986, equations 4 to 7",
    ),
    "SimpleRNN": Formula(
        """
        a_t = x_t @ W + h_p @ U + b
        h_t = f(a_t)
        """,
        """
        da = dh_t * df(a_t)
        dh_p = da @ U.T
        dx_t = da @ W.T
        dW = dW + x_t.T @ da
        dU = dU + h_p.T @ da
        db = db + sum_n(da)
        """,
    ),
    "SinusoidalEncoding": Formula(
        r"""
        y_{t,2i} = x_{t,2i} + \sin\left(\frac{t}{10000^{2i/d}}\right)
        y_{t,2i+1} = x_{t,2i+1} + \cos\left(\frac{t}{10000^{2i/d}}\right)
        """,
        "dx = dy",
    ),
    "Softmax": Formula(
        "y_i = exp(x_i) / sum_j(exp(x_j))", "dx_i = y_i * (dy_i - sum_j(dy_j * y_j))", BISHOP + "equations 4.104 and 4.106"
    ),
    "SpatialDropout1D": Formula("y = x * m / (1 - rate)", "dx = dy * m / (1 - rate)"),
    "SpatialDropout2D": Formula("y = x * m / (1 - rate)", "dx = dy * m / (1 - rate)"),
    "Subtract": Formula("y = f(x) - g(x)", "df = dy\ndg = -dy", "the difference; no paper"),
    "TimeDistributed": Formula(
        r"y_t = f(x_t)", r"\mathrm{d}x_t = f'(x_t)^{\top}\,\mathrm{d}y_t", "weights shared in time: Waibel et al. 1989"
    ),
    "TransformerBlock": Formula(
        r"""
        h = x + \operatorname{attention}(N(x))
        y = h + D(N(h)){}
        """,
        r"""
        \mathrm{d}h = \mathrm{d}y + N'^{\top} D'^{\top}\,\mathrm{d}y
        \mathrm{d}x = \mathrm{d}h + N'^{\top} \operatorname{attention}'^{\top}\,\mathrm{d}h
        """,
    ),
    "UpSampling1D": Formula(
        r"y_t = x_{\lfloor t / k \rfloor}", r"\mathrm{d}x_u = \sum_{\lfloor t/k \rfloor = u} \mathrm{d}y_t",
        "interpolation by the nearest neighbour; no paper",
    ),
    "UpSampling2D": Formula(
        r"y_{i,j} = x_{\lfloor i / k \rfloor,\,\lfloor j / k \rfloor}",
        r"\mathrm{d}x_{p,q} = \sum_{\lfloor i/k \rfloor = p} \sum_{\lfloor j/k \rfloor = q} \mathrm{d}y_{i,j}",
        "interpolation by the nearest neighbour, or a bilinear one; no paper",
    ),
    "ZeroPadding1D": Formula(r"y_{t+a} = x_t,\ \text{0 elsewhere}", r"\mathrm{d}x_t = \mathrm{d}y_{t+a}", "zeros around; no paper"),
    "ZeroPadding2D": Formula(
        r"y_{i+a,\,j+b} = x_{i,j},\ \text{0 elsewhere}", r"\mathrm{d}x_{i,j} = \mathrm{d}y_{i+a,\,j+b}", "zeros around; no paper"
    ),
}  # fmt: skip
"""Of whole arrays."""

LAYERS = ACTIVATIONS | WHOLE

LOSSES = {
    "BinaryCrossentropy": Formula(
        "L = -mean_j(t_j * log(y_j) + (1 - t_j) * log(1 - y_j))",
        "dy = (y - t) / (y * (1 - y)) / k",
    ),
    "CategoricalCrossentropy": Formula("L = -sum_j(t_j * log(y_j))", "dy = -t / y"),
    "CategoricalHinge": Formula(
        r"L = \max\left(0,\; 1 + \max_{j\ \text{wrong}} y_j - y_{\text{right}}\right)",
        r"\mathrm{d}y_{\text{right}} = -1,\quad \mathrm{d}y_{\text{best wrong}} = 1\quad \text{where}\ L > 0",
    ),
    "CosineDistance": Formula(
        "L = 1 - sum_j(y_j * t_j) / (norm(y) * norm(t))",
        "dy = ((1 - L) * y / norm(y) - t / norm(t)) / norm(y)",
        "Salton & McGill 1983, *Introduction to Modern Information Retrieval*",
    ),
    "Custom": Formula(r"L = f(t, y)", r"\mathrm{d}y = f'(t, y)", "your own"),
    "HalfSquaredError": Formula("L = 1 / 2 * sum_j((y_j - t_j)**2)", "dy = y - t"),
    "Hinge": Formula(
        "L = mean_j(max(0, 1 - t_j * y_j))",
        "dy = where(t * y < 1, -t / k, 0)",
        BISHOP + "equation 7.44; Cortes & Vapnik 1995",
    ),
    "Huber": Formula(
        """
        e = y - t
        L = mean_j(where(abs(e) <= delta, e**2 / 2, delta * abs(e) - delta**2 / 2))
        """,
        "dy = min(max(e, -delta), delta) / k",
    ),
    "Joint": Formula(
        r"L = \sum_k w_k L_k", r"\mathrm{d}y_k = w_k\,\mathrm{d}L_k", "a weighted sum; no paper"
    ),
    "KLDivergence": Formula("L = sum_j(t_j * log(t_j / y_j))", "dy = -t / y"),
    "MeanAbsoluteError": Formula(
        "L = mean_j(abs(y_j - t_j))", "dy = sign(y - t) / k", BISHOP + "equation 1.91 with q = 1"
    ),
    "MeanSquaredError": Formula(
        "L = mean_j((y_j - t_j)**2)", "dy = 2 / k * (y - t)", BISHOP + "equation 1.91 with q = 2"
    ),
    "Poisson": Formula("L = mean_j(y_j - t_j * log(y_j))", "dy = (1 - t / y) / k"),
    "SparseCategoricalCrossentropy": Formula(
        r"L = -\log y_t", r"\mathrm{d}y_t = -\frac{1}{y_t},\ \text{0 elsewhere}", BISHOP + "equation 4.108"
    ),
}

ADAM = """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
"""

OPTIMIZERS = {
    "Adadelta": Formula("""
        v = rho * v + (1 - rho) * g**2
        d = g * sqrt(u + epsilon) / sqrt(v + epsilon)
        u = rho * u + (1 - rho) * d**2
        p = p - eta * d
    """),
    "Adagrad": Formula("""
        v = v + g**2
        p = p - eta * g / (sqrt(v) + epsilon)
    """),
    "Adam": Formula(f"""{ADAM}
        p = p - eta * m_hat / (sqrt(v_hat) + epsilon)
    """),
    "AdamW": Formula(f"""{ADAM}
        p = (1 - eta * weight_decay) * p
        p = p - eta * m_hat / (sqrt(v_hat) + epsilon)
    """),
    "Adamax": Formula("""
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + epsilon)
        p = p - eta * m / ((1 - beta1**t) * u)
    """),
    "EMA": Formula(r"a_t = \text{decay}\; a_{t-1} + (1 - \text{decay})\, p_t,\qquad a_1 = p_1", source=(
        "Polyak & Juditsky 1992, with a mean that fades")),
    "LAMB": Formula(f"""{ADAM}
        r = m_hat / (sqrt(v_hat) + epsilon)
        p = p - eta * norm(p) / norm(r) * r
    """),
    "LBFGS": Formula(r"p \leftarrow p - t\, H g,\qquad H \approx \left(\nabla^2 L\right)^{-1}\ \text{of the last steps}"),
    "Lion": Formula("""
        d = sign(beta1 * m + (1 - beta1) * g) + weight_decay * p
        m = beta2 * m + (1 - beta2) * g
        p = p - eta * d
    """),
    "Muon": Formula(r"""
        m \leftarrow \text{momentum}\; m + (1 - \text{momentum})\, g
        X = \frac{m}{\left\lVert m \right\rVert},\qquad X \leftarrow a X + \left(b A + c A^2\right) X,\quad A = X X^{\top}
        p \leftarrow (1 - \eta\,\text{weight decay})\, p - \eta s X
    """),
    "Nadam": Formula(r"""
        u_t = \beta_1 \left(1 - \frac{0.96^{t\,\text{momentum decay}}}{2}\right)
        m' = \frac{(1 - u_t)\, g}{1 - u_1 \cdots u_t} + \frac{u_{t+1}\, m}{1 - u_1 \cdots u_{t+1}}
        p \leftarrow p - \frac{\eta\, m'}{\sqrt{v'} + \epsilon}
    """),
    "RMSprop": Formula("""
        v = rho * v + (1 - rho) * g**2
        p = p - eta * g / (sqrt(v) + epsilon)
    """),
    "SGD": Formula("""
        v = momentum * v + g
        p = p - eta * v
    """),
    "ClipGlobalNorm": Formula("g = g * min(1, limit / norm(g))", source="Pascanu, Mikolov & Bengio 2013, algorithm 1"),
    "ClipNorm": Formula("g = g * min(1, limit / norm(g))", source="Pascanu, Mikolov & Bengio 2013, algorithm 1, array by array"),
    "ClipValue": Formula("g = min(max(g, -limit), limit)", source="Mikolov 2012, as Pascanu, Mikolov & Bengio 2013 say in section 3.2"),
    "MaxNorm": Formula("p = p * min(1, limit / norm(p))"),
    "NonNegative": Formula("p = max(p, 0)", source="weights that cannot be negative: Lee & Seung 1999; here they are cut off after each step"),
    "UnitNorm": Formula("p = p / norm(p)", source="as in Salimans & Kingma 2016, *Weight normalization*, equation 2, with g = 1; here after each step"),
}  # fmt: skip
"""``p`` are the parameters, ``g`` the gradient, ``eta`` the learning rate, ``t`` the number of the step from 1."""

SCHEDULES = {
    "Cosine": Formula("eta = stop + (start - stop) * (1 + cos(pi * t / steps)) / 2"),
    "CosineRestarts": Formula("eta = stop + (start - stop) * (1 + cos(pi * (t % steps) / steps)) / 2"),
    "Cyclic": Formula("eta = low + (high - low) * (1 - abs((t % (2 * up)) / up - 1))"),
    "ExponentialDecay": Formula(
        "eta = start * factor**(t / every)",
        source="Senior et al. 2013, *An empirical study of learning rates in deep neural networks for speech recognition*",
    ),
    "Fixed": Formula("eta = value", source="a constant; no paper"),
    "OneCycle": Formula(r"""
        \eta_t:\ \frac{\text{peak}}{\text{divide}} \nearrow \text{peak}\quad \text{for}\ t < \text{warmup}\cdot\text{steps}
        \eta_t:\ \text{peak} \searrow \frac{\text{peak}}{\text{divide}\cdot\text{final divide}}\quad \text{after it}
    """),
    "Piecewise": Formula(
        r"\eta_t = v_k\quad \text{for}\ s_k \le t < s_{k+1}",
        source="He et al. 2016, section 4.2, divides by 10 after 32,000 and 48,000 steps",
    ),
    "Polynomial": Formula(
        "eta = stop + (start - stop) * (1 - t / steps)**power",
        source="Chen et al. 2018, *DeepLab*: the policy *poly*",
    ),
    "Product": Formula(r"\eta_t = \prod_k \eta^{(k)}_t", source="a product; no paper"),
    "Sequence": Formula(
        r"\eta_t = \eta^{(k)}_{t - s_k}\quad \text{for}\ s_k \le t < s_{k+1}",
        source="one after the other; no paper",
    ),
    "StepDecay": Formula(
        "eta = start * factor**(t // every)",
        source="Szegedy et al. 2015, section 6, takes off 4 % every 8 epochs",
    ),
    "TimeDecay": Formula("eta = start / (1 + decay * t)"),
    "Warmup": Formula(r"""
        \eta_t = \text{start} + (\eta'_0 - \text{start})\frac{t}{\text{steps}}\quad \text{for}\ t < \text{steps}
        \eta_t = \eta'_{t - \text{steps}}\quad \text{after it}
    """),
}
"""``t`` is the step from 0."""

INITIALIZERS = {
    "Constant": Formula(r"W_{ij} = \text{value}", source="a constant; no paper"),
    "Fitting": Formula(
        r"W_{ij} \sim \mathcal{N}\left(0,\ \frac{\text{scale of the activation}}{\text{inputs}}\right)",
        source="He et al. 2015, equation 10, for other activations, too"),
    "Identity": Formula(r"W_{ij} = \text{gain}\cdot[i = j]"),
    "Normal": Formula(r"W_{ij} \sim \mathcal{N}\left(\text{mean},\ \text{std}^2\right)", source="LeCun et al. 1998, section 4.6"),
    "Orthogonal": Formula(r"W^{\top} W = \text{gain}^2\, I"),
    "Uniform": Formula(r"W_{ij} \sim \mathcal{U}\left(\text{low},\ \text{high}\right)", source="LeCun et al. 1998, section 4.6"),
    "VarianceScaling": Formula(r"\operatorname{var} W_{ij} = \frac{\text{scale}}{\text{fan}}"),
}  # fmt: skip

CROSSED = "dx = dz @ B.T"

RULES = {
    "BPTT": Formula(r"\mathrm{d}h_{t-1} = \left(\frac{\partial h_t}{\partial h_{t-1}}\right)^{\top} \mathrm{d}h_t"),
    "Backprop": Formula("dx = dz @ W.T"),
    "BatchSign": Formula("dx = dz @ (abs(B) * sign(W)).T"),
    "Diagonal": Formula(r"P_t = \operatorname{diag}(J_t)\, P_{t-1} + \frac{\partial h_t}{\partial w}"),
    "DirectFeedbackAlignment": Formula("dx = e @ B"),
    "DirectRandomTargetProjection": Formula("dx = t @ B / N"),
    "EProp": Formula(r"""
        \epsilon_t = \frac{\partial c_t}{\partial c_{t-1}}\,\epsilon_{t-1} + \frac{\partial c_t}{\partial w}
        \mathrm{d}w = \sum_t \mathrm{d}h_t\,\frac{\partial h_t}{\partial c_t}\,\epsilon_t
    """),
    "FeedbackAlignment": Formula(CROSSED),
    "FixedSign": Formula("dx = dz @ (abs(B) * sign(W)).T"),
    "KeRNL": Formula(r"""
        P_{ij} \leftarrow (1 - \alpha_i)\, P_{ij} + f'(a_i)\, x_j
        \mathrm{d}w_{ij} = \sum_k e_k\, A_{ki}\, P_{ij}
    """),
    "KolenPollack": Formula("""
        dx = dz @ B.T
        W = W - eta * (g + weight_decay * W)
        B = B - eta * (g + weight_decay * B)
    """),
    "NodePerturbation": Formula(r"\mathrm{d}y_i = \frac{L(y + \sigma \xi) - L(y)}{\sigma}\,\xi_i"),
    "RFLO": Formula(r"""
        p_t = \left(1 - \frac{1}{\tau}\right) p_{t-1} + \frac{1}{\tau} f'(a_t)\, x_t
        \mathrm{d}w = \sum_t e_t\, p_t
    """),
    "RTRL": Formula(r"""
        P_t = J_t P_{t-1} + \frac{\partial h_t}{\partial w}
        \mathrm{d}w = \sum_t \mathrm{d}h_t\, P_t
    """),
    "Shallow": Formula("dx = 0", source="a control; no paper"),
    "SnAp": Formula(r"P_t = J_t P_{t-1} + \frac{\partial h_t}{\partial w}\quad \text{where}\ w\ \text{reaches}\ h\ \text{in}\ n\ \text{steps, else}\ 0"),
    "TruncatedBPTT": Formula(
        r"\mathrm{d}w = \sum_{t} \sum_{s = t - \text{window} + 1}^{t} \mathrm{d}y_t\, \frac{\partial y_t}{\partial h_s} \frac{\partial h_s}{\partial w}"),
    "UORO": Formula(r"""
        s_t = r_0\, J_t s_{t-1} + r_1 \nu
        w_t = \frac{w_{t-1}}{r_0} + \frac{\nu^{\top}}{r_1}\frac{\partial s_t}{\partial w}
        \operatorname{E}\left[s_t w_t\right] = P_t
    """),
    "UniformSign": Formula("dx = dz @ (s * sign(W)).T"),
    "WeightMirror": Formula(r"B \leftarrow (1 - \text{decay})\, B + \frac{\text{rate}}{\sigma^2}\, \xi^{\top} z"),
    "WeightPerturbation": Formula(r"g = \frac{L(w + \sigma \xi) - L(w)}{\sigma}\,\xi"),
}  # fmt: skip

PAGES = {
    "layers": LAYERS,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "initializers": INITIALIZERS,
    "rules": RULES,
}
"""By the page of the reference."""
