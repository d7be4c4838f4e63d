"""SIGINT and SIGTERM as a wish that the run's loop looks at."""

import signal


class StopRequest:
    """True once a signal has come.  A second signal acts as without this class."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

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
        self._previous = {number: signal.signal(number, self._request) for number in self._SIGNALS}
        return self

    def __exit__(self, *unused_error):
        self._restore()

    def _request(self, number, unused_frame):
        self._signal = number
        self._restore()

    def _restore(self):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
