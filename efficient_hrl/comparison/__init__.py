"""Several runs: which are seeds of one method, intervals over them, and what the papers report.

It reads the files that runs have written; what is drawn of it belongs to `figures` and `report`.

May import: binding_effects, errors, storage.
"""
