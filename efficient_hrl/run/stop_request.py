"""SIGINT, SIGTERM and SIGHUP as a wish that the run's loop looks at."""

import signal


class StopRequest:
    """True once a signal has come.

    A second SIGINT or SIGTERM acts as without this class.  A second SIGHUP does nothing: a terminal
    that is closed may send it twice, and once more after another signal.
    """

    # SIGHUP: the terminal was closed.
    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self._signal = None
        self._previous = {}

    def __bool__(self) -> bool:
        return self._signal is not None

    @property
    def name(self) -> str:
        """The signal's name, "" before one has come."""
        return signal.Signals(self._signal).name if self else ""

    def __enter__(self):
        wanted = [number for number in self._SIGNALS if not self._is_ignored(number)]
        self._previous = {number: signal.signal(number, self._request) for number in wanted}
        return self

    def __exit__(self, *unused_error):
        self._restore(self._previous)

    @staticmethod
    def _is_ignored(number):
        """Whether the run was started to outlive its terminal, as by nohup."""
        return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN

    def _request(self, number, unused_frame):
        if self._signal is None:
            self._signal = number
            self._restore(self._previous.keys() - {signal.SIGHUP})

    def _restore(self, numbers):
        for number in numbers:
            signal.signal(number, self._previous[number])
