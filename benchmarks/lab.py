"""The cost of the page: ``python -m benchmarks.lab`` (frame rates need playwright and Chromium).

- processor time of a frame: one network 2-32-32-1, the plane at 100 x 100;
- a training that is looked at 20 times a second, beside the same that nobody looks at, taking turns;
- a callback that nobody looks at, for each batch;
- frames that a browser paints in a second, of the 60 that it could, beside an empty page on the same server
  that fetches them, and paints nothing.
"""

from __future__ import annotations

import shutil
import statistics
import time

import lucidnet as ln
from lucidnet.lab.page.setup import parsed
from lucidnet.lab.page.trainer import Trainer
from lucidnet.lab.page.watching import LiveSession

NETWORK = {"layers": [[32, "tanh"], [32, "tanh"]], "optimizer": "sgd", "rate": 0.05}


def frame() -> float:
    trainer = Trainer(parsed({"networks": [NETWORK]}))
    trainer.one_step(500)
    trainer.make_frame()
    began = time.process_time()
    for _ in range(200):
        trainer.make_frame()
    return (time.process_time() - began) / 200 * 1e3


def spent(trainer: Trainer, frames: int, seconds: float = 2.0) -> tuple[float, int, int]:
    """Return CPU time, steps and frames over some seconds, at a requested frame rate."""
    step, number, used = trainer.step, trainer.number, time.process_time()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if frames:
            trainer.frame(trainer.number, 1.0)
        time.sleep(1 / (frames or 20))
    return time.process_time() - used, trainer.step - step, trainer.number - number


def slowed() -> float:
    """Return the CPU time of 20 frames, in per cent of a second; unlike wall time it ignores other work."""
    trainer = Trainer(parsed({"networks": [NETWORK]}))
    trainer.one_step(4000)
    trainer.start()
    trainer.ask(lambda: trainer.pace(10_000))
    trainer.ask(lambda: trainer.play(True))
    shares = []
    for _ in range(5):
        bare, steps, _ = spent(trainer, 0)
        watched, also, frames = spent(trainer, 20)
        shares.append(20 * (watched - also * bare / steps) / frames)
    trainer.close()
    return 100 * statistics.median(shares)


def unwatched() -> float:
    session = LiveSession({}, None, False)
    began = time.perf_counter()
    for step in range(200_000):
        session.wants(step)
    return (time.perf_counter() - began) / 200_000 * 1e6


EMPTY = """async ([token, seconds]) => {
    const headers = { "X-Lucidnet-Token": token }, until = performance.now() + 1000 * seconds;
    let since = 0, count = 0;
    while (performance.now() < until) {
      const answer = await fetch(`api/frame?since=${since}`, { headers });
      const data = await answer.arrayBuffer(), length = new DataView(data).getUint32(0, true);
      since = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length))).number;
      await new Promise((go) => requestAnimationFrame(go));
      count += 1;
    }
    return count / seconds; }"""
"""A script that fetches frames as the page does, and shows nothing of them."""


def painted(seconds: float = 5.0) -> tuple[float, float]:
    """Return frames per second painted by the page, and by an empty page on the same server."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    with ln.lab.serve("spirals", open=False) as server, sync_playwright() as play:
        server.session.control({"do": "setup", "setup": {"networks": [NETWORK]}})
        chromium = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        empty = chromium.new_page()
        empty.goto(f"http://127.0.0.1:{server.port}/icon.svg")
        server.session.control({"do": "play"})
        time.sleep(2)
        bare = empty.evaluate(EMPTY, [server.token, seconds])
        empty.close()
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.goto(server.url)
        page.wait_for_function("() => window.lucidnet?.frame")
        time.sleep(2)
        first, began = page.evaluate("() => window.lucidnet.frame.header.number"), time.monotonic()
        time.sleep(seconds)
        last = page.evaluate("() => window.lucidnet.frame.header.number")
        return (last - first) / (time.monotonic() - began), bare


def main() -> None:
    print(f"processor time of a frame: {frame():.2f} ms (at most 3)")
    print(f"training slowed by 20 frames a second: {slowed():.1f} % (at most 10)")
    print(f"a callback that nobody looks at: {unwatched():.2f} us a batch (at most 1)")
    try:
        shown, bare = painted()
        print(f"frames painted in a second: {shown:.0f}, by an empty page {bare:.0f} (of 60; at least 50)")
    except ImportError:
        print("frames painted in a second: playwright is not installed")


if __name__ == "__main__":
    main()
