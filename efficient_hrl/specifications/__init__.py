"""What a run is to be made of, as values: frozen, and nothing built yet.

What collects and what learns can be built from these in different processes; in one process they
share the buffers and the weights as well.

May import: environments, replay, update_schedule.
"""
