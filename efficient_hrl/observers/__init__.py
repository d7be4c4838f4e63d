"""What watches every step that is collected: what goes to the buffers, and returns of episodes.

Each observer is called with a `Step`, within the compiled loop, and says what a checkpoint must hold.

May import: episodes, graph, hierarchical_policy, replay.
"""
