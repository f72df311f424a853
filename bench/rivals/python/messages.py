"""What goes over the wire, and what both classes have in common on the way to it.

Everything here runs on the publishing thread.
"""

SIGN_BIT = 1 << 63
RANGE = 1 << 64


def signed(block_hash):
    """An unsigned 64-bit hash as the signed number that subscribers expect; None stays None."""
    if block_hash is None:
        return None
    if block_hash >= SIGN_BIT:
        return block_hash - RANGE
    if block_hash < -SIGN_BIT:
        return (block_hash + SIGN_BIT) % RANGE - SIGN_BIT
    return block_hash


class MessageSender:
    """Numbers messages and sends them, one event in each: topic, sequence, [seconds, [event], rank].

    `clock` gives the seconds since 1970 that a message bears, `pack` makes msgpack bytes of an object. An error of
    either ends the run: a rival that goes on without an event would look faster than it is.
    """

    def __init__(self, socket, clock, pack):
        self.sequence = 0
        self._socket = socket
        self._clock = clock
        self._pack = pack
        self._topic = b""

    def send(self, event, rank):
        payload = self._pack([self._clock(), [event], rank])
        number = self.sequence.to_bytes(8, "big")
        self.sequence += 1
        self._socket.send_multipart((self._topic, number, payload))
