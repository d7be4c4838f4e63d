"""Which pictures a report shows, in which order, and what it says of them."""

import pathlib
from typing import NamedTuple

from efficient_hrl.storage.run_name import printable


class Picture(NamedTuple):
    """A picture of a run.

    Attributes:
      path: of the PNG.
      title: above it.
      caption: below it, in plain words.
    """

    path: pathlib.Path
    title: str
    caption: str


class Section(NamedTuple):
    """Pictures that belong together.

    Attributes:
      anchor: name for links.
      title: heading.
      pictures: in order.
    """

    anchor: str
    title: str
    pictures: list[Picture]


# Section -> pictures by name without ending, each with title and caption.
_OF_A_RUN = {
    ("learning", "Learning"): {
        "success_curve": (
            "Success and last task reward",
            "Every evaluation, noise-free. In mazes the task's reward is minus the distance to the target.",
        ),
        "return_curve": (
            "Return",
            "Every evaluation, noise-free; the dashed line is a number that a paper publishes.",
        ),
        "learning_curve": (
            "Returns and losses",
            "While collecting, with exploration noise. Bold lines are running means.",
        ),
    },
    ("exploration", "Exploration and goals"): {
        "visits": (
            "Where the robot was",
            "Positions visited between evaluations, as training proceeds; the scale is logarithmic.",
        ),
        "goals": (
            "Goals proposed, goals reached",
            "What the high level asked for and what the low level made of it within c steps.",
        ),
        "relabelling": (
            "Off-policy correction",
            "Which candidate explained the stored actions best: a sampled goal, the change that was reached,"
            " or the goal that had been stored.",
        ),
    },
    ("representation", "Goal space"): {
        "representation_trajectories": (
            "The embedding along evaluation episodes",
            "One episode per target, coloured by time, beside the true positions (NORL, Figure 2).",
        ),
        "representation_grid": (
            "The embedding of the whole maze",
            "The robot at rest at every place, coloured by place; neighbours are linked.",
        ),
        "sensitivity": (
            "What moves the embedding",
            "Norm of the Jacobian of f with respect to the positions of robot and block along an episode.",
        ),
        "sensitivity_shifted": (
            "The embedding when something stands 1 m elsewhere",
            "Circles show where f would be with robot or block shifted in all directions (NORL, Figure 4).",
        ),
        "representation_bound": (
            "The bound of the objective",
            "The estimator's bound, the weighted KL, and the epsilon of NORL's claim about sub-optimality.",
        ),
    },
}
_OF_SEVERAL_RUNS = {
    "comparison_success": (
        "Success rates",
        "Each target, and all of them together. Bands are the interval named in the title; dashed lines"
        " are numbers that the papers publish.",
    ),
    "comparison_evaluated_return": (
        "Returns",
        "Noise-free. Bands are the interval named in the title; dashed lines are numbers that the papers"
        " publish.",
    ),
    "comparison_reward": (
        "Last task reward",
        "At the last step; in mazes it is minus the distance to the target.",
    ),
    "comparison_return": (
        "Task return while collecting",
        "With exploration noise, mean of the last 20,000 environment steps.",
    ),
    "comparison_final": ("At the last common evaluation", "Point estimates and intervals."),
}


def sections_of_run(plots: pathlib.Path) -> list[Section]:
    """What is in a run's folder `plots/`; sections without pictures are left out.

    Pictures that this program does not know are shown last, under their file names.
    """
    known = {name for pictures in _OF_A_RUN.values() for name in pictures}
    sections = [
        Section(anchor, title, _existing(plots, pictures)) for (anchor, title), pictures in _OF_A_RUN.items()
    ]
    others = [
        Picture(path, printable(path.stem).replace("_", " "), printable(path.name))
        for path in sorted(plots.glob("*.png"))
        if path.stem not in known
    ]
    sections.append(Section("more", "More pictures", others))
    return [section for section in sections if section.pictures]


def pictures_of_comparison(folder: pathlib.Path) -> list[Picture]:
    """The pictures of a task's folder that compare several runs."""
    return _existing(folder, _OF_SEVERAL_RUNS)


def _existing(folder, pictures):
    paths = ((folder / f"{name}.png", *words) for name, words in pictures.items())
    return [Picture(*picture) for picture in paths if picture[0].is_file()]
