"""Collectors in processes of their own, on this machine or others: blocks of steps one way, weights back.

Reverb is the transport; buffers, schedule and updates are those of one process.  It is imported only in
`transport`, and only when it is needed.

May import: collect, environments, errors, graph, observers, replay, sweeps.
"""
