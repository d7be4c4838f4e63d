"""One HTML file that tells of a run or of several, without anything from a network."""
