"""The command line: flags, help, and which mode is called.

What a mode does belongs to `modes`.

May import: comparison, configuration, errors, storage, terminal, video.
"""
