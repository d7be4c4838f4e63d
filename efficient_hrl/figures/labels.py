"""Names in figures, as they are."""


def no_formula(name: str) -> str:
    """A name in which a dollar sign begins no formula of matplotlib's."""
    return name.replace("$", r"\$")
