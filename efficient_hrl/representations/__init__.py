"""The goal space: f and phi, their objectives, distances and estimators, and those NORL is compared with.

How goals are used belongs to the levels.

May import: agents, checks, graph, replay.
"""
