"""Stands in for the engine: hands out ready-made events, as fast as they are taken or at a rate.

A few hundred stored events go round and round: making a million dicts beforehand would take gigabytes, and making them
on the way would be measured. Only their ids are written anew. Used on the publishing thread only.
"""

import math
import time
from collections import deque

# One that comes round again must not be in the drain that it was in before.
FEWEST_EVENTS = 257
# Far less than an event, far more than what a product of a few decimal fractions is off.
ROUNDING = 1e-6


class Engine:
    """`events`: as the engine's server lists them, parsed. `count`: stored events to hand out in all.

    `rate`: of those a second, None for no pacing; what is due at the same time comes in one drain. `tick`: seconds;
    events become due at whole multiples of it only, 0 for each by itself.
    """

    def __init__(self, events, count, rate, tick):
        self._first = deque(event for event in events if event["data"]["type"] != "stored")
        self._stored = [event for event in events if event["data"]["type"] == "stored"]
        if len(self._stored) < FEWEST_EVENTS:
            raise ValueError(f"{len(self._stored)} stored events, where {FEWEST_EVENTS} are the fewest")
        self._count = count
        self._rate = rate
        self._tick = tick
        self._made = 0
        self._due = count if rate is None else 0
        self._next_id = 0
        self._start = None
        # When each stored event was handed out, until it is sent. Only kept where there is a rate.
        self._entered = deque()
        # Seconds since 1970: when the events of the last drain had been dealt with.
        self.handled_at = 0.0

    @property
    def ended(self):
        return self._made == self._count

    def entered(self):
        """Seconds since 1970 at which the oldest event that has not been sent was handed out."""
        return self._entered.popleft()

    def handled(self):
        self.handled_at = time.time()

    def drain(self):
        """An iterator over the events that are there. With a rate it sleeps before, until one is."""
        if self._rate is not None:
            self._sleep()
        return Drain(self._next)

    def _sleep(self):
        if self._start is None:
            self._start = time.monotonic()
        while not self.ended:
            now = time.monotonic() - self._start
            self._due = min(self._count, int(self._on_tick(math.floor, now) * self._rate + ROUNDING))
            if self._due > self._made:
                return
            time.sleep(max(0.0, self._on_tick(math.ceil, (self._made + 1) / self._rate) - now))

    def _on_tick(self, whole, seconds):
        return whole(seconds / self._tick) * self._tick if self._tick > 0 else seconds

    def _next(self):
        if self._first:
            event = self._first.popleft()
        elif self._made < self._due:
            event = self._stored[self._made % len(self._stored)]
            self._made += 1
            if self._rate is not None:
                self._entered.append(time.time())
        else:
            raise StopAsyncIteration
        event["event_id"] = self._next_id
        self._next_id += 1
        return event


class Drain:
    """Asynchronous, as the engine's own: there the next event may have to come from another process."""

    def __init__(self, take):
        self._take = take

    def __aiter__(self):
        return self

    async def __anext__(self):
        return self._take()
