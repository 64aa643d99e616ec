"""CPU per streamed piece, time to the first event, memory per idle connection, fairness of 100.

`python -m benchmarks.serving.events [PYTHON_WITH_FASTAPI]`; with the interpreter of a venv that has
fastapi and uvicorn, the plain server runs side by side, turn by turn in the same run. CPU is that
of the server process alone; read ratios where the machine is shared. `each`: every piece is an
event of its own; `gathered`: pieces within 10 ms leave together, as the server does by default.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
from websockets.asyncio.client import connect

PIECES, ROUNDS, IDLE, READERS = 4000, 5, 500, 100
HERE = Path(__file__).parent


def start(argv: list[str], port: int) -> psutil.Process:
    """Start a server and wait until it listens."""
    process = psutil.Process(subprocess.Popen([*argv, str(port), str(PIECES)]).pid)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
            return process
        except httpx2.ConnectError:
            time.sleep(0.1)
    raise SystemExit(f"{argv} did not start")


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU time of a process so far."""
    times = process.cpu_times()
    return times.user + times.system


def body(pieces: int) -> dict[str, object]:
    """Return a request for so many pieces."""
    return {"model": "paced", "input": "x", "stream": True, "max_output_tokens": pieces}


async def stream(client: httpx2.AsyncClient, pieces: int = PIECES) -> int:
    """Read one stream over HTTP; returns its events."""
    count = 0
    async with client.stream("POST", "/v1/responses", json=body(pieces)) as answer:
        async for data in answer.aiter_raw():
            count += data.count(b"event: ")
    return count


async def socket_stream(url: str) -> int:
    """Read one response over a WebSocket; returns its events."""
    count = 0
    async with connect(url, compression=None, max_size=None, proxy=None) as socket:
        await socket.send(
            httpx2.Request(
                "POST", url, json={"type": "response.create", **body(PIECES)}
            ).content.decode()
        )
        async for message in socket:
            count += 1
            if '"response.completed"' in message[:40]:  # pyright: ignore[reportOperatorIssue]
                return count
    return count


async def first_event_ms(client: httpx2.AsyncClient) -> tuple[float, float]:
    """Return medians: until the first bytes of a stream, and of a bare request."""
    firsts: list[float] = []
    bares: list[float] = []
    for _ in range(100):
        began = time.perf_counter()
        await client.get("/healthz")
        bares.append(time.perf_counter() - began)
        began = time.perf_counter()
        async with client.stream("POST", "/v1/responses", json=body(1)) as answer:
            taken = 0.0
            async for _ in answer.aiter_raw():
                taken = taken or time.perf_counter() - began
            firsts.append(taken)
    return statistics.median(firsts) * 1000, statistics.median(bares) * 1000


async def idle_bytes(url: str, process: psutil.Process) -> tuple[float, float]:
    """Return memory per idle WebSocket and the CPU share of all of them."""
    before = process.memory_info().rss
    sockets = [
        await connect(url, compression=None, ping_interval=None, proxy=None) for _ in range(IDLE)
    ]
    await asyncio.sleep(1)
    grown = (process.memory_info().rss - before) / IDLE
    used = cpu_s(process)
    await asyncio.sleep(5)
    share = (cpu_s(process) - used) / 5
    for one in sockets:
        await one.close()
    return grown, share


async def fairness(base: str) -> tuple[float, float]:
    """Return the first and the last end of 100 equal streams that begin together, in seconds."""
    ends: list[float] = []
    limits = httpx2.Limits(max_connections=READERS)
    async with httpx2.AsyncClient(
        base_url=base, trust_env=False, timeout=300, limits=limits
    ) as client:
        began = time.perf_counter()

        async def one() -> None:
            await stream(client, 300)
            ends.append(time.perf_counter() - began)

        await asyncio.gather(*(one() for _ in range(READERS)))
    return min(ends), max(ends)


async def main(plain_python: str | None) -> None:
    """Measure and print."""
    print(
        f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {PIECES} pieces, {ROUNDS} rounds"
    )
    ours = [sys.executable, "-m", "benchmarks.serving.ours"]
    processes = {"each": start([*ours, "0"], 8701), "gathered": start([*ours, "0.01"], 8703)}
    if plain_python:
        processes["plain"] = start([plain_python, str(HERE / "plain.py")], 8702)
    ports = {"each": 8701, "plain": 8702, "gathered": 8703}
    costs: dict[str, list[float]] = {"each": [], "gathered": [], "plain": [], "each, ws": []}
    try:
        for turn in range(ROUNDS + 1):
            for name, process in processes.items():
                base = f"http://127.0.0.1:{ports[name]}"
                async with httpx2.AsyncClient(
                    base_url=base, trust_env=False, timeout=120
                ) as client:
                    before = cpu_s(process)
                    await stream(client)
                    if turn:  # the first warms up
                        costs[name].append((cpu_s(process) - before) / PIECES * 1e6)
            before = cpu_s(processes["each"])
            events = await socket_stream("ws://127.0.0.1:8701/v1/responses")
            if turn:
                costs["each, ws"].append((cpu_s(processes["each"]) - before) / events * 1e6)
        for name, found in costs.items():
            if found:
                shown = f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"
                print(f"{name}: {shown} us CPU a piece")
        for name in ("each", "gathered") if costs["plain"] else ():
            ratios = [a / b for a, b in zip(costs[name], costs["plain"], strict=True)]
            print(f"{name}/plain {statistics.median(ratios):.2f}")
        async with httpx2.AsyncClient(
            base_url="http://127.0.0.1:8701", trust_env=False, timeout=120
        ) as client:
            first, bare = await first_event_ms(client)
        print(
            f"first event {first:.2f} ms, bare request {bare:.2f} ms, added {first - bare:.2f} ms"
        )
        grown, share = await idle_bytes("ws://127.0.0.1:8701/v1/responses", processes["each"])
        print(f"{IDLE} idle connections: {grown / 1024:.1f} KiB each, {share * 100:.2f} % CPU")
        first_end, last_end = await fairness("http://127.0.0.1:8701")
        print(
            f"{READERS} streams at once: first ends at {first_end:.2f} s, last at {last_end:.2f} s"
        )
    finally:
        for process in processes.values():
            process.terminate()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
