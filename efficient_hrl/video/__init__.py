"""Films of episodes: camera, map, goals, distance.

The episodes themselves come from `evaluation`.

May import: ablations, environments, errors, evaluation, figures, storage, terminal.
"""
