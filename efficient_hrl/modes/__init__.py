"""What `run.py` can do: a module for each `--mode`, and one for several runs, whose `run` returns the exit status."""
