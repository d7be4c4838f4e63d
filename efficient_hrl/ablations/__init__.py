"""What HIRO compares itself with: single switches of the method, a module each.

What all methods share does not belong here.

May import: agent, replay.
"""
