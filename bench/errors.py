"""The two exceptions somebody catches: a user's mistake, and a request to stop."""


class UsageError(ValueError):
    """Bad input, said in one sentence: the value shown, what was expected, what to do.

    The command line prints the sentence and exits with 2, without a traceback.
    """


class Interrupted(Exception):  # noqa: N818 - it is no error: the same command continues
    """The run was asked to stop; its checkpoint holds everything up to the last log."""
