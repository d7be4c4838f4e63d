"""What users get wrong, in one table: one clear line, status 2, and nothing is written."""

import pathlib
import re
import shutil

import gin
import pytest

from efficient_hrl.commands import main
from efficient_hrl.run.training_run import TrainingRun

REPOSITORY = pathlib.Path(__file__).parents[2]
SMALL = (
    "agent/CircularBuffer.buffer_size = 100",
    "meta/CircularBuffer.buffer_size = 100",
    "evaluate.num_episodes_eval = 2",
)
RUN = (
    "RESET_EPISODE_PERIOD = 50",
    "train_uvf.num_episodes_train = 6",
    "train_uvf.initial_episodes = 4",
    "train_uvf.batch_size = 8",
    "evaluate.num_episodes_eval = 2",
    "agent/CircularBuffer.buffer_size = 300",
    "meta/CircularBuffer.buffer_size = 40",
    "ACTOR_HIDDEN_SIZE_1 = 16",
    "ACTOR_HIDDEN_SIZE_2 = 16",
    "CRITIC_HIDDEN_SIZE_1 = 16",
    "CRITIC_HIDDEN_SIZE_2 = 16",
)
# Written as FOLDER/name in the table; None is a folder that nobody may write to.
FILES = {
    "itself.gin": b"include 'itself.gin'\n",
    "one.gin": b"include 'two.gin'\n",
    "two.gin": b"include 'one.gin'\n",
    "bytes.gin": b"\x00\x01\xff\xfe",
    "latin.gin": b"# caf\xe9\ninclude 'hiro_ant_maze.gin'\n",
    "mark.gin": b"\xef\xbb\xbfinclude 'hiro_ant_maze.gin'\n",
    "empty.gin": b"",
    "module.gin": b"import no_such_module\n",
    "open.gin": b"train_uvf.batch_size = [1,\n",
    "text.gin": b"this is not gin\n",
    "missing.gin": b"include 'nowhere.gin'\n",
    "maze.txt": b"11111\n1r..1\n1?1.1\n11111\n",
    "nested.gin": b"train_uvf.batch_size = " + 3000 * b"(" + b"1" + 3000 * b")",
    "locked": None,
}
RESUMED = "--resumed"  # not a flag: stands for the finished run of this module
COMPILING = "compiling collection and learning; some seconds\n"

