"""The command line: flags, help, and which mode is called.

What a mode does belongs to `modes`.

May import: checks, comparison, configuration, errors, storage, terminal, video.
"""
