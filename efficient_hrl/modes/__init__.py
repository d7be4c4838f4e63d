"""What `run.py` can do: a module for each `--mode`, whose `run` returns the exit status.

`compare` and `report_runs` are `--mode=plot` and `--mode=report` with several runs.
"""
