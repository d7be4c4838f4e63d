"""What TensorFlow and the machine need: compiled calls, seeds, finiteness, threads, memory.

Nothing here knows of reinforcement learning.

May import: nothing.
"""
