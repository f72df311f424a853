"""The rival in Python: what such a publisher costs with msgpack and pyzmq, one event a message.

    main.py --class august|january --block-size N --events N [--rate N [--tick-ms N]]

Lines of JSON. In: first a list of engine events, then any line for a question; the end of the input ends the process.
Out: {"endpoint"} when the socket is bound, an answer {"sentEvents", "cpuSeconds", "peakRssBytes", "lastSentMs"} to each
question, and {"events", "seconds", "cpuSeconds"} when all is sent, over the time from the first event on.

The first event is held until a subscriber is there, and no queue limit makes it lose one: both unlike what it stands
for, and both needed to compare. Threads: `publish` does all the work and owns the socket, the main thread answers.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import threading
import time

import zmq

from august import AugustPublisher
from engine import Engine
from january import JanuaryPublisher

CLASSES = {"august": AugustPublisher, "january": JanuaryPublisher}


def options():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--class", dest="publisher", choices=sorted(CLASSES), default="august")
    parser.add_argument("--block-size", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--rate", type=float, help="events a second; without it as fast as it goes")
    parser.add_argument("--tick-ms", type=float, default=0, help="events of so many milliseconds become due together")
    return parser.parse_args()


def tell(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def cpu_seconds():
    """Of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def publish(socket, publisher, engine):
    try:
        socket.recv()
        start, cpu = time.monotonic(), cpu_seconds()
        asyncio.run(publisher.run(engine))
        seconds, used = time.monotonic() - start, cpu_seconds() - cpu
        tell({"events": publisher.sender.sequence, "seconds": seconds, "cpuSeconds": used})
    except BaseException:
        # Whoever waits for the rest must see that it will not come.
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def main():
    chosen = options()
    engine = Engine(json.loads(sys.stdin.readline()), chosen.events, chosen.rate, chosen.tick_ms / 1000)
    # The ready-made events would be looked at by each full collection, which is no work of a publisher.
    gc.collect()
    gc.freeze()
    socket = zmq.Context().socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.bind("tcp://127.0.0.1:*")
    clock = time.time if chosen.rate is None else engine.entered
    publisher = CLASSES[chosen.publisher](socket, clock, chosen.block_size)
    thread = threading.Thread(target=publish, args=(socket, publisher, engine), name="publish", daemon=True)
    tell({"endpoint": socket.getsockopt_string(zmq.LAST_ENDPOINT)})
    thread.start()
    for _question in sys.stdin:
        tell(
            {
                "sentEvents": publisher.sender.sequence,
                "cpuSeconds": cpu_seconds(),
                "peakRssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "lastSentMs": engine.handled_at * 1000,
            }
        )
    # Not by way of the interpreter's end, which would wait for a socket that another thread owns.
    os._exit(0)


main()
