"""What ends the program with one line in place of a stack trace."""


class UsageError(Exception):
    """Something that the user can mend; shown as one line, exit status 2."""


class RunError(Exception):
    """What has ended a run that was under way; shown as one line, exit status 1."""
