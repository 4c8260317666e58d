"""Options of other programs, and what to write on the command line here instead."""

from __future__ import annotations

from collections.abc import Mapping


def _by_word(table: Mapping[str, str]) -> dict[str, str]:
    """Invert a table from our options to theirs, separated by spaces, into one from theirs to ours."""
    return {f"--{word}": ours for ours, words in table.items() for word in words.split()}


OPTIONS: Mapping[str, str] = _by_word(
    {
        "--target": (
            "label labels y ycol y-col y-column target-column target-col target-name label-column label-col "
            "label-name class class-column class-col response outcome dependent output-column predict-column "
            "to-predict answer"
        ),
        "--task": "problem problem-type task-type type kind mode objective",
        "--drop": (
            "drop-columns drop-column drop-cols exclude exclude-columns ignore ignore-columns without "
            "skip-columns id-column id-col index-col remove"
        ),
        "--standardize": (
            "standardise standard-scaler standardscaler normalize normalise normalization zscore z-score "
            "scale scaling scaler feature-scaling"
        ),
        "--categories": "category one-hot onehot one-hot-encode categorical encode dummies get-dummies",
        "--missing": "na nan dropna drop-na fillna fill-na impute imputer missing-values na-values",
        "--group": (
            "groups group-column group-col group-by groupby group-id subject subject-column subject-id "
            "patient patient-id cluster"
        ),
        "--weight": (
            "sample-weight sample-weights weight-column weight-col weights-column case-weight "
            "survey-weight instance-weight row-weight"
        ),
        "--batch-size": "batch bs minibatch mini-batch-size minibatch-size batchsize",
        "--lr": "learning-rate learning-rate-init eta step-size learningrate",
        "--epochs": "epoch n-epochs num-epochs max-iter epoch-count iterations n-iter",
        "--hidden": (
            "hidden-layer-sizes hidden-neurons hidden-units hidden-layers hidden-size hidden-dim neurons "
            "nodes layers units hidden-layer-size hidden-layer hidden-sizes hidden-nodes num-hidden n-hidden "
            "architecture arch width neurons-per-layer"
        ),
        "--optimizer": "optim optimiser solver",
        "--activation": "activation-function act activation-fn nonlinearity hidden-activation",
        "--dropout": "dropout-rate dropout-p drop-out drop-rate",
        "--seed": "random-state rng-seed random-seed",
        "--validation": "val-split validation-split val validation-fraction val-fraction valid-split",
        "--backend": "device gpu",
        "--dtype": "precision",
        "--initializer": "init",
        "--save": "output out save-model model-path save-path save-to model-out export",
        "--resume": "checkpoint checkpoint-dir ckpt checkpoints checkpoint-path restore continue",
        "--quiet": "silent",
        "--devices": "num-devices",
        "--rule": "learning-rule",
        "--one-cycle": "onecycle max-lr one-cycle-lr",
        "--plot": "figure plots save-plot",
    }
)
"""Foreign options for `lucidnet train`, in lower case with hyphens."""

OTHERS: Mapping[str, str] = _by_word(
    {
        "--out": "output output-file output-csv outfile csv-out to save-predictions save",
        "--rows": "limit head max-rows num-rows n-rows n nrows",
        "--part": "split subset share whole all test-only",
        "--rules": "rule racers algorithms methods optimizers",
        "--seeds": "repeats runs num-seeds n-seeds seed",
    }
)
"""Foreign options for other commands."""

LETTERS: Mapping[str, str] = {
    "-b": "--batch-size",
    "-e": "--epochs",
    "-o": "--out",
    "-s": "--seed",
    "-t": "--target",
    "-v": "--version",
    "-V": "--version",
}
"""One-letter options, of which only ``-h`` exists here."""

SENTENCES: Mapping[str, str] = _by_word(
    {
        "the loss follows from --task: cross-entropy for classes, the squared error for numbers": (
            "loss criterion loss-fn"
        ),
        "accuracy is measured for classes, the mean absolute error and r2 for numbers": (
            "metric metrics scoring"
        ),
        "separators, header lines and compression are found in the file itself": (
            "sep delimiter separator delim header no-header has-header compression quotechar decimal"
        ),
        "a fifth of a file is kept for testing; lucidnet evaluate MODEL FILE measures another file": (
            "test-size test-split test-share test-ratio train-size holdout"
        ),
        "rows are shuffled anew for each epoch": "shuffle no-shuffle",
        "the classes are those of the target": "classes num-classes n-classes num-class outputs output-size",
        "all columns but the target are inputs; --drop leaves some out": (
            "features inputs input-size input-dim n-features feature-columns columns cols x x-cols usecols"
        ),
        "write --task regression": "regression regress",
        "write --task classification": "classification classify",
        "each epoch is shown; --quiet shows the result only": "verbose verbosity",
        "it is an argument of Model.fit, callbacks=[EarlyStopping(...)], not of the command line": (
            "early-stopping patience earlystopping"
        ),
        "it is a setting of layers or optimizers in Python, not of the command line": (
            "l1 l2 weight-decay alpha regularization reg clip grad-clip clipnorm"
        ),
        "probabilities of all classes stand beside the names": "proba probabilities predict-proba probs",
    }
)
"""Things that are no option here, and why."""

ARGUMENTS: Mapping[str, str] = {
    "--data": "lucidnet train digits",
    "--dataset": "lucidnet train digits",
    "--data-set": "lucidnet train digits",
    "--input": "lucidnet train mydata.csv",
    "--csv-file": "lucidnet train mydata.csv",
    "--csv": "lucidnet train mydata.csv",
    "--train": "lucidnet train mydata.csv",
    "--train-data": "lucidnet train mydata.csv",
    "--train-file": "lucidnet train mydata.csv",
    "--test": "lucidnet evaluate model.safetensors mydata.csv",
    "--test-file": "lucidnet evaluate model.safetensors mydata.csv",
    "--test-data": "lucidnet evaluate model.safetensors mydata.csv",
    "--model": "lucidnet evaluate model.safetensors",
    "--weights": "lucidnet evaluate model.safetensors",
    "--file": "lucidnet evaluate model.safetensors",
    "--load": "lucidnet evaluate model.safetensors",
}
"""Options of other programs that are positional arguments here."""
