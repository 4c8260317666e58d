"""What Keras 3 and PyTorch call what the reference describes; names of messages stand in `lucidnet.foreign`."""

from __future__ import annotations

KERAS, PYTORCH = "Keras", "PyTorch"

TABLE = """
layers Abs - -
layers Add Add -
layers Average Average -
layers AveragePooling1D AveragePooling1D nn.AvgPool1d
layers AveragePooling2D AveragePooling2D nn.AvgPool2d
layers BatchNormalization BatchNormalization nn.BatchNorm1d,nn.BatchNorm2d
layers Bidirectional Bidirectional -
layers Concatenate Concatenate cat
layers Conv1D Conv1D nn.Conv1d
layers Conv1DTranspose Conv1DTranspose nn.ConvTranspose1d
layers Conv2D Conv2D nn.Conv2d
layers Conv2DTranspose Conv2DTranspose nn.ConvTranspose2d
layers ConvLSTM2D ConvLSTM2D -
layers Cropping1D Cropping1D -
layers Cropping2D Cropping2D -
layers Dense Dense nn.Linear
layers DepthwiseConv1D DepthwiseConv1D -
layers DepthwiseConv2D DepthwiseConv2D -
layers Dot Dot nn.CosineSimilarity
layers Dropout Dropout nn.Dropout
layers ELU ELU nn.ELU
layers Embedding Embedding nn.Embedding
layers Flatten Flatten nn.Flatten
layers Function Lambda -
layers GELU - nn.GELU
layers GRU GRU nn.GRU
layers GaussianNoise GaussianNoise -
layers GlobalAveragePooling1D GlobalAveragePooling1D nn.AdaptiveAvgPool1d
layers GlobalAveragePooling2D GlobalAveragePooling2D nn.AdaptiveAvgPool2d
layers GlobalMaxPooling1D GlobalMaxPooling1D nn.AdaptiveMaxPool1d
layers GlobalMaxPooling2D GlobalMaxPooling2D nn.AdaptiveMaxPool2d
layers GroupNormalization GroupNormalization nn.GroupNorm
layers HardSigmoid - nn.Hardsigmoid
layers Input Input -
layers LSTM LSTM nn.LSTM
layers LayerNormalization LayerNormalization nn.LayerNorm
layers LeakyReLU LeakyReLU nn.LeakyReLU
layers Linear Identity nn.Identity
layers LogSoftmax - nn.LogSoftmax
layers Masking Masking -
layers MaxPooling1D MaxPooling1D nn.MaxPool1d
layers MaxPooling2D MaxPooling2D nn.MaxPool2d
layers Maximum Maximum maximum
layers Minimum Minimum minimum
layers Mish - nn.Mish
layers MultiHeadAttention MultiHeadAttention nn.MultiheadAttention
layers Multiply Multiply mul
layers Normalization Normalization -
layers PReLU PReLU nn.PReLU
layers Permute Permute permute
layers RMSNormalization RMSNormalization nn.RMSNorm
layers ReLU ReLU nn.ReLU
layers RepeatVector RepeatVector -
layers Rescaling Rescaling -
layers Reshape Reshape nn.Unflatten
layers SELU - nn.SELU
layers SeparableConv1D SeparableConv1D -
layers SeparableConv2D SeparableConv2D -
layers Sequential Sequential nn.Sequential
layers SiLU - nn.SiLU
layers Sigmoid - nn.Sigmoid
layers SimpleRNN SimpleRNN nn.RNN
layers Softmax Softmax nn.Softmax
layers Softplus - nn.Softplus
layers Softsign - nn.Softsign
layers SpatialDropout1D SpatialDropout1D nn.Dropout1d
layers SpatialDropout2D SpatialDropout2D nn.Dropout2d
layers Subtract Subtract sub
layers Tanh - nn.Tanh
layers TimeDistributed TimeDistributed -
layers TransformerBlock - nn.TransformerEncoderLayer
layers UpSampling1D UpSampling1D nn.Upsample
layers UpSampling2D UpSampling2D nn.Upsample
layers ZeroPadding1D ZeroPadding1D nn.ZeroPad1d
layers ZeroPadding2D ZeroPadding2D nn.ZeroPad2d
losses BinaryCrossentropy BinaryCrossentropy nn.BCELoss,nn.BCEWithLogitsLoss
losses CategoricalCrossentropy CategoricalCrossentropy nn.CrossEntropyLoss
losses SparseCategoricalCrossentropy SparseCategoricalCrossentropy nn.CrossEntropyLoss,nn.NLLLoss
losses CategoricalHinge CategoricalHinge nn.MultiMarginLoss
losses CosineDistance CosineSimilarity nn.CosineEmbeddingLoss
losses Hinge Hinge -
losses Huber Huber nn.HuberLoss,nn.SmoothL1Loss
losses KLDivergence KLDivergence nn.KLDivLoss
losses MeanAbsoluteError MeanAbsoluteError nn.L1Loss
losses MeanSquaredError MeanSquaredError nn.MSELoss
losses Poisson Poisson nn.PoissonNLLLoss
optimizers Adadelta Adadelta optim.Adadelta
optimizers Adagrad Adagrad optim.Adagrad
optimizers Adam Adam optim.Adam
optimizers AdamW AdamW optim.AdamW
optimizers Adamax Adamax optim.Adamax
optimizers LBFGS - optim.LBFGS
optimizers LAMB Lamb -
optimizers Lion Lion -
optimizers Muon Muon optim.Muon
optimizers Nadam Nadam optim.NAdam
optimizers RMSprop RMSprop optim.RMSprop
optimizers SGD SGD optim.SGD
optimizers EMA - optim.swa_utils.AveragedModel
optimizers ClipGlobalNorm - nn.utils.clip_grad_norm_
optimizers ClipValue - nn.utils.clip_grad_value_
optimizers MaxNorm MaxNorm -
optimizers NonNegative NonNeg -
optimizers UnitNorm UnitNorm -
schedules Cosine CosineDecay optim.lr_scheduler.CosineAnnealingLR
schedules CosineRestarts CosineDecayRestarts optim.lr_scheduler.CosineAnnealingWarmRestarts
schedules Cyclic - optim.lr_scheduler.CyclicLR
schedules ExponentialDecay ExponentialDecay optim.lr_scheduler.ExponentialLR
schedules Fixed - optim.lr_scheduler.ConstantLR
schedules OneCycle - optim.lr_scheduler.OneCycleLR
schedules Piecewise PiecewiseConstantDecay optim.lr_scheduler.MultiStepLR
schedules Polynomial PolynomialDecay optim.lr_scheduler.PolynomialLR
schedules Product - optim.lr_scheduler.ChainedScheduler
schedules Sequence - optim.lr_scheduler.SequentialLR
schedules StepDecay ExponentialDecay(staircase=True) optim.lr_scheduler.StepLR
schedules TimeDecay InverseTimeDecay -
schedules Warmup - optim.lr_scheduler.LinearLR
initializers Constant Constant nn.init.constant_
initializers Identity Identity nn.init.eye_
initializers Normal RandomNormal nn.init.normal_
initializers Orthogonal Orthogonal nn.init.orthogonal_
initializers Uniform RandomUniform nn.init.uniform_
initializers VarianceScaling VarianceScaling,GlorotUniform,HeNormal nn.init.xavier_uniform_,nn.init.kaiming_normal_
"""


def table() -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return, by page and class, the names of each other library."""
    found = {}
    for row in TABLE.strip().splitlines():
        page, ours, keras, torch = row.split()
        theirs = {KERAS: keras, PYTORCH: torch}
        found[page, ours] = {who: said.split(",") for who, said in theirs.items() if said != "-"}
    return found
