"""The page in a real browser: its numbers are Python's, it asks nobody else, and nobody else may ask its server."""

import json
import re

import numpy as np
import pytest

import reseau as rs
from reseau.explorer.explorer import Explorer
from reseau.explorer.problem import Problem, Shape, build
from reseau.explorer.server import MOST_MESSAGE, MOST_PAGES, serving
from reseau.explorer.standalone_page import page_of
from reseau.inspect.explain import digits, show
from tools.browsers import CHROMIUM, FLAGS, NEEDS_CHROMIUM

pytestmark = [pytest.mark.browser, NEEDS_CHROMIUM]

FLOWERS = "length,width,kind\n" + "\n".join(f"{i}.5,{i * i % 7},{('iris', 'rose', 'tulip')[i % 3]}" for i in range(48))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served():
    """The address, and the explorers of the pages that were opened."""
    made = []

    def make(tell):
        made.append(Explorer(tell=tell))
        return made[-1]

    with serving(make) as address:
        yield address, made


@pytest.fixture(scope="module")
def page(browser, served):
    """One page for all tests; what it asked for, and what it complained of, is kept."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(120_000)  # a busy machine compiles slowly
    opened.asked, opened.complaints = [], []
    opened.on("request", lambda r: opened.asked.append(r.url))
    opened.on("websocket", lambda s: opened.asked.append(s.url))
    opened.on("pageerror", lambda e: opened.complaints.append(str(e)))
    opened.on("console", lambda m: opened.complaints.append(m.text) if m.type == "error" else None)
    opened.goto(served[0] + "#data=quadrants&rows=40&hidden=3&activation=relu&optimizer=sgd&rate=0.1&batch=8&seed=2")
    opened.get_by_role("table", name="confusions").wait_for()
    return opened


def until(page, condition, seconds=60):
    """Wait until a condition holds, however busy the machine is."""
    for _ in range(20 * seconds):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about")


def rested(page):
    """Wait until the page computes nothing."""
    until(page, lambda: page.locator(".busy").count() == 0)


def show_view(page, name):
    page.get_by_role("tab", name=name).click()


def test_the_address_decides_what_is_there_and_reloading_gives_the_same(page, served):
    explorer = served[1][0]
    until(page, lambda: explorer.trainer.settings.optimizer == "sgd")
    assert explorer.chosen.data == "quadrants"
    assert explorer.chosen.hidden == (3,)
    assert explorer.trainer.settings.rate == 0.1
    until(page, lambda: "optimizer=sgd" in page.url)
    before = page.url
    page.reload()
    page.get_by_role("table", name="confusions").wait_for()
    again = served[1][-1]
    assert again is not explorer
    until(page, lambda: again.trainer.settings == explorer.trainer.settings)
    assert page.url == before
    assert np.array_equal(again.trainer.params["scores.weight"], explorer.trainer.params["scores.weight"])


def test_one_step_and_running_are_driven_by_keys(page, served):
    trainer = served[1][-1].trainer
    page.locator("body").press("s")
    page.locator("[data-status=step]", has_text="1").wait_for()
    assert trainer.step == 1
    page.locator("body").press(" ")
    until(page, lambda: int(page.locator("[data-status=step]").inner_text().replace(",", "")) > 50)
    page.locator("body").press(" ")
    page.get_by_role("button", name="Start").wait_for()
    assert not trainer.running


def test_a_curve_grows_by_what_is_told_whoever_started_training(page, served, monkeypatch):
    """Each event brings a point: the curve is asked for again only where points are missing."""
    explorer = served[1][-1]
    trainer, answer, asked = explorer.trainer, explorer.answer_page, []
    monkeypatch.setattr(explorer, "answer_page", lambda m, b: asked.append(m["command"]) or answer(m, b))
    show_view(page, "Training")
    solid = page.locator("svg path:not([stroke-dasharray])")

    def drawn():
        pieces = [d.count("M") + d.count("L") for d in solid.evaluate_all("all => all.map((p) => p.getAttribute('d'))")]
        return sum(pieces) - max(len(pieces) - 1, 0)  # pieces have an end in common

    def grows():
        before, known, points = len(asked), len(trainer.curve), drawn()
        until(page, lambda: len(trainer.curve) >= known + 5)
        return len(asked) == before and known <= drawn() <= len(trainer.curve) and drawn() > points

    trainer.start()
    page.get_by_role("button", name="Pause").wait_for()
    until(page, grows)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Start").wait_for()
    until(page, lambda: drawn() == len(trainer.curve))


def test_the_numbers_of_a_node_are_those_of_forward_and_backward(page, served):
    explorer = served[1][-1]
    show_view(page, "Graph")
    canvas = page.locator("canvas[role=application]")
    canvas.wait_for()
    canvas.focus()
    canvas.press("ArrowDown")
    canvas.press("ArrowDown")
    page.get_by_role("heading", name="hidden1").wait_for()
    problem, params = explorer.problem, explorer.trainer.params
    run = problem.walk.forward(params, *problem.rows([0]))
    back = problem.walk.backward(run, np.ones(1))
    cells = page.locator("table.numbers tbody tr").all_inner_texts()
    told = [tuple(line.split("\t")) for line in cells]
    values, derivatives = np.asarray(run["hidden1"])[0], np.asarray(back["hidden1"])[0]
    assert told == [
        (f"0,{i}", digits(float(v)), digits(float(d))) for i, (v, d) in enumerate(zip(values, derivatives, strict=True))
    ]


def test_the_walk_of_one_step_is_that_of_explain(page, served):
    explorer = served[1][-1]
    show_view(page, "One step")
    page.get_by_role("region", name="forward").wait_for()
    walk = explorer.problem.walk.explain(explorer.trainer.params, *explorer.problem.rows([0]), np.ones(1))
    for step in walk.steps:
        if not step.is_source:
            assert page.locator(f"[data-value='{step.name}']").inner_text() == f"= {show(step.value)}"
    text = str(walk)
    lines = page.locator("[data-products] > .mono").all_inner_texts()
    assert len(lines) > 8
    for line in lines:
        assert line in text


def choose_flowers(page):
    """Choose a table of three classes as one's own."""
    page.locator("input[type=file]").set_input_files(
        [{"name": "flowers.csv", "mimeType": "text/csv", "buffer": FLOWERS.encode()}]
    )
    page.get_by_role("heading", name="flowers.csv").wait_for()


