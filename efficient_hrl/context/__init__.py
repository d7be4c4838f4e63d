"""Goals and targets: ranges, samplers, transitions, rewards.

Pure functions of tensors; who pursues a context, and how that is learned, is told elsewhere.

May import: checks, inert_parameters.
"""
