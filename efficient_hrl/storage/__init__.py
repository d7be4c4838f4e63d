"""What is on disk: run folders, checkpoints, replay files, weights, locks, rows.

Everything is written so that a process may die at any time.

May import: checks, errors, graph, replay.
"""
