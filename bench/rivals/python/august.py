"""The publisher class of August 2026: drains of up to 256 events, ids followed by rank, one walk over the tokens.

It has a thread of its own with an asyncio loop of its own, and no queue behind that: what was drained is normalised and
sent event by event on this thread, before the next drain.
"""

import asyncio
import logging

import msgpack

from common import FIRST_PAUSE, LONGEST_PAUSE, PAUSE_GROWTH, WindowLearner
from messages import MessageSender, signed

MAX_DRAIN = 256

log = logging.getLogger("rival.august")


class AugustPublisher(WindowLearner):
    def __init__(self, socket, clock, block_size):
        super().__init__()
        self._block_size = block_size
        # One packer for all messages; it gives its memory back to none of them.
        self.sender = MessageSender(socket, clock, msgpack.Packer(use_bin_type=True).pack)
        self._last_ids = {}
        self._partial = set()

    async def run(self, engine):
        """Until the engine has no more events."""
        pause = FIRST_PAUSE
        while not engine.ended:
            events = await self._drain(engine)
            if not events:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * PAUSE_GROWTH)
                continue
            pause = FIRST_PAUSE
            self.handle(events)
            engine.handled()

    async def _drain(self, engine):
        events = []
        async for event in engine.drain():
            events.append(event)
            if len(events) >= MAX_DRAIN:
                break
        return events

    def handle(self, events):
        for event in events:
            normalised = self._normalise(event)
            if normalised is None:
                continue
            rank, content = normalised
            if content["type"] == "stored":
                self._send_stored(rank, content)
            else:
                self._send_removed(rank, content)

    def _normalise(self, event):
        """(rank, content) of what subscribers shall hear of; None for all else."""
        event_id = event["event_id"]
        rank = event.get("attention_dp_rank", 0)
        self._follow(rank, event_id)
        if self._is_of_other_window(event):
            return None
        data = event["data"]
        kind = data["type"]
        if kind == "stored":
            self._learning = False
            content = self._stored(data, event_id, rank)
        elif kind == "removed":
            self._learning = False
            content = self._removed(data, event_id, rank)
        else:
            if kind == "created" and self._learning:
                self._learn_window(event)
            return None
        return None if content is None else (rank, content)

    def _follow(self, rank, event_id):
        last = self._last_ids.get(rank)
        if last is not None and event_id != last + 1:
            log.warning("rank %s: event %s after %s", rank, event_id, last)
        self._last_ids[rank] = event_id

    def _stored(self, data, event_id, rank):
        parent = signed(data["parent_hash"])
        block_size = self._block_size
        token_ids = []
        sizes = []
        hashes = []
        mm_infos = []
        for block in data["blocks"]:
            tokens = block["tokens"]
            block_hash = signed(block["block_hash"])
            count = len(tokens)
            if count > block_size:
                log.error("a block of %d tokens where %d are the most", count, block_size)
                return None
            if block_hash is None:
                log.warning("a block of %d tokens has no hash", count)
                continue
            if count < block_size:
                self._partial.add(block_hash)
                break
            sizes.append(count)
            hashes.append(block_hash)
            token_ids.extend([int(token["token_id"]) for token in tokens])
            mm_infos.append(mm_info(block))
        try:
            salt = only_salt(data)
        except ValueError as error:
            log.warning("event %s of rank %s is left out: %s", event_id, rank, error)
            return None
        lora_name = data.get("lora_name")
        log.debug("stored: event %s, rank %s, %d blocks, %d tokens", event_id, rank, len(hashes), len(token_ids))
        return {
            "type": "stored",
            "token_ids": token_ids,
            "num_block_tokens": sizes,
            "block_hashes": hashes,
            "parent_hash": parent,
            "block_mm_infos": mm_infos,
            "lora_name": lora_name,
            "cache_salt": salt,
        }

    def _removed(self, data, event_id, rank):
        hashes = []
        for given in data["block_hashes"]:
            block_hash = signed(given)
            if block_hash is None:
                continue
            if block_hash in self._partial:
                self._partial.remove(block_hash)
            else:
                hashes.append(block_hash)
        if not hashes:
            return None
        log.debug("removed: event %s, rank %s, %d blocks", event_id, rank, len(hashes))
        return {"type": "removed", "block_hashes": hashes}

    def _send_stored(self, rank, content):
        event = {
            "type": "BlockStored",
            "block_hashes": [signed(block_hash) for block_hash in content["block_hashes"]],
            "parent_block_hash": signed(content["parent_hash"]),
            "token_ids": content["token_ids"],
            "block_size": self._block_size,
        }
        if content["lora_name"] is not None:
            event["lora_name"] = content["lora_name"]
        if content["cache_salt"] is not None:
            event["cache_salt"] = content["cache_salt"]
        if content["block_mm_infos"] is not None:
            event["block_mm_infos"] = content["block_mm_infos"]
        self.sender.send(event, rank)

    def _send_removed(self, rank, content):
        hashes = [signed(block_hash) for block_hash in content["block_hashes"]]
        self.sender.send({"type": "BlockRemoved", "block_hashes": hashes}, rank)


def mm_info(block):
    """The multimodal objects of a block, None without any."""
    keys = block.get("mm_keys")
    if not keys:
        return None
    objects = [
        {"mm_hash": int(key["hash"][:16], 16), "offsets": []}
        for key in keys
        if key.get("type") == "mm_key" and key.get("hash")
    ]
    return {"mm_objects": objects} if objects else None


def only_salt(data):
    """The one cache salt of an event and its blocks, None without any; ValueError where there are several."""
    salts = set()
    salt = data.get("cache_salt")
    if salt is not None:
        salts.add(salt)
    for block in data["blocks"]:
        if isinstance(block, dict):
            salt = block.get("cache_salt")
            if salt is not None:
                salts.add(salt)
    if len(salts) > 1:
        raise ValueError("more than one cache salt")
    return salts.pop() if salts else None
