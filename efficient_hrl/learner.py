"""Learning: replay -> updates -> weights.

This side of the program reads the two buffers and changes the weights.  It
knows nothing of environments.
"""

from typing import NamedTuple

import tensorflow as tf

from efficient_hrl.ablations.random_goals import with_random_goals
from efficient_hrl.graph.compiled import compiled, repeat
from efficient_hrl.graph.random_streams import Stream, stream_seed
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.relabeling import Relabeled, check_strategy, relabeled_goals
from efficient_hrl.replay import Segment, UniformReplayBuffer
from efficient_hrl.specifications.learning import LearningSettings

_LONGEST_UNROLLED = 4  # updates; more of them take long to trace


class LossSums(NamedTuple):
    """Sums of losses and how many updates they were summed over, float32 scalars."""

    low_updates: tf.Tensor
    low_critic: tf.Tensor
    low_actor_updates: tf.Tensor
    low_actor: tf.Tensor
    representation: tf.Tensor
    representation_close: tf.Tensor
    representation_far: tf.Tensor
    representation_bound: tf.Tensor
    representation_kl: tf.Tensor
    high_updates: tf.Tensor
    high_critic: tf.Tensor
    high_actor_updates: tf.Tensor
    high_actor: tf.Tensor


class Learner(tf.Module):
    """Updates both levels and the representation from the buffers.

    Attributes:
      settings: from what updates are made.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        low_replay: UniformReplayBuffer,
        high_replay: UniformReplayBuffer,
        settings: LearningSettings,
        seed: int,
    ):
        """Joins agents and buffers.

        Args:
          hierarchy: what learns.
          low_replay, high_replay: transitions and segments.
          settings: from what updates are made.
          seed: the run's seed.
        """
        super().__init__(name="learner")
        check_strategy(settings.goal_sample_strategy)
        self._hierarchy = hierarchy
        self._low_replay = low_replay
        self._high_replay = high_replay
        self.settings = settings
        self._seed = seed
        for agent, relabels in (
            (hierarchy.low, settings.relabel_contexts or settings.random_goal_share),
            (hierarchy.high, settings.meta_relabel_contexts),
        ):
            if relabels:
                agent.context.samplers("train")
        self._sums = LossSums(*(tf.Variable(0.0, trainable=False, name=f) for f in LossSums._fields))
        self._choices = tf.Variable(tf.zeros([3]), trainable=False, name="choices")

    @compiled
    def learn(self, low_updates: tf.Tensor) -> None:
        """One high-level update and a number of low-level ones, each followed by one of the representation.

        The high level relabels with the low level and the representation as they
        are before this call: TensorFlow runs it beside the low-level updates.

        Args:
          low_updates: how many, an int32 scalar.
        """
        # Not in a loop of its own: its reads of the low level's weights then are all
        # that the low-level updates wait for.
        if self._hierarchy.high.learns:
            self.update_high()
        self._update_low_level(low_updates)

    @compiled
    def learn_low(self, low_updates: tf.Tensor) -> None:
        """`learn` without the high level."""
        self._update_low_level(low_updates)

    @compiled
    def learn_high(self) -> None:
        """One high-level update alone."""
        self.update_high()

    def _update_low_level(self, low_updates):
        low = self._hierarchy.low
        period = low.target_update_period
        if period > _LONGEST_UNROLLED:
            repeat(low_updates, lambda _: self._update_low_and_representation(None))
            return
        # Whole periods of updates as one step of the loop: what differs inside a period
        # is then known when the graph is made, and an update's targets can be computed
        # beside the update before it (5 to 7 % of the time, benchmarks/NOTES.md).
        starts_period = tf.equal(low.train_step_counter % period, 0)
        periods = tf.where(starts_period, low_updates // period, 0)
        repeat(periods, lambda _: [self._update_low_and_representation(phase) for phase in range(period)])
        if period > 1:
            repeat(low_updates - periods * period, lambda _: self._update_low_and_representation(None))

    def checkpointed(self) -> dict[str, tf.Variable]:
        """Sums of the log interval under way, by name."""
        return self._sums._asdict()

    def checkpointed_choices(self) -> dict[str, tf.Variable]:
        """How often each kind of candidate was chosen in the log interval under way, by name."""
        return {"counts": self._choices}

    def mean_losses(self) -> dict[str, float]:
        """Mean losses since the last call, by name; NaN where no update was made."""
        sums = {name: float(value) for name, value in self._sums._asdict().items()}
        for variable in self._sums:
            variable.assign(0.0)
        mean = lambda total, count: sums[total] / sums[count] if sums[count] else float("nan")
        means = {
            "low_critic_loss": mean("low_critic", "low_updates"),
            "low_actor_loss": mean("low_actor", "low_actor_updates"),
            "high_critic_loss": mean("high_critic", "high_updates"),
            "high_actor_loss": mean("high_actor", "high_actor_updates"),
        }
        trained = self._hierarchy.representation.trainable_representation
        for name in ("representation", "representation_close", "representation_far"):
            means[f"{name}_loss"] = mean(name, "low_updates") if trained else float("nan")
        for name in ("representation_bound", "representation_kl"):
            means[name] = mean(name, "low_updates") if trained else float("nan")
        return means

    def relabeling_shares(self) -> dict[str, float]:
        """How often each kind of candidate was chosen since the last call, see `Relabeled`; 0 to 1, by name.

        NaN where nothing was chosen: without updates of the high level, and with strategies
        that have no candidates.
        """
        counts = self._choices.numpy().astype(float)
        self._choices.assign(tf.zeros([3]))
        total = counts.sum()
        shares = counts / total if total else [float("nan")] * 3
        return dict(zip(("relabel_sampled", "relabel_reached", "relabel_stored"), map(float, shares)))

    def update_low(self, phase: int | None = None) -> None:
        """One update of the low level; `phase` as for `DdpgAgent.update`."""
        low, sums = self._hierarchy.low, self._sums
        seed = self._seed_for(Stream.LOW_REPLAY, low.train_step_counter)
        drawn = self._low_replay.sample(self.settings.batch_size, seed, self.settings.low_replay_window)
        batch = self._scaled(self._repeated(drawn))
        if self.settings.relabel_contexts:
            goals, next_goals = self._drawn(low, Stream.LOW_CONTEXTS, batch)  # [B, G]
            batch = batch._replace(goal=goals, next_goal=next_goals)
        if self.settings.random_goal_share:
            goals_seed = self._seed_for(Stream.RANDOM_GOALS, low.train_step_counter)
            batch = with_random_goals(batch, low, self.settings.random_goal_share, goals_seed)
        info = low.train(batch, phase=phase).extra
        sums.low_updates.assign_add(1.0)
        sums.low_critic.assign_add(info.critic_loss)
        sums.low_actor_updates.assign_add(info.actor_counts)
        sums.low_actor.assign_add(info.actor_loss)

    def update_representation(self) -> None:
        """One update of the representation."""
        representation, sums = self._hierarchy.representation, self._sums
        seed = self._seed_for(Stream.REPRESENTATION_REPLAY, representation.updates)
        batch = self._repeated(self._high_replay.sample(self.settings.batch_size, seed))
        step_seed = self._seed_for(Stream.REPRESENTATION_STEP, representation.updates)
        info = representation.learn(batch, step_seed, self._draw_replay_states)
        sums.representation.assign_add(info.loss)
        sums.representation_close.assign_add(info.close)
        sums.representation_far.assign_add(info.far)
        sums.representation_bound.assign_add(info.bound)
        sums.representation_kl.assign_add(info.kl)

    def update_high(self) -> None:
        """One update of the high level, on relabelled segments."""
        high, sums = self._hierarchy.high, self._sums
        segments = self.draw_segments()  # [B, ...]
        relabeled = self.relabeled(segments)
        segments = segments._replace(goal=relabeled.goals)  # [B, G]
        if relabeled.kinds is not None:
            self._choices.assign_add(tf.reduce_sum(tf.one_hot(relabeled.kinds, 3), axis=0))
        if self.settings.meta_relabel_contexts:
            # Rewards stay the stored ones, as in the original.
            targets, next_targets = self._drawn(high, Stream.HIGH_CONTEXTS, segments)  # [B, T]
            segments = segments._replace(target=targets, next_target=next_targets)
        info = high.train(segments).extra
        sums.high_updates.assign_add(1.0)
        sums.high_critic.assign_add(info.critic_loss)
        sums.high_actor_updates.assign_add(info.actor_counts)
        sums.high_actor.assign_add(info.actor_loss)

    def draw_segments(self) -> Segment:
        """The batch of the high level's next update, with stored goals."""
        seed = self._seed_for(Stream.HIGH_REPLAY, self._hierarchy.high.train_step_counter)
        return self._scaled(self._repeated(self._high_replay.sample(self.settings.batch_size, seed)))

    def relabeled(self, segments: Segment) -> Relabeled:
        """The goals that the high level learns from in place of the stored ones."""
        f, inverse = self._hierarchy.representation, self._hierarchy.inverse_dynamics
        seed = self._seed_for(Stream.RELABELING, self._hierarchy.high.train_step_counter)
        normal = tf.random.stateless_normal(
            inverse.draws_shape(self.settings.goal_sample_strategy, self.settings.update_size), seed
        )  # [n, B, G]
        return relabeled_goals(
            segments,
            f(segments.state),  # [B, G]
            f(segments.next_state),  # [B, G]
            f(segments.low_states),  # [B, c, G]
            inverse,
            self._hierarchy.low,
            normal,
            self.settings.goal_sample_strategy,
        )

    def _draw_replay_states(self, num_sets, size):
        """Independent sets of states for the representation's objective, each [size, S]."""
        if not num_sets:
            return ()
        seed = self._seed_for(Stream.REPRESENTATION_STATES, self._hierarchy.representation.updates)
        states = self._low_replay.sample_next_states(num_sets * size, seed)  # [num_sets size, S]
        return tuple(tf.split(states, num_sets))

    def _update_low_and_representation(self, phase):
        self.update_low(phase)
        if self._hierarchy.representation.trainable_representation:
            self.update_representation()

    def _seed_for(self, stream, counter):
        return stream_seed(self._seed, stream, counter)

    def _repeated(self, batch):
        copies = self.settings.repeat_size + 1
        if copies == 1:
            return batch
        return tf.nest.map_structure(lambda x: tf.concat([x] * copies, axis=0), batch)

    def _scaled(self, batch):
        factor = self.settings.reward_scale_factor
        return batch if factor == 1.0 else batch._replace(reward=factor * batch.reward)

    def _drawn(self, agent, stream, batch):
        """Contexts of a level and the next ones from its "train" sampler, which sees states as they are."""
        seed = self._seed_for(stream, agent.train_step_counter)
        drawn = agent.context.sample("train", self.settings.update_size, seed, batch.state, batch.next_state)
        return [agent.context.merge(contexts) for contexts in drawn]  # [B, G] or [B, T] each


class Learning(NamedTuple):
    """What learns, and from what.

    Attributes:
      hierarchy: both levels and the representation.
      low_replay, high_replay: transitions, and segments.
      learner: buffers -> weights.
    """

    hierarchy: Hierarchy
    low_replay: UniformReplayBuffer
    high_replay: UniformReplayBuffer
    learner: Learner
