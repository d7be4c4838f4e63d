"""Specifications -> the parts of a run, built; and what gin may bind, as tables.

How parts are put together belongs here, what they do does not.  What collects and what learns are
built by modules that never reach each other: they meet at replay and weights only.

May import: ablations, checks, collect, collecting_beside_learning, cond_fn, context, environments,
episodes, evaluation, graph, hierarchical_policy, hierarchy, learner, relabeling, remote, replay, run,
specifications.
"""
