"""TCP echo on asyncio's streams: `streams.py uvloop` or `streams.py asyncio`.

The limit is raised so that a large message is read in one piece.
"""

import asyncio
import sys

CHUNK = 256 * 1024
BACKLOG = 4096


async def handler(reader, writer):
    while True:
        data = await reader.read(CHUNK)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(
        handler, "127.0.0.1", 0, limit=CHUNK, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main())
