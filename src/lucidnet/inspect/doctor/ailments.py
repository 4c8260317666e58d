"""The table of ailments: each with the check that measures it, what is healthy, and what to try."""

from __future__ import annotations

from math import inf

from . import data, flow, labels, lines, output, units
from .evidence import Evidence
from .report import Ailment, Finding

SCALE = "data not scaled"
TARGETS = "targets not scaled"
MISFIT = "loss does not fit"
SHUFFLED = "labels shuffled"
IMBALANCE = "classes unbalanced"
ALIKE = "units all alike"
DEAD = "dead units"
SATURATED = "saturated units"
EXPLODING = "exploding gradients"
VANISHING = "vanishing gradients"
HIGH = "learning rate too high"
LOW = "learning rate too low"
SURE = "first loss too large"
STRAIGHT = "acts as a straight line"
STANDING = "loss stands still"
CONSTANT = "constant output"
BROKEN = "training not finite"
LINEAR = "no activation"

SYMPTOMS = (
    *(DEAD, SATURATED, EXPLODING, VANISHING, HIGH, LOW, SURE, STRAIGHT, STANDING, CONSTANT, BROKEN),
    LINEAR,
)
STANDARDIZE = "subtract the mean of each feature and divide by its standard deviation (of the training data)."
SMALLER_WEIGHTS = "smaller first weights: initializer='he_normal' for ReLUs, 'glorot_uniform' for others"
FITTING = (
    "softmax and categorical_crossentropy for one of several classes, sigmoid and binary_crossentropy for "
    "yes or no, no activation and mse for real numbers."
)

AILMENTS: tuple[Ailment, ...] = (
    Ailment(SCALE, data.feature_ratio, (1, 100), STANDARDIZE, (SCALE, *SYMPTOMS)),
    Ailment(SCALE, data.feature_scale, (0.02, 10), f"divide pixels by 255; else {STANDARDIZE}", SYMPTOMS),
    Ailment(
        MISFIT,
        output.unreachable_targets,
        (0, 0),
        "an output without activation, or targets scaled into its range.",
        (TARGETS, *SYMPTOMS),
    ),
    Ailment(MISFIT, output.lone_softmax, (2, inf), FITTING, (MISFIT, *SYMPTOMS)),
    Ailment(MISFIT, output.repeated_softmax, (1, 1), "leave one of the two softmaxes out.", SYMPTOMS),
    Ailment(MISFIT, output.squared_softmax, (0.6, inf), FITTING, SYMPTOMS),
    Ailment(MISFIT, output.cut_scores, (0, 0), "no activation before the last one.", (STANDING,)),
    Ailment(
        TARGETS,
        data.target_scale,
        (0.001, 50),
        "subtract the mean of the targets and divide by their standard deviation; undo it in predictions.",
        SYMPTOMS,
    ),
    Ailment(
        SHUFFLED,
        labels.shuffled,
        (4, inf),
        "check that inputs and labels are in the same order, and shuffled with the same permutation.",
        (LOW, STRAIGHT, STANDING, CONSTANT),
    ),
    Ailment(
        IMBALANCE,
        data.largest_class,
        (0, 0.9),
        "class_weight={...} in fit, more examples of the others, and balanced metrics.",
        (STANDING, CONSTANT),
    ),
    Ailment(
        "constant features", data.constant_features, (0, 0), "leave them out: the bias does what they can do."
    ),
    Ailment(
        "duplicated features", data.duplicated_features, (0, 0), "leave the copies out: they say nothing new."
    ),
    Ailment(
        ALIKE,
        units.alike,
        (0.5, 1),
        "random first weights (the default initializer), not zeros or constants.",
        SYMPTOMS,
    ),
    Ailment(
        DEAD,
        units.dead_from_the_start,
        (0, 0.4),
        "biases that begin at 0, initializer='he_normal', scaled inputs; or activation='leaky_relu'.",
        SYMPTOMS,
    ),
    Ailment(
        SATURATED, units.saturated_from_the_start, (0, 0.5), f"{SMALLER_WEIGHTS}; scaled inputs.", SYMPTOMS
    ),
    Ailment(
        EXPLODING,
        flow.growing,
        (0, 100),
        f"{SMALLER_WEIGHTS}; normalization layers, Residual, clipped gradients.",
        SYMPTOMS,
    ),
    Ailment(
        VANISHING,
        flow.shrinking,
        (1e-3, inf),
        "ReLUs with 'he_normal' in place of sigmoids; normalization layers, Residual, fewer layers.",
        SYMPTOMS,
    ),
    Ailment(HIGH, flow.large_steps, (0, 0.1), "a learning rate 10 times smaller.", SYMPTOMS),
    Ailment(
        DEAD,
        units.dead,
        (0, 0.4),
        "a smaller learning rate; activation='leaky_relu'.",
        (LOW, STANDING, CONSTANT, SURE),
    ),
    Ailment(
        SATURATED,
        units.saturated,
        (0, 0.5),
        "a smaller learning rate, scaled inputs.",
        (LOW, STANDING, CONSTANT),
    ),
    Ailment(
        SURE,
        output.first_loss,
        (0, 4),
        f"scaled inputs; in the last layer {SMALLER_WEIGHTS}.",
        (LOW, STANDING, CONSTANT),
    ),
    Ailment(
        LOW,
        flow.small_steps,
        (2e-4, inf),
        "a learning rate 10 to 100 times larger, or more: lr_find shows which.",
        (STRAIGHT, STANDING, CONSTANT),
    ),
    Ailment(
        STRAIGHT,
        lines.straight,
        (0.01, inf),
        "hidden layers with an activation (relu bends at once); first weights that fit it, which are the "
        "default, or larger ones: initializer='he_normal'; inputs of size 1; a larger learning rate.",
        (STANDING, LINEAR),
    ),
    Ailment(
        STANDING,
        lines.standing,
        (0.05, inf),
        "'relu' or 'tanh' in place of sigmoids; fewer layers; normalization layers, Residual; a rate from "
        "lr_find; or more epochs, as some plateaus end.",
        (CONSTANT,),
    ),
    Ailment(LINEAR, lines.products, (0, 0), "activation='relu' or 'tanh' in the hidden layers."),
    Ailment(BROKEN, flow.not_finite, (0, 0), "a smaller learning rate, clip=ClipGlobalNorm(1.0)."),
    Ailment(
        CONSTANT,
        output.constant_output,
        (1e-6, inf),
        "check that the data reach the network as you mean them.",
    ),
)
"""All ailments, causes before consequences; an ailment explained by one above is not reported."""


def diagnose(evidence: Evidence) -> tuple[Finding, ...]:
    """Return the findings, without those that merely follow from others."""
    found: list[Finding] = []
    explained: set[str] = set()
    for ailment in AILMENTS:
        if ailment.name not in explained and (finding := ailment.judge(evidence)) is not None:
            found.append(finding)
            explained.update(ailment.explains)
    return tuple(found)
