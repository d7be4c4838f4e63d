"""Gin files and bindings -> configuration, with every mistake in one line.

What the bindings mean belongs to the configurables themselves.

May import: ablations, agent, agents, binding_effects, checks, context, environments, errors,
evaluation, representations, storage, train.
"""
