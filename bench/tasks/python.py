"""Tasks of Python: `python.py uvloop MEASURE` or `python.py asyncio MEASURE`.

Time is the process's own, as in the Lua programs.
"""

import asyncio
import gc
import resource
import sys
import time


def report(**figures):
    print(*(f"{key} {value:.2f}" for key, value in figures.items()))


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def each(n, f):
    await f(n // 10)
    start = time.process_time()
    await f(n)
    report(ns=(time.process_time() - start) * 1e9 / n)


async def nothing():
    pass


async def switch():
    """A thousand tasks that give way to each other."""
    async def give_way(times):
        for _ in range(times):
            await asyncio.sleep(0)

    async def run(n):
        tasks = [asyncio.create_task(give_way(n // 1000))
                 for _ in range(1000)]
        for task in tasks:
            await task

    await each(300 * 1000, run)


async def spawn():
    async def run(n):
        for _ in range(n):
            await asyncio.create_task(nothing())

    await each(100000, run)


async def sleepers():
    """A tenth of what the others do: a million would take minutes."""
    n, early, spread = 100000, 5, 1
    asleep = 0
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    gc.collect()
    before, begin = rss(), time.process_time()
    start = loop.time() + early

    async def sleeper(i):
        nonlocal asleep
        asleep += 1
        await asyncio.sleep(start + i * 7919 % n / n * spread - loop.time())
        asleep -= 1
        if asleep == 0:
            done.set_result(None)

    for i in range(n):
        loop.create_task(sleeper(i))
    await asyncio.sleep(0)
    assert asleep == n, "some woke before all slept"
    started = (time.process_time() - begin) * 1e9 / n
    bytes_each = (rss() - before) / n
    begin = time.process_time()
    await done
    report(start=started, bytes=bytes_each,
           end=(time.process_time() - begin) * 1e9 / n)


async def gather():
    async def run(n):
        for _ in range(n // 1000):
            await asyncio.gather(*(nothing() for _ in range(1000)))

    await each(100 * 1000, run)


async def group():
    async def run(n):
        for _ in range(n // 1000):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(1000):
                    tasks.create_task(nothing())

    await each(100 * 1000, run)


async def lock():
    free = asyncio.Lock()

    async def run(n):
        for _ in range(n):
            await free.acquire()
            free.release()

    await each(1000000, run)


async def pipe():
    async def run(n):
        queue = asyncio.Queue(100)

        async def read():
            for _ in range(n):
                await queue.get()

        reader = asyncio.create_task(read())
        for i in range(n):
            await queue.put(i)
        await reader

    await each(500000, run)


async def pingpong():
    async def run(n):
        there, back = asyncio.Queue(), asyncio.Queue()

        async def answer():
            for _ in range(n):
                await back.put(await there.get())

        other = asyncio.create_task(answer())
        for i in range(n):
            await there.put(i)
            await back.get()
        await other

    await each(100000, run)


if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(globals()[sys.argv[2]]())
