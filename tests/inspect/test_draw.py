"""Drawings as geometry: what is read back from the SVG is the graph, and nothing lies on anything else."""

import os
import re
import sys
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

import reseau as rs
from reseau.errors import DataError, GraphError, MissingExtraError
from reseau.graph import apply_op, parameter
from reseau.inspect.drawing.diagram import FAMILIES, diagram, text_width
from reseau.inspect.drawing.picture import LABEL
from reseau.ops import Affine
from reseau.ops.base import show_shape

SVG = "{http://www.w3.org/2000/svg}"


def ones(generator, shape):
    return np.ones(shape)


def mlp():
    x = rs.input("x", (784,))
    h = rs.relu(rs.affine(x, 128, name="hidden"))
    return rs.Network(x, rs.affine(h, 10, name="logits"))


def block(x):
    return x + rs.affine(rs.relu(rs.layer_norm(rs.affine(x, 16))), 16)


def residual():
    x = rs.input("x", (16,))
    h = block(x)
    h = h + block(block(h))
    return rs.Network(x, rs.affine(x + block(h), 3))


def two_of_each():
    a, b = rs.input("image", (8, 8, 3)), rs.input("tokens", (5,), dtype="int32")
    h = rs.global_average_pool(rs.relu(rs.conv(a, 16, (3, 3), stride=2)))
    h = rs.concatenate([h, rs.flatten(rs.embedding(b, 100, 8))])
    last = rs.affine(rs.concatenate([h, rs.flatten(a)]), 1)
    return rs.Network((a, b), (rs.softmax(rs.affine(h, 10)), h, 2 * last - 1))


def shared():
    x, y = rs.input("left", (16,)), rs.input("right", (16,))
    w, b = parameter("w", (16, 8), ones), parameter("b", (8,), ones)
    u, v = (rs.tanh(apply_op(Affine(), i, w, b)) for i in (x, y))
    return rs.Network((x, y), rs.square(u - v))


def dense():
    x = rs.input("x", (4,))
    values = [x]
    for _ in range(6):
        values.append(rs.relu(rs.affine(rs.concatenate([*values, x]), 4)))
    return rs.Network(x, rs.concatenate(values))


def random_graph(seed):
    generator = np.random.default_rng(seed)
    nodes = [rs.input(f"x{i}", (4,)) for i in range(generator.integers(1, 4))]
    inputs = tuple(nodes)
    w = parameter("w", (4, 4), ones)
    for _ in range(generator.integers(4, 25)):
        a, b = (nodes[int(i)] for i in generator.integers(0, len(nodes), 2))
        build = [lambda a, b: a + b, lambda a, b: rs.relu(a), lambda a, b: a @ w, lambda a, b: rs.affine(a, 4)]
        nodes.append(build[generator.integers(len(build))](a, b))
    return rs.Network(inputs, tuple(nodes[-3:]))


NETWORKS = [mlp, residual, two_of_each, shared, dense, *(lambda s=s: random_graph(s) for s in range(25))]


@dataclass(frozen=True)
class Rectangle:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other):
        inside = self.left < other.right and other.left < self.right
        return inside and self.top < other.bottom and other.top < self.bottom


@dataclass
class Drawing:
    boxes: list[Rectangle]
    names: list[str]
    pieces: list[list[list[tuple[float, float]]]]
    heads: list[list[tuple[float, float]]]
    labels: list[tuple[float, float, str]]
    width: float
    height: float


def numbers(text):
    return [float(n) for n in re.findall(r"-?[\d.]+", text)]


def piece_points(text):
    """The ends and, of a bend, the control points of one piece of a path."""
    if "V" in text or "H" in text:
        x, y, end = numbers(text)
        return [(x, y), (x, end) if "V" in text else (end, y)]
    n = numbers(text)
    return list(zip(n[::2], n[1::2], strict=True))


