"""Pictures, and the numbers that are computed for them.

Drawing reads files, trajectories and weights; it never trains.

May import: comparison, environments, errors, evaluation, exploration_maps, storage.
"""
