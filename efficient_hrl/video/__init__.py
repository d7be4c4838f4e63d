"""Videos of evaluation episodes: what is seen, and how it becomes a file."""
