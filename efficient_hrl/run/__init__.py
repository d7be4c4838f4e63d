"""A run at work: its parts, a block at a time; clocks, logs, signals, and how it ends.

How the parts are built belongs to `builder`, what is written to disk and how to `storage`.

May import: ablations, collect, collecting_beside_learning, environments, errors, evaluation,
exploration_maps, figures, graph, hierarchy, learner, replay, specifications, storage, terminal.
"""
