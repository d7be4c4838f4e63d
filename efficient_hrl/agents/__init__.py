"""Single-level learning: TD3, DDPG, their networks, losses, optimisers and exploration.

Nothing here knows of goals, targets or hierarchy.

May import: checks, graph, inert_parameters, specifications.
"""
