"""What the explorer's page costs and bears; writes the table of docs/explorer.md (needs chromium).

    python -m benchmarks.explorer [--rounds 5]

Fits of several seconds of three networks alone, and the same fits while the page looks at them, in turn: medians over
the rounds, of times those of the ratios in each round; frames a second of a surface of 200 × 200 places with the
statistics of all nodes; the first paint; a graph of 10,000 nodes; 50 pages at once. Server, training and browser share
the cores that the command is given.
"""

import argparse
import os
import platform
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import reseau as rs
from benchmarks.table import between
from reseau.explorer.explorer import Explorer
from reseau.explorer.notebook import problem_of
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply
from reseau.explorer.server import MOST_PAGES, serving
from reseau.explorer.trainer import Settings

PAGE = Path(__file__).parent.parent / "docs" / "explorer.md"
BEGIN, END = "<!-- explorer: begin -->", "<!-- explorer: end -->"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--renderer-process-limit=4"]
ROWS, SIDE, AIM, SECONDS = 4000, 200, 0.1, 5.0
LAYERS, TABS = 2500, 50

COUNT_BOXES = """() => {
    const painter = CanvasRenderingContext2D.prototype;
    const { clearRect, roundRect } = painter;
    painter.clearRect = function (...words) { this.canvas.drawn = 0; return clearRect.apply(this, words); };
    painter.roundRect = function (...words) { this.canvas.drawn += 1; return roundRect.apply(this, words); };
}"""
COUNT_DRAWINGS = """() => {
    window.drawn = 0;
    const shown = document.querySelector("[data-status=step]");
    new MutationObserver(() => window.drawn++).observe(shown, { characterData: true, childList: true, subtree: true });
}"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
TURN_WHEEL = """async (canvas) => {
    const times = [];
    for (let i = 0; i < 20; i++) {
        const start = performance.now();
        const deltaY = i % 2 ? 40 : -40;
        canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, bubbles: true, cancelable: true }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[10];
}"""


class Counted(Explorer):
    """An explorer that counts what it was asked, and the processor's time of answers and of the trainer's looks."""

    def __init__(self, *words: Any, **named: Any) -> None:
        self.asked: Counter[str] = Counter()
        self.looking = 0.0
        super().__init__(*words, **named)
        look = self.trainer._look
        self.trainer._look = lambda *given: self.timed(look, *given)  # type: ignore[method-assign]

    def answer(self, message: Any, buffers: Any = ()) -> Reply:
        """The reply."""
        self.asked[message["command"]] += 1
        return self.timed(super().answer, message, buffers)

    def timed(self, act: Callable[..., Any], *given: Any) -> Any:
        """What it returns; its time in this thread is counted."""
        began = time.thread_time()
        try:
            return act(*given)
        finally:
            self.looking += time.thread_time() - began


def classifier() -> Problem:
    """20-100-10 on rows that are drawn at random."""
    rng = np.random.default_rng(0)
    x = rs.input("x", (20,))
    net = rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 100, name="hidden")), 10, name="scores"))
    return problem_of(net, net.init(seed=0), (rng.normal(size=(ROWS, 20)), rng.integers(0, 10, ROWS)))


def dense() -> Problem:
    """784-512-10 on rows that are drawn at random."""
    x = rs.input("x", (784,))
    return images_for(rs.Network(x, rs.affine(rs.relu(rs.affine(x, 512)), 10, name="scores")), (784,))


def convolutional() -> Problem:
    """Two convolutions with max-pooling on images that are drawn at random."""
    x = h = rs.input("x", (28, 28, 1))
    for channels in (8, 16):
        h = rs.max_pool(rs.relu(rs.conv(h, channels, 3, padding="same")), 2)
    return images_for(rs.Network(x, rs.affine(rs.flatten(h), 10, name="scores")), (28, 28, 1))


def images_for(net: rs.Network, shape: tuple[int, ...]) -> Problem:
    """Ten classes of rows."""
    rng = np.random.default_rng(0)
    return problem_of(net, net.init(seed=0), (rng.random((ROWS, *shape), np.float32), rng.integers(0, 10, ROWS)))


@dataclass(frozen=True)
class Watched:
    """A fit that is looked at: what it is, its steps, and the views with the command that each asks for."""

    name: str
    problem: Problem
    batch: int
    steps: int
    views: Mapping[str, str] = field(default_factory=lambda: {"training": ""})


def fits() -> list[Watched]:
    """The fits that are measured."""
    views = {"training": "", "data": "surface", "graph": "statistics"}
    return [
        Watched("20-100-10, batch 32", classifier(), 32, 250_000, views),
        Watched("784-512-10, batch 128", dense(), 128, 2_000),
        Watched("two convolutions of 8 and 16 channels, batch 128", convolutional(), 128, 300),
    ]


def deep(layers: int = LAYERS) -> Problem:
    """A graph of four nodes a layer."""
    x = h = rs.input("x", (2,))
    for _ in range(layers):
        h = rs.relu(rs.affine(h, 2))
    return Problem("deep", rs.Network(x, h))


@dataclass(frozen=True)
class Cost:
    """Of a fit: seconds, and the processor's seconds of this process, of looks and answers in it, of the browser."""

    seconds: float
    processor: float
    looking: float
    browser: float


