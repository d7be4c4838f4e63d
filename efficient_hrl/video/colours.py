"""Colours that mean the same on the map, over time and in the scene; told apart by the colour-blind too."""

PATH = "#e69f00"
ROBOT = "black"
GOAL = "#0072b2"
TARGET = "#009e73"
OBJECTS = {"apple": "#2ca02c", "bomb": "#d62728"}  # told apart by their markers too
