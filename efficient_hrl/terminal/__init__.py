"""What is said on a terminal: lines, colours, progress bars.

May import: nothing.
"""
