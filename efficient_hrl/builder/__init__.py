"""What gin binds -> specifications -> the parts of a run, built.

Here belongs how parts are put together; what they do does not.  What collects and what learns are
built apart, from specifications: they meet at replay and weights only.

May import: ablations, checks, collect, collecting_beside_learning, environments, episodes, evaluation,
graph, hierarchical_policy, hierarchy, learner, relabeling, replay, run, specifications.
"""