def test_own_rows_with_three_classes_are_taken_by_file_choice(page):
    page.get_by_role("button", name="Own table").wait_for()
    choose_flowers(page)
    show_view(page, "Data")
    page.get_by_role("button", name="rows of tulip taken for").first.wait_for()
    assert page.get_by_role("table", name="confusions").locator("tbody tr").count() == 3
    page.locator("input[type=file]").set_input_files(
        [{"name": "broken.csv", "mimeType": "text/csv", "buffer": b"a,b\n1"}]
    )
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "fix: " in alert.inner_text()
    page.get_by_role("button", name="close this message").click()


def test_a_table_of_two_gigabytes_is_refused_before_it_is_read(page, tmp_path):
    with open(tmp_path / "huge.csv", "wb") as file:
        file.truncate(2**31)
    page.locator("input[type=file]").set_input_files(tmp_path / "huge.csv")
    alert = page.get_by_role("alert", name="").filter(has_text="2,147,483,648 bytes")
    alert.wait_for()
    assert "fix: up to 64 MiB" in alert.inner_text()
    page.get_by_role("button", name="close this message").click()


def test_after_a_reload_the_page_asks_for_the_table_of_its_address(page, served):
    choose_flowers(page)
    assert "target=kind" in page.url
    page.reload()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "drop flowers.csv on the page" in alert.inner_text()
    assert "file=flowers.csv" in page.url
    choose_flowers(page)
    assert served[1][-1].chosen.hidden == (3,)


def test_a_kink_is_dragged_and_moments_are_put_back(page, served):
    show_view(page, "Theory")
    page.locator(".sidebar select").first.select_option("sine")
    page.get_by_role("heading", name="sine").wait_for()
    handle = page.get_by_role("slider", name="kink of neuron").first
    handle.wait_for()
    explorer = served[1][-1]
    before = {k: v.copy() for k, v in explorer.trainer.params.items()}
    box = handle.locator("path").bounding_box()
    page.mouse.move(box["x"] + 7, box["y"] + 7)
    page.mouse.down()
    page.mouse.move(box["x"] + 47, box["y"] + 7, steps=4)
    page.mouse.up()
    page.wait_for_timeout(500)
    after = explorer.trainer.params
    moved = np.flatnonzero(before["hidden1.bias"] != after["hidden1.bias"])
    assert len(moved) == 1
    kinks = [-p["hidden1.bias"][moved[0]] / p["hidden1.weight"][0, moved[0]] for p in (before, after)]
    assert kinks[1] > kinks[0]
    for _ in range(2):
        page.get_by_role("button", name="Step", exact=True).click()
        rested(page)
    show_view(page, "Training")
    slider = page.get_by_role("slider", name="Go back to")
    slider.wait_for()
    slider.press("Home")
    page.locator("[data-status=step]", has_text="0").wait_for()
    for name, value in before.items():
        assert np.array_equal(explorer.trainer.params[name], value)


