"""How a training is stopped from outside: SIGINT or SIGTERM asks, and the next safe moment answers."""

import signal

EXIT_STATUS = 75


class Stopped(SystemExit):
    """The training was asked to stop and has saved its work. The same command goes on."""

    def __init__(self):
        super().__init__(EXIT_STATUS)


class Stop:
    """Notes that a signal came. Whoever works asks `requested` where stopping loses nothing."""

    def __init__(self):
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def _request(self, *_):
        self.requested = True

    def check(self):
        """For work that has nothing to save: ends the program if a signal came."""
        if self.requested:
            raise Stopped
