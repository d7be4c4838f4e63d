"""Several runs at once: seeds of one job, or methods x values x seeds; a process for each, one view of all.

Where they run (this machine, Ray, SLURM) is a module each; what a run does is the run's own business.

May import: checks, errors, run, storage, terminal.
"""
