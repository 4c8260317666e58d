"""One pass of a batch by the rule of a training step, and by the chain rule."""

from dataclasses import replace

from lucidnet.data.batch import Batch
from lucidnet.engine.update import training_run


def by_rule(step, state, x, y, feedback=None, run=None):
    """What the step's rule makes of a batch, with the state's feedback weights if none are given."""
    objective, batch = step.problem(state, x.shape[1:]).objective, Batch(x, y)
    run = training_run(state, batch) if run is None else run
    return objective.gradient(
        state.params, batch, run, state.feedback.weights if feedback is None else feedback
    )


def by_chain_rule(step, state, x, y):
    """What backpropagation makes of a batch at the same weights, with the same random numbers."""
    objective, batch = replace(step.problem(state, x.shape[1:]).objective, rule=None), Batch(x, y)
    return objective.gradient(state.params, batch, training_run(state, batch))