def cost(fit: Callable[[], object], explorer: Counted | None = None) -> Cost:
    """What a fit takes, and who looks at it."""
    start, used, shown = time.perf_counter(), time.process_time(), of_browser()
    looked = explorer.looking if explorer else 0.0
    fit()
    looking = explorer.looking - looked if explorer else 0.0
    return Cost(time.perf_counter() - start, time.process_time() - used, looking, of_browser() - shown)


def of_browser() -> float:
    """The processor's seconds of the browser's processes that descend from this one; Linux alone tells them."""
    children: dict[int, list[tuple[int, float]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # a process that has just ended
            name, _, told = path.read_text().rpartition(")")
            words = told.split()
            spent = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
            spent *= "(chrom" in name  # and not the program that drives it
            children.setdefault(int(words[1]), []).append((int(path.parent.name), spent))
    seconds, waiting = 0.0, [os.getpid()]
    while waiting:
        for child, spent in children.get(waiting.pop(), ()):
            seconds += spent
            waiting.append(child)
    return seconds


def fit_alone(problem: Problem, batch: int, steps: int) -> Cost:
    """A call of `rs.fit`."""
    objective = problem.objective("none")
    assert objective is not None
    assert problem.targets is not None
    data = (problem.inputs[0][problem.train], problem.targets[problem.train])
    how: dict[str, Any] = {"optimizer": rs.optimizers.Adam(0.001), "batches": rs.batches.Shuffled(batch)}
    return cost(lambda: rs.fit(objective, data, steps=steps, progress=False, **how))


def fit_watched(explorer: Counted, steps: int) -> Cost:
    """The same steps by the explorer's trainer."""

    def fit() -> None:
        explorer.trainer.start(steps)
        explorer.trainer.wait(600)

    return cost(fit, explorer)


@contextmanager
def unobserved(address: str) -> Iterator[int]:
    """The port of a browser that shows a page and is asked about it between fits alone: who listens makes it work."""
    with TemporaryDirectory() as folder:
        words = ["chromium", *FLAGS, "--window-size=1280,800", "--remote-debugging-port=0"]
        with subprocess.Popen([*words, f"--user-data-dir={folder}", address], stderr=subprocess.DEVNULL) as browser:
            told = Path(folder, "DevToolsActivePort")
            while not told.exists() or not told.read_text():
                time.sleep(0.1)
            yield int(told.read_text().split()[0])
            browser.terminate()


def asked_page(playwright: Any, port: int, ask: Callable[[Any], Any]) -> Any:
    """What is found on the page."""
    browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
    try:
        return ask(browser.contexts[0].pages[0])
    finally:
        browser.close()  # the connection alone


def slowdown(playwright: Any, watched: Watched, rounds: int) -> list[tuple[str, str]]:
    """The same fit alone and watched, in turn; and how often a view was drawn."""
    problem, batch, steps, views = watched.problem, watched.batch, watched.steps, watched.views
    made: list[Counted] = []

    def make(tell: Callable[[Reply], None]) -> Explorer:
        made.append(Counted(problem, tell=tell))
        return made[-1]

    def begin(page: Any) -> None:
        page.get_by_role("button", name="Start").wait_for()
        page.evaluate(COUNT_DRAWINGS)

    def show(page: Any) -> int:
        page.get_by_role("tab", name=view.title()).click()
        page.wait_for_timeout(1500)
        return drawings(page)

    def drawings(page: Any) -> int:
        return int(page.evaluate("drawn"))

    costs: dict[str, list[Cost]] = {"alone": [], "closed": [], **{view: [] for view in views}}
    drawn: dict[str, list[float]] = {view: [] for view in views}
    asked: dict[str, list[float]] = {view: [] for view in views}
    with serving(make) as address, unobserved(address) as port:
        asked_page(playwright, port, begin)
        explorer, apart = made[-1], Counted(problem)
        for each in (explorer, apart):
            each.trainer.configure(Settings(batch=batch))
            fit_watched(each, steps // 100)
        fit_alone(problem, batch, steps // 100)
        for _ in range(rounds):
            costs["alone"].append(fit_alone(problem, batch, steps))
            costs["closed"].append(fit_watched(apart, steps))
            for view, command in views.items():
                before, at_first = asked_page(playwright, port, show), explorer.asked[command]
                time.sleep(1)
                costs[view].append(fit_watched(explorer, steps))
                count = explorer.asked[command] - at_first
                drawn[view].append((asked_page(playwright, port, drawings) - before) / costs[view][-1].seconds)
                asked[view].append(count / costs[view][-1].seconds)
            print({name: found[-1] for name, found in costs.items()}, flush=True)
    alone = median(c.seconds for c in costs["alone"])
    lines = [(f"{watched.name}: `rs.fit`", f"{steps / alone:,.0f} steps a second")]
    for name, found in list(costs.items())[1:]:
        longer = median(b.seconds / a.seconds for a, b in zip(costs["alone"], found, strict=True)) - 1
        looking = median(b.looking / (b.processor - b.looking) for b in found)
        told = f"{100 * longer:+.0f} % time; looks and answers {100 * looking:.1f} % of the fit's processor time"
        if name in views:
            drawing = median(b.browser / (b.processor - b.looking) for b in found)
            told += f", the browser {100 * drawing:.0f} %; drawn {median(drawn[name]):.1f} times a second"
            told += f", the {views[name]} {median(asked[name]):.1f} times" if views[name] else ""
        what = "its trainer, no page open" if name == "closed" else f"the page open on *{name.title()}*"
        lines.append((what, told))
    return lines


def frames() -> list[tuple[str, str]]:
    """Surface and statistics together, asked for ten times a second: as they rest, and while it trains."""
    explorer = Explorer(classifier())

    def frame() -> float:
        start = time.perf_counter()
        for command in ({"command": "surface", "size": SIDE}, {"command": "statistics"}):
            assert explorer.answer(command).kind != "error"
        return time.perf_counter() - start

    frame()
    alone = median(frame() for _ in range(20))
    explorer.trainer.start()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        time.sleep(max(0.0, AIM - frame()))
        count += 1
    reached = count / (time.perf_counter() - start)
    explorer.close()
    return [
        (f"surface of {SIDE} × {SIDE} and statistics of all nodes", f"{1000 * alone:.0f} ms"),
        ("both, asked for 10 times a second while it trains", f"{reached:.1f} a second"),
    ]


def first_paint(browser: Any, rounds: int) -> list[tuple[str, str]]:
    """From the request of the page until something is painted, and until the network can be trained."""
    painted, ready = [], []
    with serving(lambda tell: Explorer(tell=tell)) as address:
        for _ in range(rounds):
            page = browser.new_context().new_page()  # with an empty cache
            start = time.perf_counter()
            page.goto(address, wait_until="commit")
            page.get_by_role("button", name="Start").wait_for()
            ready.append(time.perf_counter() - start)
            painted.append(page.evaluate(FIRST_PAINT) / 1000)
            page.context.close()
    told = f"{median(painted):.2f} s, {median(ready):.2f} s"
    return [("the first paint after the request of the page, its button *Start*", told)]


def tabs(browser: Any) -> list[tuple[str, str]]:
    """50 pages at once."""
    with serving(lambda tell: Explorer(tell=tell)) as address:
        pages = [browser.new_page() for _ in range(TABS)]
        for page in pages:
            page.goto(address, wait_until="commit")
        told = Counter(state_of(page) for page in pages)
        pages[0].get_by_role("button", name="Step", exact=True).click()
        pages[0].locator("[data-status=step]", has_text="1").wait_for()
        for page in pages:
            page.close()
    return [(f"{TABS} pages at once (at most {MOST_PAGES})", f"{told[True]} drawn, {told[False]} told why")]


def state_of(page: Any) -> bool:
    """Whether a page was drawn; if not, it must say why not."""
    drawn, refused = page.get_by_role("button", name="Start"), page.get_by_text("pages are open")
    drawn.or_(refused).first.wait_for(timeout=120_000)
    return bool(drawn.count())


def many_nodes(browser: Any) -> list[tuple[str, str]]:
    """A graph of 10,000 nodes: until it is drawn, what is drawn of it, how long a drawing takes."""
    problem = deep()
    with serving(lambda tell: Explorer(problem, tell=tell)) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(f"({COUNT_BOXES})()")
        start = time.perf_counter()
        page.goto(f"{address}#view=graph")
        page.locator("h1").wait_for(timeout=120_000)
        first = time.perf_counter() - start
        page.get_by_label("fold repeated blocks").uncheck(timeout=120_000)
        canvas = page.locator("canvas[role=application]")
        while not canvas.evaluate("it => it.drawn"):
            page.wait_for_timeout(10)
        graph = time.perf_counter() - start
        page.get_by_role("searchbox").fill("relu_2000")  # there are boxes of all nodes
        page.get_by_role("button", name="relu_2000").wait_for(timeout=120_000)
        page.get_by_role("searchbox").fill("")
        seen = canvas.evaluate("it => it.drawn")
        elements = page.evaluate("document.querySelectorAll('*').length")
        took = canvas.evaluate(TURN_WHEEL)
        page.close()
    nodes = len(problem.network.graph.nodes)
    return [
        (f"a graph of {nodes:,} nodes: the page, then the graph, is drawn", f"{first:.1f} s, {graph:.1f} s"),
        ("boxes drawn of it at first, elements in the page", f"{seen}, {elements}"),
        ("another look at it (a turn of the wheel)", f"{took:.0f} ms"),
    ]


def main() -> None:
    """Measure all of it, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        lines = [line for watched in fits() for line in slowdown(playwright, watched, chosen.rounds)]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        lines += frames()
        lines += first_paint(browser, chosen.rounds)
        lines += many_nodes(browser)
        lines += tabs(browser)
        browser.close()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    table = "\n".join(["| measured | |", "|---|---:|", *(f"| {what} | {told} |" for what, told in lines)])
    where = f"{cores} core{'s' if cores != 1 else ''} for all of it, the browser too; {platform.machine()}."
    between(PAGE, BEGIN, END, f"{table}\n\n{where}\n")
    print(table)


if __name__ == "__main__":
    main()
