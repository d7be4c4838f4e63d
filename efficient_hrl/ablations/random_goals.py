"""Random goals for the low level's experience (HIRO, arXiv 1805.08296, section 5.2).

HIRO's variant "with lower-level re-labelling": a transition that was collected under one
goal teaches what it says about any other, as in hindsight experience replay (Andrychowicz
et al. 2017, arXiv 1707.01495).  Low-level rewards are computed when a batch is learned
from, so that they follow the new goals by themselves.
"""

import tensorflow as tf

from efficient_hrl.replay import Transition


def with_random_goals(batch: Transition, low_agent, share: float, seed: tf.Tensor) -> Transition:
    """A batch in which some goals are replaced by random ones.

    A new goal is drawn from the low level's samplers of mode "train", which see the
    representations, and the goal at the next state is what the context's transition makes
    of it.

    Args:
      batch: [B] transitions.
      low_agent: the low level, for its context and representation.
      share: probability with which a goal is replaced, 0 to 1.
      seed: int64 [2].

    Returns:
      Transitions that differ in `goal` and `next_goal` alone.
    """
    size = batch.goal.shape[0] or tf.shape(batch.goal)[0]
    chooses, draws = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    states = tf.stop_gradient(low_agent.state_preprocess(batch.state))
    next_states = tf.stop_gradient(low_agent.state_preprocess(batch.next_state))
    context = low_agent.context
    drawn, _ = context.sample("train", size, draws, states, next_states)
    followed = context.transition(drawn, states, next_states)
    replaced = (tf.random.stateless_uniform([size], chooses) < share)[:, None]
    return batch._replace(
        goal=tf.where(replaced, context.merge(drawn), batch.goal),
        next_goal=tf.where(replaced, context.merge(followed), batch.next_goal),
    )