SMALL, NARROW, WIDE = ("kink", (2,)), ("sine", (5,)), ("sine", (100,))
LESSONS = {
    "A network is a graph": [("Graph", *SMALL, 0)] * 3 + [("One step", *SMALL, 0)],
    "A step of SGD": [("One step", *SMALL, 0), ("Training", *SMALL, 50), *[("Training", *SMALL, 0)] * 2],
    "What wide networks do": [
        ("Data", *NARROW, 0),
        ("Theory", *NARROW, 0),
        ("Training", *WIDE, 0),
        ("Theory", *WIDE, 0),
    ],
}


def test_three_lessons_drive_the_page(page, served):
    explorer, lesson = served[1][-1], page.get_by_role("region", name="lesson")

    def state():
        view = page.locator("[role=tab][aria-selected=true]").inner_text()
        return view, explorer.chosen.data, explorer.chosen.hidden, explorer.trainer.step

    for number, (title, stages) in enumerate(LESSONS.items()):
        show_view(page, "Lessons")
        page.get_by_role("button", name="Begin").nth(number).click()
        for place, wanted in enumerate(stages):
            lesson.get_by_text(f"{place + 1} of 4", exact=True).wait_for()
            assert title in lesson.inner_text()
            until(page, lambda wanted=wanted: state() == wanted)
            lesson.get_by_role("button", name="Done" if place == 3 else "Next").click()
    assert any("sgd 0.1, batch" in run["label"] for run in explorer.earlier)  # to compare with


def test_every_view_is_accessible_in_light_and_dark(page):
    from axe_playwright_python.sync_playwright import Axe

    for color in ("dark", "light"):
        page.get_by_role("button", name=f"use {color} colors").click()
        for view in ("Graph", "Training", "Data", "One step", "Theory", "Lessons"):
            if color == "dark" and view not in ("Data", "One step"):
                continue
            show_view(page, view)
            page.wait_for_timeout(300)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()


CONTROLS = """() => [...document.querySelectorAll(
        "button, input, select, textarea, a[href], summary, [role=slider], [role=application], [tabindex]"
    )].filter((e) => e.checkVisibility() && !e.disabled && !e.closest("[role=tablist]") && e.type !== "file")"""


def test_every_control_of_every_view_is_reached_by_the_keyboard(page):
    """Tabs are one stop, and arrows lead from one to the next."""
    for number, view in enumerate(("Graph", "Training", "Data", "One step", "Theory", "Lessons")):
        page.locator("body").press(str(number + 1))
        page.locator("[role=tab][aria-selected=true]").get_by_text(view, exact=True).wait_for()
        rested(page)
        page.evaluate("window.reached = new Set()")
        count, presses, left = page.evaluate(f"({CONTROLS})().length"), 0, ["not looked at yet"]
        assert count > 5
        while left and presses < 3 * count:  # what scrolls is a stop too, and a view may get more controls meanwhile
            page.keyboard.press("Tab")
            page.evaluate("reached.add(document.activeElement)")
            left = page.evaluate(f"({CONTROLS})().filter((e) => !reached.has(e)).map((e) => e.outerHTML.slice(0, 120))")
            count, presses = page.evaluate(f"({CONTROLS})().length"), presses + 1
        assert left == [], view


def test_the_choice_of_colors_is_kept(page):
    page.get_by_role("button", name="use dark colors").click()
    page.reload()
    page.get_by_role("button", name="use light colors").click()


def test_the_page_asked_its_own_server_only_and_complained_of_nothing(page, served):
    host = served[0].split("/")[2]
    assert len(page.asked) >= 5
    assert {url.split("/")[2] for url in page.asked if not url.startswith(("data:", "blob:"))} == {host}
    assert page.complaints == []


