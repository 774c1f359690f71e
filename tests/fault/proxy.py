"""A TCP proxy for 127.0.0.1 whose connections can be reset, refused or held up."""

import asyncio
import socket
import struct
import threading


class Proxy:
    """Listens on `port`, forwards to `upstream`; on a thread of its own."""

    def __init__(self, port, upstream):
        self.port, self.upstream = port, upstream
        self.pairs = set()
        self.refusing = False
        self.accepted = self.cut = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.call(self.listen())

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def listen(self):
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def serve(self, reader, writer):
        self.accepted += 1
        if self.refusing:
            return reset(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            return reset(writer)
        pair = (writer, up_writer)
        self.pairs.add(pair)
        ways = [asyncio.ensure_future(self.forward(*way)) for way in ((reader, up_writer), (up_reader, writer))]
        # One side's end is the end of both: neither Kafka nor Redis uses half of a connection.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in pair:
            end.close()
        self.pairs.discard(pair)

    async def forward(self, reader, writer):
        try:
            while data := await reader.read(1 << 16):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    # What can happen to connections.

    def reset(self):
        """All connections end with a reset, in the middle of whatever they carry."""
        async def work():
            for pair in list(self.pairs):
                self.cut += 1
                for writer in pair:
                    reset(writer)
        self.call(work())

    def refuse(self, on):
        """New connections are reset at once."""
        self.refusing = on

    def hold(self, on):
        """Connections stay, nothing arrives any more; all of it does afterwards."""
        async def work():
            self.flowing.clear() if on else self.flowing.set()
        self.call(work())

    def close(self):
        async def work():
            self.server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.05)
        self.call(work())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


def reset(writer):
    """Ends a connection by RST: no linger, no FIN."""
    end = writer.get_extra_info("socket")
    if end is not None and not writer.is_closing():
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
