"""The publisher class of January 2026: each event handled as it comes, and told to the debug log in full.

That log is off, here as there, but the lines for it are put together before it is asked: all blocks and tokens as text,
twice for a stored event. That is most of what this class costs, and what its successor does without.
"""

import asyncio
import logging

import msgpack

from common import FIRST_PAUSE, LONGEST_PAUSE, PAUSE_GROWTH, WindowLearner
from messages import MessageSender, signed

# It knows of one rank.
RANK = 0

log = logging.getLogger("rival.january")


def pack(message):
    return msgpack.packb(message, use_bin_type=True)


class JanuaryPublisher(WindowLearner):
    def __init__(self, socket, clock, block_size):
        super().__init__()
        self._block_size = block_size
        self.sender = MessageSender(socket, clock, pack)
        self._partial = set()

    async def run(self, engine):
        """Until the engine has no more events."""
        pause = FIRST_PAUSE
        while not engine.ended:
            any_event = False
            async for event in engine.drain():
                any_event = True
                self.handle(event)
            if any_event:
                pause = FIRST_PAUSE
                engine.handled()
            else:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * PAUSE_GROWTH)

    def handle(self, event):
        log.debug(f"engine event: {event}")
        if self._is_of_other_window(event):
            return
        event_id = event["event_id"]
        data = event["data"]
        kind = data["type"]
        if kind == "stored":
            self._learning = False
            self._stored(data, event_id)
        elif kind == "removed":
            self._learning = False
            self._removed(data, event_id)
        elif kind == "created" and self._learning:
            self._learn_window(event)

    def _stored(self, data, event_id):
        parent = signed(data["parent_hash"])
        token_ids = []
        sizes = []
        hashes = []
        for block in data["blocks"]:
            count = len(block["tokens"])
            block_hash = signed(block["block_hash"])
            if count > self._block_size:
                log.error(f"a block of {count} tokens where {self._block_size} are the most")
                return
            if block_hash is None:
                log.warning(f"a block of {count} tokens has no hash")
                continue
            if count < self._block_size:
                self._partial.add(block_hash)
                break
            sizes.append(count)
            hashes.append(block_hash)
            for token in block["tokens"]:
                token_ids.append(int(token["token_id"]))
        lora_id = data.get("lora_id", 0)
        log.debug(
            f"stored: event {event_id}, tokens {token_ids}, sizes {sizes}, hashes {hashes}, "
            f"LoRA {lora_id}, parent {parent}"
        )
        event = {
            "type": "BlockStored",
            "block_hashes": [signed(block_hash) for block_hash in hashes],
            "parent_block_hash": signed(parent),
            "token_ids": token_ids,
            "block_size": self._block_size,
            "lora_id": lora_id if lora_id != 0 else None,
        }
        self.sender.send(event, RANK)

    def _removed(self, data, event_id):
        hashes = []
        for given in data["block_hashes"]:
            block_hash = signed(given)
            if block_hash is None:
                continue
            if block_hash in self._partial:
                log.debug(f"event {event_id}: hash {block_hash} was of a partial block")
                self._partial.remove(block_hash)
            else:
                hashes.append(block_hash)
        log.debug(f"removed: event {event_id}, hashes {hashes}")
        hashes = [signed(block_hash) for block_hash in hashes]
        self.sender.send({"type": "BlockRemoved", "block_hashes": hashes}, RANK)