def close_code(page, address, size=0):
    """The code with which the server closes a socket that was opened on a page, after a message of that size."""
    return page.evaluate(
        """([address, size]) => new Promise((done) => {
            const socket = new WebSocket(address);
            socket.onopen = () => size && socket.send(new Uint8Array(size));
            socket.onclose = (e) => done(e.code);
        })""",
        [address, size],
    )


def test_other_pages_and_wrong_tokens_and_huge_messages_are_refused(page, browser, served):
    socket = served[0].replace("http", "ws") + "socket"
    foreign = browser.new_page()
    assert close_code(foreign, socket) == 1006  # refused before it was open
    assert foreign.goto(served[0].rstrip("/") + "x/").status == 403
    foreign.close()
    assert close_code(page, socket.replace("/socket", "x/socket")) == 1006
    # the server hangs up while the browser is still sending, which then may not hear why (1009)
    assert close_code(page, socket, MOST_MESSAGE + 1) in (1009, 1006)
    show_view(page, "Training")
    page.get_by_role("table").first.wait_for()  # the page beside it is still served


def first_replies(page, address, count):
    """What so many sockets, all open at once, are told when they ask what is explored."""
    told = page.evaluate(
        """async ([address, count]) => {
            const sockets = Array.from({ length: count }, () => new WebSocket(address));
            const told = await Promise.all(sockets.map((socket) => new Promise((done) => {
                socket.binaryType = "arraybuffer";
                socket.onopen = () => socket.send('{"command": "describe", "number": 1}');
                socket.onmessage = ({ data }) => {
                    done(new TextDecoder().decode(new Uint8Array(data, 4, new DataView(data).getUint32(0, true))));
                };
            })));
            sockets.forEach((socket) => socket.close());
            return told;
        }""",
        [address, count],
    )
    return [json.loads(text) for text in told]


def test_of_fifty_pages_at_once_those_beyond_the_most_are_told_so_and_the_others_are_served(page, served):
    socket = served[0].replace("http", "ws") + "socket"
    told = first_replies(page, socket, 49)  # and the page itself
    refused = [reply["data"]["text"] for reply in told if reply["kind"] == "closed"]
    assert refused == [f"{MOST_PAGES} pages are open\n  fix: close some, then reload"] * (50 - MOST_PAGES)
    assert [r["kind"] for r in told].count("describe") == MOST_PAGES - 1
    page.get_by_role("button", name="Step", exact=True).click()
    rested(page)
    until(page, lambda: first_replies(page, socket, 1)[0]["kind"] == "describe")


def chain(layers):
    """A graph of four nodes a layer, and one more."""
    x = h = rs.input("x", (2,))
    for _ in range(layers):
        h = rs.relu(rs.affine(h, 2))
    return Problem("chain", rs.Network(x, h))


COUNT = """() => {
    const painter = CanvasRenderingContext2D.prototype;
    const { clearRect, roundRect } = painter;
    painter.clearRect = function (...words) { this.canvas.drawn = 0; return clearRect.apply(this, words); };
    painter.roundRect = function (...words) { this.canvas.drawn += 1; return roundRect.apply(this, words); };
}"""


@pytest.mark.slow
def test_of_ten_thousand_nodes_only_those_in_sight_are_drawn(browser):
    problem = chain(2500)
    assert len(problem.network.graph.nodes) == 10_001
    with serving(lambda tell: Explorer(problem, tell=tell)) as address:
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(120_000)
        opened.add_init_script(f"({COUNT})()")
        opened.goto(address + "#view=graph")
        opened.get_by_label("fold repeated blocks").uncheck()
        search = opened.get_by_role("searchbox")
        search.fill("relu_2000")
        opened.get_by_role("button", name="relu_2000").wait_for()
        canvas = opened.locator("canvas[role=application]")
        assert 1 < canvas.evaluate("it => it.drawn") < 60
        assert opened.evaluate("document.querySelectorAll('*').length") < 2000
        search.press("Enter")
        opened.get_by_role("heading", name="relu_2000").wait_for()
        assert 1 < canvas.evaluate("it => it.drawn") < 60
        opened.close()


def exported(browser, tmp_path, problem, params):
    (tmp_path / "page.html").write_text(page_of(problem, params))
    opened = browser.new_page()
    asked = []
    opened.on("request", lambda r: asked.append(r.url))
    opened.goto((tmp_path / "page.html").as_uri())
    opened.get_by_role("tab", name="Graph").wait_for()
    return opened, asked


