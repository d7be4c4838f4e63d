"""Trains hierarchies that gin files describe, and shows what they do.

Train a run; the same command again continues one that was stopped:
    python run.py --gin_file=gin/norl_ant_maze.gin
    python run.py --gin_file=gin/norl_ant_maze.gin --root_dir=runs/a --seed=3
    python run.py --gin_file=gin/norl_ant_maze.gin \\
        --gin_bindings='train_uvf.batch_size=50'

Train several seeds, two at a time, and compare them:
    python run.py --gin_file=gin/norl_ant_maze.gin --seeds=0-4 --side_by_side=2

Look at a run, or at several (the last line: at a folder of runs):
    python run.py --mode=eval   --root_dir=runs/a    # success rates, as a table
    python run.py --mode=eval   --root_dir=runs/a --target=4,4    # at places of yours
    python run.py --mode=plot   --root_dir=runs/a    # curves and figures
    python run.py --mode=plot   --root_dir=runs/a --root_dir=runs/b
    python run.py --mode=video  --root_dir=runs/a    # an MP4 for each target
    python run.py --mode=report --root_dir=runs/a    # all of it on one page
    python run.py --mode=report --root_dir=runs/norl_ant_maze

Take its policy elsewhere, as a SavedModel:
    python run.py --mode=export --root_dir=runs/a

See what acting at random achieves:
    python run.py --mode=random --env=AntPush
"""

import sys

if sys.version_info[:2] != (3, 11):
    message = "run.py needs Python 3.11 (tensorflow 2.15 and mujoco 4.0 share no other); this is %d.%d"
    sys.stderr.write(message % sys.version_info[:2] + "\n")
    sys.exit(2)

from efficient_hrl.commands import main  # noqa: E402  (imports what an older Python cannot)

if __name__ == "__main__":
    sys.exit(main.main(sys.argv))