# Flags, each without blanks, and then a binding; a regular expression of the message.
WRONG = [
    ("train_uvf.batchsize = 50", "batchsize.*Allowed: .*batch_size"),
    ("train_uv.batch_size = 50", "'train_uv'.*Did you mean: train_uvf"),
    ("UvfAgent.actor_nett = None", "actor_nett.*Allowed: .*actor_net"),
    ("train_uvf.batch_size = ", "batch_size = : Unable to parse value, line 1"),
    ("train_uvf.agent_class = @UvfAgentt", "UvfAgentt.*Did you mean: UvfAgent"),
    ("create_maze_env.env_name = 'AntMaz'", "'AntMaz'.*AntMaze,.*PointMaze"),
    (
        "agent/CircularBuffer.buffer_size = 1000000000000000",
        r"need [\d.]+ GiB of memory \(low 1,000,000,000,000,000 x \d+ bytes.* are free; allowed: a smaller",
    ),
    # What is allocated follows from the configuration.
    (
        "train_uvf.batch_size = 10000000000",
        r"^run.py: updates, .*, need [\d.]+ GiB of memory \(replay buffers: .*10 candidates for each of"
        r" 10,000,000,000 segments: .* are free; allowed: a smaller train_uvf.batch_size$",
    ),
    (
        "train_uvf.goal_sample_strategy = None\ntrain_uvf.batch_size = 10000000000",
        r"high level's batch of 10,000,000,000: [\d.]+ GiB.* allowed: a smaller train_uvf.batch_size$",
    ),
    (f"train_uvf.batch_size = {10**40}", r"need \d\.\de\+\d+ GiB.* allowed: a smaller train_uvf.batch_size$"),
    ("train_uvf.repeat_size = 1000000000", "allowed: a smaller train_uvf.batch_size$"),
    ("InverseDynamics.num_samples = 1000000000", "allowed: a smaller InverseDynamics.num_samples$"),
    (
        "--gin_file=gin/norl_ant_maze.gin StatePreprocess.estimator = @ReplayEstimator()"
        "\nReplayEstimator.num_replay_states = 1000000000000",
        "2,000,000,000,000 replay states beside a batch of 100: .* allowed: a smaller num_replay_states$",
    ),
    (
        "ACTOR_HIDDEN_SIZE_1 = 1000000\nACTOR_HIDDEN_SIZE_2 = 1000000",
        r"actor_net with layers of \[\d+, 1000000, 1000000, \d+\] units need .*"
        r" \(1,000,0\d\d,000,000 weights: .*: less in ddpg_actor_net.hidden_layers",
    ),
    (
        "agent/ddpg_critic_net.joint_hidden_layers = (100000000000000,)",
        r"critic_net with layers of .*, 100000000000000, 1\] units need [\d.]+ GiB of memory",
    ),
    (
        # Each alone would fit.
        "agent/ddpg_critic_net.states_hidden_layers = (1000000,)"
        "\nagent/ddpg_critic_net.joint_hidden_layers = (1000000,)",
        r"critic_net with layers of \[\d+, 1000000\] and \[10000\d\d, 1000000, 1\] units need",
    ),
    (
        "train_uvf.num_envs = 1000000000",
        r"the environments need [\d.]+ GiB of memory \(1,000,000,000 x \d,\d{3} bytes: .*: a smaller"
        " train_uvf.num_envs",
    ),
    (
        "evaluate.num_episodes_eval = 1000000000",
        "environments side by side need .* allowed: a smaller evaluate.num_episodes_eval",
    ),
    (
        "--gin_file=gin/examples/ant_v5.gin train_uvf.num_envs = 10000000000",
        "10,000,000,000 x 4,096 bytes: .* allowed: a smaller train_uvf.num_envs",
    ),
    (
        "train_uvf.keep_every_nth_checkpoint = -1",
        "keep_every_nth_checkpoint = -1; allowed: a whole",
    ),
    ("train_uvf.max_checkpoints_to_keep = 0", "max_checkpoints_to_keep = 0; allowed: a whole number from 1"),
    ("train_uvf.deterministic_ops = 1", "deterministic_ops = 1; allowed: True, False"),
    ("train_uvf.batch_size = 0", "batch_size = 0; allowed: a whole number from 1"),
    ("train_uvf.batch_size = 'x'", "batch_size = 'x'; allowed"),
    ("train_uvf.log_every_n_steps = -1", "log_every_n_steps = -1"),
    ("train_uvf.initial_episodes = 0", "initial_episodes = 0"),
    ("train_uvf.gamma = 1.5", "gamma = 1.5; allowed: 0 to 1"),
    ("train_uvf.goal_sample_strategy = 'best'", "'best'; allowed: 'sample'"),
    ("train_uvf.replay_buffer = None", "replay_buffer is not set"),
    ("train_uvf.agent_class = None", "agent_class is not set"),
    ("agent/Context.context_shapes = [16]", r"context_ranges\[0\]|context_shapes"),
    ("agent/Context.meta_action_every_n = None", "meta_action_every_n is not set"),
    ("evaluate.eval_modes = ['eval9']", "'eval9'.*eval1"),
    ("evaluate.num_episodes_eval = 0", "num_episodes_eval = 0"),
    ("evaluate.num_episodes_eval = 10.5", "num_episodes_eval = 10.5"),
    ("evaluate.success_distance = '5'", "success_distance = '5'; allowed: None, a number"),
    ("evaluate.eval_modes = []", "at least one mode"),
    ("uvf_add_noise_fn.stddev = -1.0", "stddev = -1.0"),
    ("train_uvf.batch_size = (1,", "line 2; allowed: brackets and quotes that end"),
    ("train_uvf.batch_size = %FOO", "the macro %FOO is not defined"),
    ("CRITIC_HIDDEN_SIZ_1 = 64", "did you mean CRITIC_HIDDEN_SIZE_1"),
    ("uvff/negative_distance.norm = 'L1'", "did you mean uvf/negative_distance"),
    ("uvf/negative_distance.norm = 'L3'", "'L3'; allowed: 'L1', 'L2'"),
    ("task/negative_distance.state_indices = [0, 99]", r"indices \[0, 99\] of a vector of 30; allowed"),
    ("meta/Context.reward_fn = None", "reward_fn is not set"),
    ("tf.losses.huber_loss.delta = 'x'", "delta = 'x'; allowed: a number above 0"),
    ("td3_update_targets.tau = 'x'", "tau = 'x'; allowed: 0 to 1"),
    (
        "StatePreprocess.ndims = None",
        "compares 30 entries of the state with 15 of the goal; allowed: as many",
    ),
    ("train_uvf.num_envs = 0", "num_envs = 0; allowed: a whole number from 1"),
    ("train_uvf.num_envs = 1.5", "num_envs = 1.5"),
    ("meta/Context.context_ranges = [((-4, -4, 0), (20, 20, 1))]", "-4, -4, 0.*2 numbers"),
    ("eval1/ConstantSampler.value = [30, 0]", r"eval1.*\[30.0, 0.0\] is outside AntMaze or in a wall"),
    ("eval1/ConstantSampler.value = [0, 8]", r"eval1.*\[0.0, 8.0\] is outside AntMaze or in a wall"),
    ("eval1/ConstantSampler.value = None", "ConstantSampler.value is not set"),
    ("train_uvf.train_dir = 'x'", "train_dir = 'x'.*--root_dir"),
    ("train_uvf.load_path = 'nowhere'", "load_path = 'nowhere': no such weights"),
    (
        "train_uvf.load_path = 'results/point_maze/xy_seed1/policy/policy-300000'",
        "policy-300000: the checkpoint does not fit this configuration",
    ),
    (
        "train_uvf.num_collect_per_update = 1000\ntrain_uvf.num_episodes_train = 1",
        "num_collect_per_update = 1000 and .* make blocks of 1,000 environment steps; .* the run's 500",
    ),
    (
        "train_uvf.policy_save_dir = 'run.json'",
        "policy_save_dir = 'run.json', which the run has for something",
    ),
    ("train_uvf.policy_save_dir = 'a/b'", "policy_save_dir = 'a/b'; allowed: the name of a folder"),
    ("evaluate.state_preprocess_class = @EmbedToControl", "and evaluate.state_preprocess_class = .*the same"),
    ("train_uvf.replay_num_steps = 2", "replay_num_steps = 2; allowed: 1"),
    ("evaluate.generate_videos = True", "generate_videos = True is not available; allowed: False"),
    ("evaluate.checkpoint_range = (1,)", "checkpoint_range"),
    ("UvfAgent.reset_env_cond_fn = @every_n_episodes", "steps_per_episode = None"),
    ("every_n_steps.n = -5", "every_n_steps.n = -5; allowed: a whole number from 1"),
    ("create_maze_env.top_down_view = 'x'", "top_down_view = 'x'; allowed: True, False"),
    ("meta/ddpg_actor_net.images = True", "images = True, but AntMaze shows no view; allowed: False"),
    (
        "--gin_file=gin/norl_point_maze.gin state_preprocess_net.images = 1",
        "state_preprocess_net.images = 1; allowed: True, False",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin state_preprocess_net.zero_time = 'no'",
        "state_preprocess_net.zero_time = 'no'; allowed: True",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin action_embed_net.images = -1",
        "action_embed_net.images = -1; allowed: True, False",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin action_embed_net.zero_time = 0.5",
        "action_embed_net.zero_time = 0.5; allowed: True, False",
    ),
    ("train_uvf.clip_gradient_norm = -1", "clip_gradient_norm = -1; allowed: 0 or more"),
    ("train_uvf.clip_gradient_norm = 'a'", "clip_gradient_norm = 'a'; allowed"),
    ("train_uvf.reward_scale_factor = 'a'", "reward_scale_factor = 'a'; allowed: a number"),
    ("train_uvf.should_stop_early = True", "should_stop_early = True; allowed: a function"),
    ("train_uvf.gamma = 'a'", "gamma = 'a'; allowed: 0 to 1"),
    ("train_uvf.critic_optimizer = @critic/AdamOptimizer", "critic_optimizer.*allowed: an optimizer"),
    ("train_uvf.relabel_contexts = True\ntrain/DirectionSampler.k = 50", "r.k = 50; allowed: up to 15"),
    ("critic/AdamOptimizer.learning_rate = -1", "learning_rate = -1; allowed: a number above 0"),
    ("TARGET_Q_CLIPPING = (1, -1)", r"target_q_clipping = \(1, -1\); allowed: None"),
    ("TARGET_Q_CLIPPING = (1, 2, 3)", r"target_q_clipping = \(1, 2, 3\); allowed: None"),
    ("TARGET_Q_CLIPPING = 5", "target_q_clipping = 5; allowed: None"),
    ("agent/ddpg_actor_net.hidden_layers = 300", "hidden layers 300; allowed: a list"),
    ("uvf_add_noise_fn.stddev = 'a'", "uvf_add_noise_fn.stddev = 'a'; allowed: 0 or more"),
    ("uvf_add_noise_fn.debug = 'no'", "uvf_add_noise_fn.debug = 'no'; allowed: True, False"),
    ("train_uvf.load_path = 5", "train_uvf.load_path = 5; allowed: None, a path"),
    (
        "evaluate.max_number_of_evaluations = 'a'",
        "max_number_of_evaluations = 'a'; allowed: None, a whole number from 1",
    ),
    ("evaluate.gamma = 'a'", "evaluate.gamma = 'a'; allowed: 0 to 1"),
    ("evaluate.checkpoint_range = 5", "checkpoint_range = 5; allowed"),
    ("evaluate.eval_modes = 'eval1'", "eval_modes = 'eval1'; allowed: a list"),
    ("evaluate.tuner_hook = 1", "tuner_hook = 1; allowed: a function"),
    ("evaluate.success_fn = @uvf/negative_distance", r"success_fn does not fit states of 30 .* \[2\]"),
    ("evaluate.max_steps_per_episode = 0", "max_steps_per_episode = 0; allowed"),
    ("meta/Context.samplers = [@RandomSampler]", r"Context.samplers = \[.*allowed: a dictionary"),
    ("meta/Context.samplers = {'explore': [@RandomSampler]}", "no context sampler for mode 'eval1'"),
    ("train/RandomSampler.context_range = None", "RandomSampler.context_range is not set; allowed"),
    ("agent/Context.context_transition_fn = @periodic_context_fn", "periodic_context_fn draws new"),
    ("UvfAgent.reset_episode_cond_fn = 5", "reset_episode_cond_fn = 5; allowed: a function"),
    ("train_uvf.environment = 'AntMaze'", "environment = 'AntMaze'; allowed: @create_maze_env"),
    ("train_uvf.environment = @create_maze_env", "allowed: @create_maze_env"),
    # Wrong kinds and ranges of training's numbers.
    ("train_uvf.gamma = -1", "gamma = -1; allowed: 0 to 1"),
    ("train_uvf.gamma = 1e400", "gamma = inf; allowed: 0 to 1"),
    ("train_uvf.gamma = True", "gamma = True; allowed: 0 to 1"),
    ("train_uvf.gamma = nan", "gamma = nan: Failed to parse token 'nan'"),
    ("train_uvf.meta_gamma = None", "meta_gamma = None; allowed: 0 to 1"),
    ("train_uvf.meta_gamma = [0.9]", r"meta_gamma = \[0.9\]; allowed: 0 to 1"),
    ("train_uvf.batch_size = None", "batch_size = None; allowed: a whole number from 1"),
    ("train_uvf.batch_size = True", "batch_size = True; allowed: a whole number from 1"),
    ("train_uvf.batch_size = 100.0", "batch_size = 100.0; allowed: a whole number from 1"),
    ("train_uvf.batch_size = [100]", r"batch_size = \[100\]; allowed: a whole number from 1"),
    ("train_uvf.num_episodes_train = 1e6", "num_episodes_train = 1000000.0; allowed: a whole number from 1"),
    ("train_uvf.num_episodes_train = -3", "num_episodes_train = -3; allowed: a whole number from 1"),
    ("train_uvf.initial_steps = -5", "initial_steps = -5; allowed: None, a whole number from 1"),
    ("train_uvf.repeat_size = -1", "repeat_size = -1; allowed: a whole number from 0"),
    ("train_uvf.reward_scale_factor = 1e400", "reward_scale_factor = inf; allowed: a number"),
    ("train_uvf.clip_gradient_norm = 1e400", "clip_gradient_norm = inf; allowed: 0 or more"),
    ("train_uvf.replay_num_steps = True", "replay_num_steps = True; allowed: 1"),
    ("train_uvf.relabel_contexts = 'yes'", "relabel_contexts = 'yes'; allowed: True, False"),
    ("train_uvf.meta_relabel_contexts = 3", "meta_relabel_contexts = 3; allowed: True, False"),
    ("train_uvf.collect_beside_learning = 1", "collect_beside_learning = 1; allowed: True, False"),
    ("train_uvf.policy_save_dir = 5", "policy_save_dir = 5; allowed"),
    ("train_uvf.policy_save_dir = '../elsewhere'", "policy_save_dir = '../elsewhere'; allowed"),
    ("train_uvf.policy_save_dir = '/elsewhere'", "policy_save_dir = '/elsewhere'; allowed"),
    ("train_uvf.agent_class = 'UvfAgent'", "agent_class = 'UvfAgent'; allowed: a class"),
    ("train_uvf.inverse_dynamics_class = 5", "inverse_dynamics_class = 5; allowed: a class"),
    ("train_uvf.random_goal_share = 1.5", "random_goal_share = 1.5; allowed: 0 to 1"),
    ("train_uvf.random_goal_share = True", "random_goal_share = True; allowed: 0 to 1"),
    (
        "train_uvf.random_goal_share = 0.5\ntrain_uvf.relabel_contexts = True",
        "random_goal_share = 0.5 with train_uvf.relabel_contexts = True.*allowed: either",
    ),
    ("train_uvf.low_replay_window = 0", "low_replay_window = 0; allowed: None, a whole number from 1 to 100"),
    ("train_uvf.low_replay_window = 101", "low_replay_window = 101; allowed: None, .* from 1 to 100"),
    ("train_uvf.low_replay_window = 50.0", "low_replay_window = 50.0; allowed: None, a whole number"),
    ("train_uvf.low_replay_window = True", "low_replay_window = True; allowed: None, a whole number"),
    ("train_uvf.pretrain_steps = -1", "pretrain_steps = -1; allowed: None, a whole number from 0"),
    ("train_uvf.pretrain_steps = 2e6", "pretrain_steps = 2000000.0; allowed: None, a whole number from 0"),
    ("train_uvf.pretrain_steps = 0", "pretrain_steps = 0 would freeze .*; allowed: .* train_uvf.load_path"),
    (
        "train_uvf.pretrain_steps = 9\ntrain_uvf.collect_beside_learning = True",
        "pretrain_steps = 9 with train_uvf.collect_beside_learning = True; allowed: either",
    ),
    (
        "train_uvf.pretrain_steps = 9\nagent/Context.samplers = {'train': @train/DirectionSampler}",
        "no context sampler for mode 'explore'",
    ),
    (
        "--gin_file=gin/norl_ant_maze.gin train_uvf.pretrain_steps = 9",
        "pretrain_steps = 9 with a representation that is learned .*; allowed: StatePreprocess.trainable",
    ),
    (
        "--gin_file=gin/td3_ant_maze.gin train_uvf.pretrain_steps = 9",
        "pretrain_steps = 9; allowed without a high level that learns: None",
    ),
    (
        "--gin_file=gin/td3_ant_maze.gin agent/Context.meta_action_every_n = 10",
        "meta_action_every_n = 10; allowed with TargetAgent: 1",
    ),
    (
        "--gin_file=gin/td3_ant_maze.gin SUBGOAL_DIM = 3\ncontext_range = (-10, 10)",
        r"context_shapes = \[3\]; allowed with TargetAgent: \[2\]",
    ),
    (
        "--gin_file=gin/hiro_pretrained_ant_maze.gin explore/GaussianSampler.stddev = -1",
        "GaussianSampler.stddev = -1; allowed: 0 or more",
    ),
    (
        "--gin_file=gin/hiro_pretrained_ant_maze.gin explore/GaussianSampler.context_range = None",
        "GaussianSampler.context_range is not set; allowed",
    ),
    # Periods.
    (
        "train_uvf.checkpoint_every_n_steps = 0",
        "checkpoint_every_n_steps = 0; allowed: a whole number from 1",
    ),
    ("train_uvf.eval_every_n_steps = -3", "eval_every_n_steps = -3; allowed: a whole number from 1"),
    ("train_uvf.eval_every_n_steps = 2.5", "eval_every_n_steps = 2.5; allowed: a whole number from 1"),
    ("train_uvf.save_policy_every_n_steps = -1", "every_n_steps = -1; allowed: a whole number from 0"),
    ("train_uvf.num_collect_per_update = 0", "num_collect_per_update = 0; allowed: a whole number from 1"),
    ("train_uvf.num_collect_per_meta_update = 2.5", "meta_update = 2.5; allowed: a whole number from 1"),
    ("train_uvf.target_update_period = 0", "target_update_period = 0; allowed: a whole number from 1"),
    ("train_uvf.max_steps_per_episode = 0", "max_steps_per_episode = 0; allowed"),
    ("agent/Context.meta_action_every_n = 0", "meta_action_every_n = 0; allowed: a whole number from 1"),
    ("agent/Context.meta_action_every_n = -3", "meta_action_every_n = -3; allowed: a whole number from 1"),
    ("agent/Context.meta_action_every_n = 2.5", "meta_action_every_n = 2.5; allowed: a whole number from 1"),
    # Contexts that contradict each other or what they are compared with.
    ("agent/Context.context_ranges = [(10, -10)]", r"\(10, -10\); every minimum must be below its maximum"),
    ("agent/Context.context_ranges = [(-10, 1e400)]", r"\(-10, inf\); allowed: \(minimum, maximum\)"),
    ("agent/Context.context_ranges = [('a', 'b')]", r"\('a', 'b'\); allowed: \(minimum, maximum\)"),
    ("agent/Context.context_ranges = 5", "context_ranges = 5 .*allowed: two lists"),
    (
        "agent/Context.context_ranges = [((-1, -1), (1, 1))]",
        r"\(\(-1, -1\), \(1, 1\)\); allowed: .*15 numbers",
    ),
    (
        "agent/Context.context_shapes = [15, 2]",
        r"context_shapes = \[15, 2\]; allowed: two lists of one length",
    ),
    ("agent/Context.context_shapes = [0]", r"context_shapes\[0\] = 0; allowed: None, a whole number from 1"),
    ("agent/Context.context_shapes = ['x']", r"context_shapes\[0\] = 'x'; allowed: None, a whole number"),
    ("SUBGOAL_DIM = 40", r"context_ranges\[0\] = .*; allowed: .*40 numbers"),
    ("StatePreprocess.ndims = 3", r"context_shapes = \[15\]; the representation has 3 dimensions"),
    ("StatePreprocess.ndims = 0", "StatePreprocess.ndims = 0; allowed: a whole number from 1"),
    ("StatePreprocess.ndims = -1", "StatePreprocess.ndims = -1; allowed: a whole number from 1"),
    ("StatePreprocess.trainable = 'yes'", "trainable = 'yes'; allowed: True, False"),
    ("TARGET_DIM = 3", r"\(\(-4, -4\), \(20, 20\)\); allowed: .*3 numbers"),
    ("TARGET_INDICES = [0]", "compares 1 entries of the state with 2 of the goal; allowed"),
    ("TARGET_INDICES = [0, 1, 2]", "compares 3 entries of the state with 2 of the goal; allowed"),
    ("TARGET_INDICES = ['x', 'y']", r"indices \['x', 'y'\] of a vector of 30; allowed: a list of 0 to 29"),
    ("TARGET_INDICES = []", r"indices \[\] of a vector of 30; allowed: a list of 0 to 29"),
    ("meta_context_range = 5", r"context_ranges\[0\] = 5; allowed: \(minimum, maximum\)"),
    ("meta/Context.samplers = {'train': [@RandomSampler, @RandomSampler]}", "has 2 samplers; allowed: 1"),
    ("meta/Context.samplers = {'train': [5]}", r"samplers\['train'\] = \[5\]; allowed: sampler classes"),
    ("meta/Context.reward_weights = [1, 2]", "reward_weights has 2 entries; allowed: 1"),
    ("meta/Context.reward_weights = ['x']", "reward_weights = 'x'; allowed: a number"),
    ("meta/Context.reward_fn = 5", "reward_fn = 5; allowed: a function"),
    ("meta/Context.reward_fn = []", r"reward_fn = \[\]; allowed: a reward function"),
    ("meta/Context.gamma_index = 'x'", "gamma_index = 'x'; allowed: None, 0 to 0"),
    ("meta/Context.normalizers = [5]", "normalizers = 5; allowed: a function"),
    ("meta/Context.settable_context = True", "settable_context = True; .*allowed: False"),
    (
        "relative_context_transition_fn.k = 16\nrelative_context_multi_transition_fn.k = 16",
        "transition_fn.k = 16; allowed: 0 to 15",
    ),
    ("uvf/negative_distance.weight_vector = [1, 2]", r"weight_vector = \[1, 2\]; allowed: .*15 numbers"),
    ("uvf/negative_distance.epsilon = -1", "negative_distance.epsilon = -1; allowed: 0 or more"),
    ("uvf/negative_distance.vectorize = True", "num_reward_dims = 1; allowed: 15"),
    # Samplers, among them the targets of evaluation.
    ("train/RandomSampler.context_range = ((20, 20), (-4, -4))", "every minimum must be <= its maximum"),
    ("train/RandomSampler.context_range = ('a', 'b')", r"\('a', 'b'\); allowed: \(minimum, maximum\)"),
    ("train/DirectionSampler.k = 'x'", "DirectionSampler.k = 'x'; allowed: a whole number from 1"),
    ("eval1/ConstantSampler.value = [-100, 0]", r"\[-100.0, 0.0\] is outside AntMaze .*targets lie within"),
    ("eval1/ConstantSampler.value = [16]", r"value = \[16\]; allowed: a number or 2 numbers"),
    ("eval1/ConstantSampler.value = [16, 0, 0]", r"value = \[16, 0, 0\]; allowed: a number or 2 numbers"),
    ("eval1/ConstantSampler.value = ['a', 'b']", r"value = \['a', 'b'\]; allowed: a number or 2 numbers"),
    ("eval1/ConstantSampler.value = [1e400, 0]", r"value = \[inf, 0\]; allowed: a number or 2 numbers"),
    ("eval1/ConstantSampler.value = True", "value = True; allowed: a number or 2 numbers"),
    ("create_maze_env.env_name = 'PointMaze'", r"\[16.0, 0.0\] is outside PointMaze.*targets lie within"),
    ("evaluate.eval_modes = ['eval1', 'eval1']", "allowed: a list of at least one mode, each once"),
    ("evaluate.eval_modes = ['../eval1']", "allowed: a list of at least one mode, each once, as 'eval1'"),
    ("meta/Context.samplers = {'/tmp/x': [@RandomSampler]}", "the mode '/tmp/x'; allowed: names as 'train'"),
    ("evaluate.evaluate_nohrl = 'x'", "evaluate_nohrl = 'x'; allowed: True, False"),
    ("evaluate.success_distance = 1e400", "success_distance = inf; allowed: None, a number above 0"),
    ("evaluate.checkpoint_range = (5, 1)", r"checkpoint_range = \(5, 1\); allowed: None, \(first, last\)"),
    # Networks, relabelling, optimisers, buffers, environments.
    ("agent/ddpg_actor_net.hidden_layers = (0,)", r"hidden layers \(0,\); allowed: a list of whole numbers"),
    ("agent/ddpg_actor_net.hidden_layers = (-5,)", r"hidden layers \(-5,\); allowed: a list of whole"),
    ("agent/ddpg_actor_net.hidden_layers = ('a',)", r"hidden layers \('a',\); allowed: a list of whole"),
    ("agent/ddpg_actor_net.hidden_layers = (True,)", r"hidden layers \(True,\); allowed: a list of whole"),
    ("agent/ddpg_actor_net.zero_obs = 5", "zero_obs = 5; allowed: True, False"),
    ("agent/ddpg_critic_net.num_reward_dims = 1.5", "num_reward_dims = 1.5; allowed: 1 to 45"),
    ("UvfAgent.actor_net = None", "actor_net = None; allowed: a function"),
    ("UvfAgent.dqda_clipping = 'x'", "dqda_clipping = 'x'; allowed: 0 or more"),
    ("UvfAgent.tf_context = 5", "tf_context = 5; allowed: a Context"),
    ("tf.losses.huber_loss.delta = -1", "huber_loss.delta = -1; allowed: a number above 0"),
    ("td3_update_targets.tau = 2", "update_targets.tau = 2; allowed: 0 to 1"),
    ("td3_update_targets.tau = None", "update_targets.tau = None; allowed: 0 to 1"),
    ("uvf_add_noise_fn.stddev = True", "stddev = True; allowed: 0 or more"),
    ("InverseDynamics.num_samples = 1", "num_samples = 1; allowed: a whole number from 2"),
    ("InverseDynamics.num_samples = 2.5", "num_samples = 2.5; allowed: a whole number from 2"),
    ("InverseDynamics.sc = -1", "InverseDynamics.sc = -1; allowed: 0 or more"),
    ("InverseDynamics.fun_sc = None", "fun_sc = None; allowed: 0 or more"),
    ("InverseDynamics.dtype = 'float16'", "dtype = 'float16'; allowed: 'float32', 'bfloat16'"),
    ("critic/AdamOptimizer.beta1 = 1.5", "beta1 = 1.5; allowed: 0 or more, below 1"),
    ("critic/AdamOptimizer.learning_rate = 1e400", "learning_rate = inf; allowed: a number above 0"),
    ("agent/CircularBuffer.buffer_size = 0", "buffer_size = 0; allowed: a whole number from 1"),
    ("agent/CircularBuffer.buffer_size = 2.5", "buffer_size = 2.5; allowed: a whole number from 1"),
    ("agent/CircularBuffer.buffer_size = 'x'", "buffer_size = 'x'; allowed: a whole number from 1"),
    ("agent/CircularBuffer.buffer_size = True", "buffer_size = True; allowed: a whole number from 1"),
    ("agent/CircularBuffer.scope = 5", "scope = 5; allowed"),
    ("train_uvf.replay_buffer = 5", "replay_buffer = 5; allowed"),
    ("create_maze_env.env_name = 'Ant'", "'Ant'; known environments: AntBlock, .*PointPush"),
    ("create_maze_env.env_name = ['AntMaze']", r"\['AntMaze'\]; known environments: AntBlock"),
    ("create_maze_env.num_rays = -1", "'num_rays'.*Allowed: env_name, top_down_view"),
    # Mazes of one's own.
    ("create_maze_env.layout = ['111', '1r1', '111']", r"eval1.*\[16.0, 0.0\] is outside AntOwnMaze"),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.layout = ['1111', '1r.1', '1x11']",
        r"row 3, column 2 is 'x'; allowed: 1 \(wall\), 0 or \. \(floor\), r \(start\)",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin --gin_bindings=create_maze_env.layout='FOLDER/maze.txt'",
        "row 3, column 2 is '\\?'; allowed: 1",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin --gin_bindings=create_maze_env.layout='FOLDER/none.txt'",
        "layout = 'FOLDER/none.txt': no such file; allowed: a list of rows",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.layout = None",
        "unknown environment 'Point'|without create_maze_env.layout",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.env_name = 'AntPush'",
        "env_name = 'AntPush'; allowed with create_maze_env.layout: the robot, Ant, Point",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.cell_size = 1",
        r"cell_size = 1; allowed: 2 to 40 \(metres\)",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.evaluation_targets = [[0, 4], [8, 4]]",
        r"evaluation_targets\[1\] = \[8, 4\] is in a wall; allowed: places in free cells",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.evaluation_targets = None",
        "evaluation_targets is not set; allowed: a list of places",
    ),
    (
        "--gin_file=gin/examples/own_maze.gin create_maze_env.training_targets = [[400, 0]]",
        r"training_targets\[0\] = \[400, 0\] is outside the maze; allowed",
    ),
    (
        "--gin_file=gin/hiro_ant_maze_large.gin train/MazeTargetSampler.environment = None",
        "MazeTargetSampler.environment has no targets of its own; allowed: @create_maze_env",
    ),
    # Gather tasks.
    (
        "--gin_file=gin/hiro_ant_gather.gin create_gather_env.env_name = 'AntMaze'",
        "'AntMaze'; allowed: AntGather, PointGather",
    ),
    (
        "--gin_file=gin/hiro_ant_gather.gin create_gather_env.activity_range = 4",
        "create_gather_env.activity_range = 4; allowed: 5 to 38, metres",
    ),
    (
        "--gin_file=gin/hiro_point_gather.gin create_gather_env.ends_on_fall = True",
        "create_gather_env.ends_on_fall = True; a point cannot fall, allowed: False",
    ),
    ("--gin_file=gin/hiro_ant_gather.gin IMAGES = True", "AntGather shows no view.*only in mazes"),
    (
        "--gin_file=gin/hiro_ant_gather.gin evaluate.success_distance = 0",
        "success_distance = 0; allowed: None, a number above 0",
    ),
    (
        "--gin_file=gin/hiro_xy_ant_gather.gin agent/Context.context_shapes = [0]",
        r"context_shapes\[0\] = 0; allowed: None, a whole number from 1, or 0 with .* = \(\(\), \(\)\)",
    ),
    (
        "--gin_file=gin/hiro_xy_ant_gather.gin --gin_bindings=context_range=((),()) "
        "agent/Context.context_shapes = [0]",
        r"context_shapes = \[0\] with Context.meta_action_every_n = 10; allowed for goals of a high level",
    ),
    # Files.
    ("--gin_file=FOLDER/nowhere.gin", "nowhere.gin: no such file"),
    ("--gin_file=FOLDER", "FOLDER: no such file"),
    ("--root_dir=FOLDER/none --gin_file=FOLDER/itself.gin", "itself.gin: a file includes itself"),
    ("--gin_file=FOLDER/one.gin", "one.gin: a file includes itself"),
    ("--gin_file=FOLDER/nested.gin", "nested.gin: too many brackets inside each other; allowed: 100$"),
    (f"train_uvf.batch_size = {'[' * 3000}1{']' * 3000}", r"\[\[ \.\.\. \]\].*\]: too many brackets"),
    ("--root_dir=FOLDER/\udcff", r"^run.py: b'--root_dir=.*\\xff': allowed: text in UTF-8$"),
    ("--gin_file=FOLDER/bytes.gin", "bytes.gin: .*can't decode byte 0xff.*; allowed: text in UTF-8"),
    ("--gin_file=FOLDER/latin.gin", "latin.gin: .*can't decode byte 0xe9.*; allowed: text in UTF-8"),
    ("--gin_file=FOLDER/mark.gin", "mark.gin: a byte order mark in .*; allowed: UTF-8 without one"),
    ("--gin_file=FOLDER/empty.gin", "environment = None; allowed: @create_maze_env"),
    ("--gin_file=FOLDER/module.gin", "module.gin: .*'no_such_module'"),
    ("--gin_file=FOLDER/open.gin", "open.gin: EOF in multi-line statement, line 2; allowed: brackets"),
    ("--gin_file=FOLDER/text.gin", "text.gin: .*line 1: this is not gin"),
    ("--gin_file=FOLDER/missing.gin", "missing.gin: .*nowhere.gin.*Searched"),
    ("--root_dir=FOLDER/text.gin", "--root_dir=.*text.gin is not a folder"),
    ("--root_dir=FOLDER/text.gin/run", "--root_dir=.*text.gin is not a folder"),
    ("--root_dir=FOLDER/locked/run", "--root_dir=.*locked is not writable"),
    ("--root_dir=FOLDER", "the folder is not empty and not a run.*allowed: a new or empty folder"),
    ("--seed=-1", "seed=-1.*non-negative|seed.*-1"),
    ("--seed=x", "seed=x|seed.*x"),
    ("--seed=1099511627776", "seed.*1099511627776"),
    # A run that goes on with something else.
    (f"{RESUMED} ACTOR_HIDDEN_SIZE_1 = 8", "ACTOR_HIDDEN_SIZE_1 = 8, but the run in .* began with 16; only"),
    (f"{RESUMED} agent/ddpg_critic_net.joint_hidden_layers = (8,)", r"\(8,\), but the run in .* began with"),
    (f"{RESUMED} create_maze_env.env_name = 'PointPush'", "'PointPush', but the run in .* 'PointMaze'; only"),
    (f"{RESUMED} SUBGOAL_DIM = 3", "SUBGOAL_DIM = 3, but the run in .* began with 2; only these may change"),
    (f"{RESUMED} TARGET_DIM = 3", "TARGET_DIM = 3, but the run in .* began with 2; only these may change"),
    (f"{RESUMED} agent/Context.context_shapes = [3]", r"\[3\], but the run in .* began with"),
    (
        f"{RESUMED} agent/CircularBuffer.buffer_size = 70",
        "buffer_size = 70, but the run in .* began with 300",
    ),
    (f"{RESUMED} critic/AdamOptimizer.learning_rate = 0.1", "rate = 0.1, but the run in .* began with 0.001"),
    (f"{RESUMED} train_uvf.num_envs = 2", "num_envs = 2, but the run in .* began with 1; only these"),
    (
        f"{RESUMED} train_uvf.critic_optimizer = @actor/AdamOptimizer()",
        "but the run in .* began with @critic",
    ),
    (f"{RESUMED} evaluate.num_episodes_eval = 0", "num_episodes_eval = 0; allowed"),
    (f"--seed=1 {RESUMED} train_uvf.log_every_n_steps = 1", "--seed=1: the run in .* began with seed 0"),
    (f"--mode=eval {RESUMED} ACTOR_HIDDEN_SIZE_1 = 8", "SIZE_1 = 8, but the run in .* began with 16; only"),
    (f"--mode=eval {RESUMED} evaluate.checkpoint_path = 'policy-1'", "'policy-1'; .* holds policy-300"),
    # What is to be drawn.
    ("--mode=plot --root_dir=FOLDER/none", "--root_dir=.*none: there is no run$"),
    (
        "--mode=plot --root_dir=FOLDER",
        "--root_dir=.*: no run and no folder of runs; allowed: a folder with run.json",
    ),
    ("--mode=plot --root_dir=FOLDER/locked/run", "--root_dir=.*locked is not writable"),
    ("--mode=plot --root_dir=FOLDER/text.gin", "--root_dir=.*text.gin is not a folder"),
    ("--mode=plot --env=AntMaze", "--env=AntMaze: only for --mode=random"),
    (
        "--mode=random --env=AntMaze --allow_import=mine",
        "--allow_import=mine: only where one run's own configuration is read, --mode=eval, plot, video,"
        " report, export without --gin_file",
    ),
    ("--gin_file=gin/hiro_point_maze.gin --allow_import=mine", "--allow_import=mine: only where"),
    ("--mode=plot --gin_file=gin/hiro_point_maze.gin --allow_import=mine", "--allow_import=mine: only where"),
    (
        "--mode=sweep --gin_file=gin/hiro_point_maze.gin --allow_import=mine",
        "--allow_import=mine: only where",
    ),
    ("--seeds=0,1 --gin_file=gin/hiro_point_maze.gin --allow_import=mine", "--allow_import=mine: only where"),
    (f"--mode=plot {RESUMED} ACTOR_HIDDEN_SIZE_1 = 8", "SIZE_1 = 8, but the run in .* began with 16; only"),
    (f"--mode=plot {RESUMED} evaluate.checkpoint_path = 'policy-1'", "'policy-1'; .* holds policy-300"),
    (f"--mode=plot {RESUMED} evaluate.eval_modes = ['eval9']", "'eval9'.*eval1"),
    # Representations.
    (
        "StatePreprocess.state_indices = [0, 30]",
        r"state_indices = \[0, 30\]; allowed: a list of whole numbers from 0 to 29",
    ),
    ("StatePreprocess.state_indices = 5", "state_indices = 5; allowed: a list of whole numbers"),
    ("StatePreprocess.state_indices = []", r"state_indices = \[\]; allowed: a list of whole numbers"),
    ("meta_add_noise_fn.stddev = (1, 2)", r"stddev = \(1, 2\); allowed: a number or 15 numbers"),
    (
        "--gin_file=gin/whole_obs_point_maze.gin META_EXPLORE_NOISE = (1, 1, 1, 1, 1, -1)",
        r"stddev = \(1, 1, 1, 1, 1, -1\); allowed: numbers from 0",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin VariationalAutoencoder.beta = -1",
        "VariationalAutoencoder.beta = -1; allowed: 0 or more",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin VariationalAutoencoder.reconstruction_stddev = 0",
        "VariationalAutoencoder.reconstruction_stddev = 0; allowed: a number above 0",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin VariationalAutoencoder.encoder_net = None",
        "VariationalAutoencoder.encoder_net = None; allowed: a function, e.g. @encoder_net",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin encoder_net.num_output_dims = 0",
        "encoder_net.num_output_dims = 0; allowed: a whole number from 1",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin encoder_net.num_output_dims = 1",
        "the representation has 1 dimensions, and goals cannot have more",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin decoder_net.hidden_layers = 100",
        "hidden layers 100; allowed: a list",
    ),
    ("--gin_file=gin/vae_point_maze.gin encoder_net.images = 1", "encoder_net.images = 1; allowed: True"),
    (
        "--gin_file=gin/vae_point_maze.gin train_uvf.repr_optimizer = None",
        "repr_optimizer is not set; the gin files must bind it",
    ),
    (
        "--gin_file=gin/vae_point_maze.gin UvfAgent.segment_reward = @NorlReward()",
        "NorlReward.* needs phi; allowed with a learned representation",
    ),
    (
        "--gin_file=gin/e2c_point_maze.gin EmbedToControl.dynamics_weight = 'x'",
        "EmbedToControl.dynamics_weight = 'x'; allowed: 0 or more",
    ),
    (
        "--gin_file=gin/e2c_point_maze.gin EmbedToControl.system_noise = 0",
        "EmbedToControl.system_noise = 0; allowed: a number above 0",
    ),
    (
        "--gin_file=gin/e2c_point_maze.gin EmbedToControl.transition_net = 3",
        "EmbedToControl.transition_net = 3; allowed: a function, e.g. @transition_net",
    ),
    (
        "--gin_file=gin/e2e_point_maze.gin EndToEnd.state_preprocess_net = None",
        "EndToEnd.state_preprocess_net = None; allowed: a function, e.g. @state_preprocess_net",
    ),
    (
        "--gin_file=gin/e2e_point_maze.gin meta/ddpg_critic_net.zero_obs = True",
        "hides its first two inputs .*allowed: False for all four",
    ),
    # Estimators, distances and NORL's reward
    (
        "--gin_file=gin/norl_point_maze.gin train_uvf.batch_size = 1",
        "train_uvf.batch_size = 1; allowed with FifoEstimator, .*: 2 or more",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin StatePreprocess.estimator = @ReplayEstimator",
        r"StatePreprocess.estimator = .*; allowed: @FifoEstimator\(\)",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin --gin_bindings=ReplayEstimator.num_replay_states=0"
        " StatePreprocess.estimator = @ReplayEstimator()",
        "ReplayEstimator.num_replay_states = 0; allowed: a whole number from 1",
    ),
    (
        "--gin_file=gin/norl_point_maze.gin --gin_bindings=SUBGOAL_DIM=1"
        " StatePreprocess.distance = @CosineDistance()",
        "num_output_dims = 1; allowed with CosineDistance, .*: 2 or more",
    ),
    (
        "--gin_file=gin/norl_full_point_maze.gin NorlReward.scale = 0",
        "NorlReward.scale = 0; allowed: a number",
    ),
    (
        "--gin_file=gin/norl_full_point_maze.gin StatePreprocess.trainable = False",
        "segment_reward = @NorlReward\\(\\) needs phi",
    ),
    # Parts that do not go together
    (
        "--gin_file=gin/td3_point_maze.gin --gin_bindings=EndToEnd.state_preprocess_net=@state_preprocess_net"
        " STATE_PREPROCESS_CLASS = @EndToEnd",
        "TargetAgent does not learn; allowed with STATE_PREPROCESS_CLASS = @EndToEnd: @MetaAgent",
    ),
    (
        "--gin_file=gin/td3_point_maze.gin"
        " --gin_bindings=StatePreprocess.state_preprocess_net=@state_preprocess_net"
        " --gin_bindings=StatePreprocess.action_embed_net=@action_embed_net StatePreprocess.trainable = True",
        "StatePreprocess is learned from the high level's segments, and TargetAgent has none; allowed",
    ),
    (
        "--gin_file=gin/hiro_pretrained_point_maze.gin --gin_bindings=SUBGOAL_DIM=2"
        " --gin_bindings=CONTEXT_RANGE_MIN=-5 --gin_bindings=CONTEXT_RANGE_MAX=5"
        " --gin_bindings=EndToEnd.state_preprocess_net=@state_preprocess_net"
        " STATE_PREPROCESS_CLASS = @EndToEnd",
        "pretrain_steps = 2000000 freezes the low level, but EndToEnd goes on changing its goals",
    ),
    (
        "--gin_file=gin/e2c_point_maze.gin EmbedToControl.transition_net = @state_preprocess_net",
        "EmbedToControl.transition_net",
    ),
]


