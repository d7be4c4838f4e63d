"""`--mode=video`: what a run does at each evaluation target, as videos and still pictures."""

import contextlib

from efficient_hrl.configuration.config import usage_errors
from efficient_hrl.errors import RunError
from efficient_hrl.eval import evaluate
from efficient_hrl.figures.goal_positions import GoalPositions
from efficient_hrl.figures.subject import as_numpy
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.loading import load_config_of, restore_newest
from efficient_hrl.storage.run_folder import RunFolder, check_output_folder
from efficient_hrl.storage.run_name import run_name
from efficient_hrl.terminal.console import announce
from efficient_hrl.video.camera import Camera
from efficient_hrl.video.encoder import find_encoder
from efficient_hrl.video.episode import episode_of, has_goals
from efficient_hrl.video.film import save_video
from efficient_hrl.video.foreign import film_foreign, save_foreign_strip, save_foreign_video
from efficient_hrl.video.strip import save_strip
from environments.maze_env import MazeEnv
from environments.opengl import OpenGLError


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Films one noise-free episode for each evaluation target into the run's folder `videos/`."""
    use_threads()
    find_encoder()
    load_config_of(folder, gin_files, gin_bindings)
    videos = check_output_folder(folder.path("videos"))
    with usage_errors():
        evaluator = evaluate(seed=seed, num_episodes_eval=1)
    if not isinstance(evaluator.environment, MazeEnv):
        return _film_foreign(evaluator, folder, videos)
    maze = evaluator.environment.maze
    env_steps = restore_newest(evaluator, folder)
    with contextlib.ExitStack() as stack:
        with usage_errors(f"{folder.root}: "):
            positions = None
            if has_goals(evaluator):
                positions = GoalPositions(maze, as_numpy(evaluator.hierarchy.representation))
        camera = None
        try:
            camera = Camera(maze)
            stack.callback(camera.close)
        except OpenGLError as error:
            announce(f"a map without the camera's view: {error}")
        for target in evaluator.eval_modes:
            with usage_errors(f"{folder.root}: "):
                (trajectory,) = evaluator.trajectories(target, env_steps)
                episode = episode_of(evaluator, trajectory, positions, run_name(folder.root), env_steps)
            try:
                videos.mkdir(exist_ok=True)
                announce(f"wrote {save_video(episode, camera, videos / f'{target}.mp4')}")
                announce(f"wrote {save_strip(episode, camera, videos / f'{target}_strip.png')}")
            except OSError as error:
                raise RunError(f"{videos}: {error}") from None
    return 0


def _film_foreign(evaluator, folder, videos):
    """Films an environment from elsewhere by its own pictures."""
    with usage_errors(f"{folder.root}: "):
        evaluator.simulations.open_view()
    env_steps = restore_newest(evaluator, folder)
    for target in evaluator.eval_modes:
        with usage_errors(f"{folder.root}: "):
            filmed = film_foreign(evaluator, target, run_name(folder.root), env_steps)
        try:
            videos.mkdir(exist_ok=True)
            announce(f"wrote {save_foreign_video(filmed, videos / f'{target}.mp4')}")
            announce(f"wrote {save_foreign_strip(filmed, videos / f'{target}_strip.png')}")
        except OSError as error:
            raise RunError(f"{videos}: {error}") from None
    return 0
