"""What a class sends for given events, without a socket: for the test that holds it against recorded messages.

In: a JSON list of {"class", "blockSize", "seconds", "events"}; hashes may be decimal strings. Out: for each of them a
list of messages, each a list of its frames in hex. The first error that a class raises ends its list.
"""

import json
import logging
import sys

from august import AugustPublisher
from january import JanuaryPublisher

HASHES = {"block_hash", "parent_hash", "block_hashes"}


class Recorder:
    def __init__(self):
        self.messages = []

    def send_multipart(self, frames):
        self.messages.append([frame.hex() for frame in frames])


def number(value):
    if isinstance(value, list):
        return [number(each) for each in value]
    return int(value) if isinstance(value, str) else value


def numbers(value):
    if isinstance(value, dict):
        return {key: number(each) if key in HASHES else numbers(each) for key, each in value.items()}
    return [numbers(each) for each in value] if isinstance(value, list) else value


def messages(script):
    recorder = Recorder()
    is_august = script["class"] == "august"
    publisher_class = AugustPublisher if is_august else JanuaryPublisher
    publisher = publisher_class(recorder, lambda: script["seconds"], script["blockSize"])
    try:
        for event in numbers(script["events"]):
            publisher.handle([event] if is_august else event)
    except (KeyError, TypeError, ValueError):
        pass
    return recorder.messages


logging.disable(logging.CRITICAL)
json.dump([messages(script) for script in json.load(sys.stdin)], sys.stdout)
