"""How well a hierarchy does: noise-free episodes, their results, trajectories; policies to take away.

What is drawn of them belongs to `figures` and `video`.

May import: checks, context, environments, episodes, errors, graph, hierarchical_policy, hierarchy,
specifications, storage, terminal.
"""