def read(svg):
    root = ElementTree.fromstring(svg)
    groups = [g for g in root.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    boxes, names = [], []
    for g in groups:
        x, y, w, h = (float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height"))
        boxes.append(Rectangle(x, y, x + w, y + h))
        names.append(g.find(f"{SVG}text").text)
    paths = list(root.iter(f"{SVG}path"))
    edges = [p.get("d") for p in paths if p.get("class") == "edge"]
    heads = [p.get("d") for p in paths if p.get("class") == "heads"]
    texts = [t for t in root.iter(f"{SVG}text") if t.get("class") == "shape"]
    return Drawing(
        boxes,
        names,
        [[piece_points(piece) for piece in d.split("M")[1:]] for d in edges],
        [[tuple(numbers(m)[:2]) for m in d.split("M")[1:]] for d in heads],
        [(float(t.get("x")), float(t.get("y")), t.text) for t in texts],
        float(root.get("width")),
        float(root.get("height")),
    )


def along(points):
    """Points of a piece: of its line, or of its Bézier curve."""
    if len(points) == 2:
        points = [points[0], points[0], points[1], points[1]]
    t = np.linspace(0, 1, 40)[:, None]
    a, b, c, d = np.array(points)
    return (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


def turned(drawing):
    """The drawing mirrored on its diagonal: what led to the right leads down."""
    return replace(
        drawing,
        boxes=[Rectangle(b.top, b.left, b.bottom, b.right) for b in drawing.boxes],
        pieces=[[[(y, x) for x, y in piece] for piece in pieces] for pieces in drawing.pieces],
        heads=[[(y, x) for x, y in heads] for heads in drawing.heads],
        width=drawing.height,
        height=drawing.width,
    )


@pytest.mark.parametrize(
    ("build", "direction"), [*((b, "down") for b in NETWORKS), *((b, "right") for b in NETWORKS[:15])]
)
def test_nothing_overlaps_and_the_edges_are_those_of_the_graph(build, direction):
    graph = build().graph
    drawing = read(build().draw(direction=direction))
    for one, other in combinations(drawing.boxes, 2):
        assert not one.overlaps(other)

    texts = [Rectangle(x, y - LABEL, x + text_width(t, LABEL), y) for x, y, t in drawing.labels]
    for text in texts:
        assert text.right <= drawing.width
        assert not any(text.overlaps(box) for box in drawing.boxes)
    assert not any(one.overlaps(other) for one, other in combinations(texts, 2))

    if direction == "right":
        drawing = turned(drawing)
        texts = [Rectangle(t.top, t.left, t.bottom, t.right) for t in texts]
    found = set()
    for pieces, heads in zip(drawing.pieces, drawing.heads, strict=True):
        start = pieces[0][0]
        sources = [
            i for i, b in enumerate(drawing.boxes) if abs(b.bottom - start[1]) < 0.2 and b.left < start[0] < b.right
        ]
        assert len(sources) == 1
        reached = {start}
        for points in pieces:
            assert points[0] in reached  # the pieces of one wire hang together
            reached.add(points[-1])
            curve = along(points)
            assert (curve[:, 0] >= 0).all()
            assert (curve[:, 0] <= drawing.width).all()
            for box in [*drawing.boxes, *texts]:
                inside = (curve > (box.left + 0.3, box.top + 0.3)) & (curve < (box.right - 0.3, box.bottom - 0.3))
                assert not inside.all(1).any()
        for head in heads:
            assert head in reached
            ends = [i for i, b in enumerate(drawing.boxes) if abs(b.top - head[1]) < 0.2 and b.left < head[0] < b.right]
            assert len(ends) == 1
            found.add((sources[0], ends[0]))
    assert found == set(diagram(graph).edges)


@pytest.mark.parametrize("build", [mlp, residual, two_of_each, shared])
def test_every_shape_and_every_name_is_written(build):
    graph = build().graph
    drawing = read(build().draw())
    for node, name in graph.names.items():
        if node.op is not None or node in graph.inputs:
            assert name in drawing.names
            assert show_shape(node.shape) in [t for _, _, t in drawing.labels]
    assert sum(name.startswith("output") for name in drawing.names) == len(graph.outputs)


def test_diagram_edges_are_the_edges_of_the_graph():
    graph = shared().graph
    picture = diagram(graph)
    names = [box.lines[0] for box in picture.boxes]
    edges = {(names[a], names[b]) for a, b in picture.edges}
    ours = {(graph.names[p], graph.names[n]) for n in graph.nodes for p in n.parents}
    assert edges == ours | {("square_1", "output")}
    assert [box.role for box in picture.boxes].count("parameter") == 2


def test_boxes_tell_parameters_shared_or_not():
    svg = mlp().draw()
    assert "100,480 parameters" in svg
    assert "shared, 128 parameters" in shared().draw()
    assert "shared" not in svg


def test_a_straight_network_is_drawn_straight():
    drawing = read(mlp().draw())
    assert np.ptp([b.left + b.right for b in drawing.boxes]) < 0.3
    assert all(a.bottom < b.top for a, b in pairwise(drawing.boxes))


def test_a_deep_network_can_lead_to_the_right():
    x = h = rs.input("x", (16,))
    for width in range(17, 47):  # no two layers are alike, so that none is folded
        h = rs.affine(h, width)
    net = rs.Network(x, h)
    down, right = read(net.draw()), read(net.draw(direction="right"))
    assert right.height < down.height / 10
    assert all(a.right < b.left for a, b in pairwise(right.boxes))
    assert np.ptp([b.top + b.bottom for b in right.boxes]) < 0.3
    with pytest.raises(DataError, match="direction='down' or direction='right'"):
        net.draw(direction="up")


def test_the_spine_of_a_residual_network_is_straight():
    x = rs.input("x", (16,))
    drawing = read(rs.Network(x, block(block(block(x)))).draw())
    assert np.ptp([b.left + b.right for b in drawing.boxes]) < 0.3


def test_names_are_text_and_never_markup():
    x = rs.input('<script>alert("x")</script>', (2,))
    svg = rs.Network(x, rs.relu(x, name="a & b \x00 ]]> $\\frac$ 日本語 " + "long " * 40)).draw()
    root = ElementTree.fromstring(svg)
    assert not list(root.iter(f"{SVG}script"))
    assert any("a & b \ufffd ]]>" in (t.text or "") for t in root.iter(f"{SVG}title"))
    assert max(len(t.text) for t in root.iter(f"{SVG}text") if t.text) < 60


def test_the_picture_is_self_contained_and_accessible():
    svg = residual().draw()
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.find(f"{SVG}title").text
    assert "href" not in svg
    assert "url(" not in svg
    assert "<style" not in svg


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("color", FAMILIES.values())
def test_text_is_readable_on_every_color(color):
    """WCAG 2, level AA: a contrast of 4.5 at least."""
    assert (luminance(color) + 0.05) / (luminance("#1b1b1b") + 0.05) > 4.5


def drawn_nodes(drawing):
    return [n for n in drawing.names if n not in ("x", "late", "w") and not n.startswith("output") and "more" not in n]


def test_a_block_that_repeats_is_drawn_once():
    x = h = rs.input("x", (8,))
    for _ in range(2500):
        h = h + rs.relu(rs.affine(rs.layer_norm(h), 8))
    drawing = read(rs.Network(x, h).draw())
    assert len(drawn_nodes(drawing)) == 8  # the first block reads the input twice, so it is not like the others
    assert [n for n in drawing.names if "more" in n] == ["the same 4 nodes, 2,498 times more"]


def test_blocks_of_several_kinds_are_folded_each_for_itself():
    x = rs.input("x", (8, 8, 4))
    h = x
    for channels in (4, 8, 16):
        h = rs.relu(rs.conv(h, channels, 3))
        for _ in range(8):
            h = rs.relu(h + rs.conv(rs.relu(rs.conv(h, channels, 3)), channels, 3))
    drawing = read(rs.Network(x, rs.affine(rs.flatten(h), 10)).draw())
    assert [n for n in drawing.names if "more" in n] == ["the same 5 nodes, 7 times more"] * 3
    assert len(drawn_nodes(drawing)) == 3 * (2 + 5) + 2


def test_a_network_that_does_not_repeat_has_its_middle_folded():
    x = h = rs.input("x", (8,))
    for i in range(300):
        h = rs.tanh(rs.affine(h, 8 + i))
    drawing = read(rs.Network(x, h).draw())
    count = next(int(n.split()[0].replace(",", "")) for n in drawing.names if "more nodes" in n)
    assert count + len(drawn_nodes(drawing)) == 600


def test_a_fold_keeps_inputs_shared_parameters_and_outputs():
    x, late = rs.input("x", (4,)), rs.input("late", (4,))
    w = parameter("w", (4, 4), ones)
    h, middle = x, None
    for i in range(300):
        h = rs.tanh(h @ w)
        middle = h if i == 150 else middle
    drawing = read(rs.Network((x, late), (h + late, middle)).draw())
    assert {"x", "late", "w", "output 1", "output 2"} <= set(drawing.names)
    assert sum("times more" in n for n in drawing.names) == 2


def test_a_network_too_dense_to_read_is_refused():
    x = rs.input("x", (1,))
    values = [x]
    for _ in range(150):
        values.append(rs.relu(rs.sum(rs.concatenate(values), -1, keepdims=True)))
    with pytest.raises(GraphError, match="too dense to read"):
        rs.Network(x, values[-1]).draw()


def test_svg_is_written_whole(tmp_path):
    path = tmp_path / "net.svg"
    assert path.write_text("before")
    assert mlp().draw(path) == path.read_text("utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["net.svg"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.svg"
    path.write_text("before")

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DataError, match="disk full"):
        mlp().draw(path)
    assert [p.name for p in tmp_path.iterdir()] == ["net.svg"]
    assert path.read_text() == "before"


def test_png_is_written_by_matplotlib(tmp_path):
    x = rs.input("x $y$ _z^", (4,))
    net = rs.Network(x, rs.relu(x, name="$\\broken{"))
    svg = net.draw(tmp_path / "net.PNG")
    content = (tmp_path / "net.PNG").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
    root = ElementTree.fromstring(svg)
    assert (width, height) == pytest.approx((2 * float(root.get("width")), 2 * float(root.get("height"))), abs=2)


def test_png_without_matplotlib_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'reseau[plot]'")):
        mlp().draw(tmp_path / "net.png")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file or directory\n  fix: a folder that exists"):
        mlp().draw(tmp_path / "missing" / "net.svg")


@pytest.mark.parametrize("name", ["net.pdf", "net", "svg"])
def test_other_files_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"ends in \.svg or \.png"):
        mlp().draw(tmp_path / name)


def test_drawing_is_a_function_of_the_graph():
    assert two_of_each().draw() == two_of_each().draw()