def arguments_of(text, folder, run):
    """The command line of a row, with the parts that it leaves out."""
    flags, binding = re.fullmatch(r"((?:--\S+ ?)*)(.*)", text, re.DOTALL).groups()
    flags = flags.replace("FOLDER", str(folder)).split()
    resumes = RESUMED in flags
    flags = [flag for flag in flags if flag != RESUMED]
    names_file = any(flag.startswith("--gin_file") for flag in flags)
    if not names_file:
        flags.append(f"--gin_file=gin/{'hiro_xy_point_maze' if resumes else 'hiro_ant_maze'}.gin")
    if not any(flag.startswith("--root_dir") for flag in flags):
        flags.append(f"--root_dir={run if resumes else folder / 'runs' / 'run'}")
    bindings = [*(RUN if resumes else () if names_file else SMALL), *([binding] if binding else [])]
    if "every_n_steps.n" in binding or "every_n_episodes" in binding:
        bindings.insert(0, "UvfAgent.reset_episode_cond_fn = @every_n_steps")
    return ["run.py", *flags, *(f"--gin_bindings={binding}" for binding in bindings)]


def snapshot(folder):
    """Path -> content, None for folders."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs") / "run"
    gin.clear_config()
    assert (
        main.main(arguments_of(f"--root_dir={root} {RESUMED} train_uvf.log_every_n_steps = 100", root, root))
        == 0
    )
    return root


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with `FILES`; what gin remembers of it is forgotten afterwards."""
    for name, content in FILES.items():
        if content is None:
            (tmp_path / name).mkdir(mode=0o555)
        else:
            (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(gin.config, "_LOCATION_PREFIXES", [""])
    return tmp_path


@pytest.mark.parametrize("text, message", WRONG)
def test_a_mistake_is_one_line_and_writes_nothing(text, message, folder, request, monkeypatch, capfd):
    run = request.getfixturevalue("finished_run") if RESUMED in text else folder
    # What is accepted by mistake must not train for hours.
    monkeypatch.setattr(TrainingRun, "run", lambda *_: pytest.fail("accepted"))
    before = snapshot(folder), snapshot(run)
    gin.clear_config()
    capfd.readouterr()
    assert main.main(arguments_of(text, folder, run)) == 2
    out, err = capfd.readouterr()
    assert out in ("", COMPILING)
    assert len(err.splitlines()) == 1 and "Traceback" not in err, err
    assert re.search(message.replace("FOLDER", re.escape(str(folder))), err), err
    assert (snapshot(folder), snapshot(run)) == before


def test_a_table_that_somebody_has_changed_is_found_before_a_continuation_is_noted(
    finished_run, folder, capfd
):
    run = folder / "copy"
    shutil.copytree(finished_run, run)
    table = run / "eval.csv"
    table.write_text(table.read_text().replace("env_steps", "steps", 1))
    before = snapshot(run)
    gin.clear_config()
    assert main.main(arguments_of(f"{RESUMED} train_uvf.num_episodes_train = 7", folder, run)) == 2
    out, err = capfd.readouterr()
    assert "eval.csv: not as this program writes it" in err and "continuing" not in out
    assert snapshot(run) == before


def test_a_run_whose_checkpoints_were_deleted_is_left_as_it_is(finished_run, folder, capfd):
    run = folder / "copy"
    shutil.copytree(finished_run, run)
    shutil.rmtree(run / "checkpoints")
    before = snapshot(run)
    gin.clear_config()
    assert main.main(arguments_of(RESUMED, folder, run)) == 2
    assert "a run whose checkpoints are gone" in capfd.readouterr().err
    assert snapshot(run) == before


@pytest.mark.parametrize("mode, below", [("train", ""), ("train", "/run"), ("report", ""), ("eval", "")])
def test_a_link_that_leads_nowhere_is_a_mistake(mode, below, folder, capfd):
    (folder / "link").symlink_to("gone/folder")
    gin.clear_config()
    arguments = arguments_of(f"--mode={mode} --root_dir={folder}/link{below}", folder, folder)
    assert main.main(arguments) == 2
    message = (
        f"{folder}/link is a link that leads nowhere, to gone/folder; allowed: a folder, or a link to one"
    )
    assert capfd.readouterr().err == f"run.py: --root_dir={folder}/link{below}: {message}\n"
    assert (folder / "link").is_symlink() and not (folder / "gone").exists()


def test_no_configuration_is_a_mistake(folder, capfd):
    gin.clear_config()
    assert main.main(["run.py", f"--root_dir={folder / 'run'}"]) == 2
    assert "no configuration; give --gin_file=PATH" in capfd.readouterr().err
    assert not (folder / "run").exists()
