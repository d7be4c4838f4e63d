"""What ends the program with one line in place of a stack trace."""


class UsageError(Exception):
    """Something that the user can mend; shown as one line, exit status 2."""


def not_installed(error: ModuleNotFoundError) -> str | None:
    """What to say of a package that is missing; None where it is one of this project's modules."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "efficient_hrl", "environments"):
        return None
    return f"{package} is not installed; pip install -r requirements.txt"


class RunError(Exception):
    """What has ended a run that was under way; shown as one line, exit status 1."""
