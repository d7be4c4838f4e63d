"""What `run.py` can do: a module for each `--mode`, whose `run` returns the exit status.

`compare` is `--mode=plot` with several runs.
"""
