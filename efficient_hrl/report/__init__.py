"""One HTML page for a run or a folder of runs.

Pictures come from `figures`, numbers from the files that runs have written.

May import: comparison, errors, figures, storage.
"""
