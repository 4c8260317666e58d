"""What the page costs: ``python -m benchmarks.lab`` (pictures a second need playwright and Chromium).

- processor time of a frame: one network 2-32-32-1, the plane at 100 x 100;
- a training that is looked at 20 times a second, beside the same that nobody looks at, taking turns;
- a callback that nobody looks at, for each batch;
- frames that a browser paints in a second, of the 60 that it could.
"""

from __future__ import annotations

import shutil
import statistics
import time

import lucidnet as ln
from lucidnet.lab.page.live import LiveSession
from lucidnet.lab.page.setup import parsed
from lucidnet.lab.page.trainer import Trainer

NETWORK = {"layers": [[32, "tanh"], [32, "tanh"]], "optimizer": "sgd", "rate": 0.05}


def frame() -> float:
    trainer = Trainer(parsed({"networks": [NETWORK]}))
    trainer.one_step(500)
    trainer.make_frame()
    began = time.process_time()
    for _ in range(200):
        trainer.make_frame()
    return (time.process_time() - began) / 200 * 1e3


def steps(trainer: Trainer, frames: int, seconds: float = 2.0) -> int:
    """Return how many steps are made in some seconds, while somebody asks for so many frames a second."""
    begun, until = trainer.step, time.monotonic() + seconds
    while time.monotonic() < until:
        if frames:
            trainer.frame(trainer.number, 1.0)
        time.sleep(1 / (frames or 20))
    return trainer.step - begun


def slowed() -> float:
    trainer = Trainer(parsed({"networks": [NETWORK]}))
    trainer.one_step(2000)
    trainer.start()
    trainer.ask(lambda: trainer.pace(10_000))
    trainer.ask(lambda: trainer.play(True))
    shares = []
    for _ in range(5):
        bare = steps(trainer, 0)
        shares.append(steps(trainer, 20) / bare)
    trainer.close()
    return 100 * (1 - statistics.median(shares))


def unwatched() -> float:
    session = LiveSession.__new__(LiveSession)
    session.every, session.kept, session.apart, session.paused = None, False, 1, False
    session.wanted = session.number = 0
    began = time.perf_counter()
    for step in range(200_000):
        session.wants(step)
    return (time.perf_counter() - began) / 200_000 * 1e6


def painted() -> float:
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    with ln.lab.serve("spirals", open=False) as server, sync_playwright() as play:
        server.session.control({"do": "setup", "setup": {"networks": [NETWORK]}})
        page = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"]).new_page()
        page.goto(server.url)
        page.wait_for_function("() => window.lucidnet?.frame")
        page.click("#play")
        time.sleep(2)
        first = page.evaluate("() => window.lucidnet.frame.header.number")
        began = time.monotonic()
        time.sleep(5)
        last = page.evaluate("() => window.lucidnet.frame.header.number")
        return (last - first) / (time.monotonic() - began)


def main() -> None:
    print(f"processor time of a frame: {frame():.2f} ms (at most 3)")
    print(f"training slowed by 20 frames a second: {slowed():.1f} % (at most 10)")
    print(f"a callback that nobody looks at: {unwatched():.2f} us a batch (at most 1)")
    try:
        print(f"frames painted in a second: {painted():.0f} (of 60; at least 50)")
    except ImportError:
        print("frames painted in a second: playwright is not installed")


if __name__ == "__main__":
    main()
