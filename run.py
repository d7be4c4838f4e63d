"""Trains, evaluates, draws or films a hierarchy described by gin files, or acts at random.

    python run.py --gin_file=gin/norl_ant_maze.gin
    python run.py --gin_file=gin/norl_ant_maze.gin --root_dir=runs/a --seed=3
    python run.py --gin_file=gin/norl_ant_maze.gin --gin_bindings='train_uvf.batch_size=50'
    python run.py --gin_file=gin/norl_ant_maze.gin --root_dir=runs/a --mode=eval
    python run.py --mode=plot --root_dir=runs/a
    python run.py --mode=video --root_dir=runs/a
    python run.py --mode=random --env=AntPush

The same command again continues a run that was stopped.
"""

import sys

if sys.version_info[:2] != (3, 11):
    message = "run.py needs Python 3.11 (tensorflow 2.15 and mujoco 4.0 share no other); this is %d.%d"
    sys.stderr.write(message % sys.version_info[:2] + "\n")
    sys.exit(2)

from efficient_hrl import main  # noqa: E402  (imports what an older Python cannot)

if __name__ == "__main__":
    sys.exit(main.main(sys.argv))
