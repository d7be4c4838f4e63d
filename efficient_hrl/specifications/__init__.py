"""What a run is to be made of, as values: checked, frozen, and nothing built yet.

What collects and what learns share these alone, so that they can be built in different processes.

May import: environments, graph, replay, update_schedule.
"""
