"""A clock without waiting, and what things wait for on it: places, servers, a disk. Discrete events, no randomness.

    def customer(shop: Servers) -> Process:
        yield clock.wait(3.0)
        yield from shop.serve(0.5)       # stands in line, first come first served

    clock.start(customer(shop))
    clock.run(100.0)
    shop.use()                           # share of the time in which it was busy

A process is a generator. What it yields is given a function to call when the process may go on.
"""

import heapq
from collections import deque
from collections.abc import Callable, Generator
from itertools import count

Go = Callable[[], None]
Wait = Callable[[Go], None]
Process = Generator[Wait, None, None]


class Clock:
    """Knows what is to happen, and when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._coming: list[tuple[float, int, Go]] = []
        self._numbers = count()  # of two at the same moment, the first that was planned is first

    def at(self, delay: float, action: Go) -> None:
        """Do something after some seconds."""
        heapq.heappush(self._coming, (self.now + delay, next(self._numbers), action))

    def wait(self, seconds: float) -> Wait:
        """Let a process stand still."""
        return lambda go: self.at(seconds, go)

    def start(self, process: Process) -> None:
        """Let a process begin at once."""

        def step() -> None:
            wait = next(process, None)
            if wait is not None:
                wait(step)

        step()

    def run(self, until: float) -> None:
        """Let everything happen until a moment, which is now then."""
        while self._coming and self._coming[0][0] <= until:
            self.now, _, action = heapq.heappop(self._coming)
            action()
        self.now = until


class Places:
    """So many may be inside at once; others stand in line.

    Args:
        clock: The clock.
        number: Of places.
    """

    def __init__(self, clock: Clock, number: int) -> None:
        self._clock, self.number = clock, number
        self.inside = 0
        self.entered = 0
        self._line: deque[Go] = deque()
        self._since = self._changed = clock.now
        self._sum = self._waiting = 0.0  # seconds inside, and in line, of all together

    def enter(self, go: Go) -> None:
        """Take a place as soon as there is one."""
        self._count()
        if self.inside < self.number:
            self._admit(go)
        else:
            self._line.append(go)

    def leave(self) -> None:
        """Give the place back."""
        self._count()
        self.inside -= 1
        if self._line:
            self._admit(self._line.popleft())

    def serve(self, seconds: float) -> Process:
        """Take a place for some time."""
        yield self.enter
        yield self._clock.wait(seconds)
        self.leave()

    def use(self) -> float:
        """Return the share of all places that was taken, on average."""
        return self.average() / self.number

    def average(self) -> float:
        """Return how many were inside, on average."""
        self._count()
        return self._sum / (self._clock.now - self._since)

    def in_line(self) -> float:
        """Return how many stood in line, on average."""
        self._count()
        return self._waiting / (self._clock.now - self._since)

    def forget(self) -> None:
        """Let the averages begin now."""
        self._count()
        self._since, self._sum, self._waiting, self.entered = self._clock.now, 0.0, 0.0, 0

    def _admit(self, go: Go) -> None:
        self.inside += 1
        self.entered += 1
        self._clock.at(0.0, go)

    def _count(self) -> None:
        passed, self._changed = self._clock.now - self._changed, self._clock.now
        self._sum += passed * self.inside
        self._waiting += passed * len(self._line)


class Disk:
    """Writes a log: whoever comes during a write is written with the next one, all of them together.

    Args:
        clock: The clock.
        seconds: Of a write.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._coming: list[Go] = []
        self._is_writing = False

    def write(self, go: Go) -> None:
        """Wait until it is written."""
        self._coming.append(go)
        if not self._is_writing:
            self._begin()

    def _begin(self) -> None:
        group, self._coming, self._is_writing = self._coming, [], True
        self._clock.at(self._seconds, lambda: self._end(group))

    def _end(self, group: list[Go]) -> None:
        for go in group:
            go()
        if self._coming:
            self._begin()
        else:
            self._is_writing = False