def walked(page, row):
    """Values and derivatives of every node, computed in the browser."""
    return page.evaluate(
        """(row) => reseau.nodes.map((n) => {
            const { buffers } = reseau.answer({ command: "inspect", node: n.name, row });
            return [n.name, [...buffers.value], buffers.derivative ? [...buffers.derivative] : null];
        })""",
        row,
    )


def networks():
    """A network of every activation, and one of images."""
    x = rs.input("x", (3,))
    h = x * 2 - 1
    for i, activation in enumerate((rs.relu, rs.leaky_relu, rs.tanh, rs.sigmoid, rs.gelu, rs.softplus)):
        h = activation(rs.affine(h, 4, name=f"layer{i}"))
    data = rs.data.from_arrays(np.random.default_rng(0).normal(size=(9, 3)), np.linspace(-1, 1, 9), task="regression")
    yield Problem("dense", rs.Network(x, rs.affine(-h, 1, name="out")), rs.losses.SquaredError(), data)
    digits_ = rs.data.digits()
    yield build(digits_.rows(np.arange(120)), Shape((6,), (3,), "relu"), 0, "digits")


def test_an_exported_page_opens_from_disk_and_computes_what_python_does(browser, tmp_path):
    for problem in networks():
        params = problem.parameters(0)
        opened, asked = exported(browser, tmp_path, problem, params)
        run = problem.walk.forward(params, *problem.rows([4]))
        back = problem.walk.backward(run, np.ones(1))
        names = set()
        for name, value, derivative in walked(opened, 4):
            names.add(name)
            assert np.allclose(value, np.ravel(run[name]), rtol=1e-4, atol=1e-5), name
            if derivative is not None:
                assert np.allclose(derivative, np.ravel(back[name]), rtol=1e-3, atol=1e-5), name
        assert names == set(problem.walk.graph.by_name)
        assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
        opened.close()


PIXELS = """(canvas) => {
    const at = (x, y) => canvas.getContext("2d").getImageData(x, y, 1, 1).data[1];
    const middle = (k, size) => Math.floor((k + 0.5) * size / 28);
    const { width, height } = canvas;
    return Array.from({ length: 28 * 28 }, (_, i) => at(middle(i % 28, width), middle(i / 28 | 0, height)));
}"""


def test_an_image_of_clothes_leads_to_its_activations(browser):
    """Images of the lengths of Fashion-MNIST: the one that is shown is that of its row, and so are its activations."""
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    table = rs.data.from_arrays(images, np.arange(20) % 10, source="clothes", target="kind")
    made = build(table, Shape((4,), (2,), "relu"), 0, "clothes")
    filtered = next(name for name, node in made.network.graph.by_name.items() if isinstance(node.op, rs.ops.Conv))
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(120_000)
    with serving(lambda tell: Explorer(made, tell=tell)) as address:
        opened.goto(f"{address}#view=data&node={filtered}")
        image = opened.locator(".gallery button").nth(3)
        row = int(re.match(r"row (\d+): ", image.get_attribute("aria-label"))[1]) - 1
        seen = np.array(image.locator("canvas").evaluate(PIXELS))
        assert abs(np.corrcoef(seen, images[row].ravel())[0, 1]) > 0.999  # of ink on paper, or of light on dark
        image.click()
        show_view(opened, "Graph")
        opened.get_by_role("heading", name=f"Value for row {row + 1}").wait_for()
        opened.get_by_role("img", name="2 channels of").first.wait_for()
        cells = [line.split("\t") for line in opened.locator("table.numbers tbody tr").all_inner_texts()]
        run = made.network.forward(made.parameters(0), images[[row], ..., None].astype(np.float32))
        wanted = np.asarray(run[filtered]).ravel()[: len(cells)]
        assert [value for _, value, *_ in cells] == [digits(float(v)) for v in wanted]
    opened.close()


def test_a_server_that_is_gone_is_told(browser):
    opened = browser.new_page()
    with serving(lambda tell: Explorer(tell=tell)) as address:
        opened.goto(address)
        opened.get_by_role("tab", name="Graph").wait_for()
    alert = opened.get_by_role("alert")
    alert.wait_for()
    assert "The server has stopped" in alert.inner_text()
    opened.close()
