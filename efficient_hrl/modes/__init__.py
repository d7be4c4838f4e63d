"""What `run.py` can do, a module for each mode with one function `run`.

Here it is decided what is loaded and written, and in which order; the work itself is done elsewhere.

May import: builder, comparison, configuration, environments, errors, eval, evaluation, figures,
graph, learner, remote, report, run, storage, sweeps, terminal, train, video.
"""
