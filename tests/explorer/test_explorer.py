"""The explorer without a browser: its numbers are those of the network, of backpropagation, of fit, of the theorems."""

import io
import json
import math
import time
import zipfile

import numpy as np
import pytest

import reseau as rs
from reseau.cli.run_folder import find_model
from reseau.explorer.explorer import Explorer
from reseau.explorer.problem import Problem
from reseau.explorer.transfers import read_moments

FLOWERS = b"length,width,kind\n" + b"\n".join(
    b"%d.5,%d,%s" % (i, i * i % 7, (b"iris", b"rose", b"tulip")[i % 3]) for i in range(48)
)


def ask(explorer, command, *blobs, **fields):
    reply = explorer.answer({"command": command, **fields}, blobs)
    assert reply.kind != "error", reply.data
    return reply


def take(explorer, count):
    """Steps, waited for however busy the machine is."""
    ask(explorer, "steps", count=count)
    explorer.trainer.wait(60)
    return ask(explorer, "curve")


def refusal(explorer, message, *blobs):
    reply = explorer.answer(message, blobs)
    assert reply.kind == "error"
    assert "\n  fix: " in reply.data["text"]
    return reply.data["text"]


@pytest.fixture(scope="module")
def spirals():
    explorer = Explorer()
    ask(explorer, "build", data="spirals", rows=40, hidden=[4], activation="relu")
    ask(explorer, "configure", optimizer="sgd", rate=0.1, batch=8)
    take(explorer, 3)
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def line():
    explorer = Explorer()
    ask(explorer, "build", data="triangle", rows=40, hidden=[5], activation="relu")
    yield explorer
    explorer.close()


def gradients(explorer, rows):
    problem = explorer.problem
    x, y = problem.inputs[0][rows], problem.targets[rows]
    return rs.Objective(problem.network, problem.loss).value_and_grad(explorer.trainer.params, x, y)


def test_the_value_of_a_node_is_that_of_forward_and_the_derivative_that_of_the_objective(spirals):
    problem, params = spirals.problem, spirals.trainer.params
    run = problem.network.forward(params, problem.inputs[0][7:8])
    loss, found = gradients(spirals, [7])
    for name in ("hidden1", "hidden1 relu", "scores"):
        assert np.array_equal(ask(spirals, "inspect", node=name, row=7).buffers["value"], np.ravel(run[name]))
    for name, derivative in found.items():
        told = ask(spirals, "inspect", node=name, row=7)
        assert np.allclose(told.buffers["derivative"], np.ravel(derivative), rtol=1e-5, atol=1e-7)
        assert np.array_equal(told.buffers["value"], np.ravel(params[name]))
    assert float(ask(spirals, "inspect", node="loss", row=7).buffers["value"][0]) == pytest.approx(float(loss))


def test_a_step_is_explained_with_the_gradient_of_its_batch_and_the_parameters_after_it(spirals):
    _, found = gradients(spirals, [2, 3])
    told = ask(spirals, "explain", row=2, rows=2).data
    steps = {s["name"]: s for s in told["steps"]}
    assert told["spelled"]
    for pull in (p for s in told["steps"] for p in s["pulls"] if p["jacobian"] is not None):
        g, j = pull["cotangent"].ravel(), pull["jacobian"].reshape(pull["cotangent"].size, -1)
        assert np.allclose(g @ j, pull["product"].ravel(), rtol=1e-5, atol=1e-7)
    for change in told["update"]:
        g = np.asarray(found[change["name"]])
        assert np.allclose(change["gradient"], g, rtol=1e-5, atol=1e-7)
        assert np.allclose(steps[change["name"]]["cotangent"], g, rtol=1e-5, atol=1e-7)
        assert np.allclose(change["new"], change["old"] - np.float32(0.1) * g, rtol=1e-5, atol=1e-7)


def test_finite_differences_confirm_every_derivative(spirals):
    told = ask(spirals, "differences", row=5).data
    assert {e["name"] for e in told["entries"]} == set(spirals.problem.network.graph.parameters)
    assert told["worst"] < 1e-7
    assert max(abs(e["derivative"]) for e in told["entries"]) > 1e-3


def test_a_kink_is_told_with_the_subgradient_that_is_taken():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.relu(x, name="bend"), 1, name="out"))
    data = rs.data.from_arrays(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([0.5, 1.5]), task="regression")
    explorer = Explorer(Problem("kink", net, rs.losses.SquaredError(), data))
    step = next(s for s in ask(explorer, "explain", row=0).data["steps"] if s["name"] == "bend")
    assert step["kinks"] == [{"entry": [0, 0], "subgradient": 0.0}]


def test_statistics_are_those_of_diagnose(spirals):
    problem = spirals.problem
    told = ask(spirals, "statistics").data
    right = rs.Objective(problem.network, problem.loss).diagnose(
        spirals.trainer.params, problem.inputs[0], problem.targets
    )
    nodes = {n["name"]: n for n in told["nodes"]}
    for node in right.nodes:
        assert nodes[node.name]["dead"] == node.dead
        assert nodes[node.name]["gradient"] == pytest.approx(node.gradient, rel=1e-4)
        square = nodes[node.name]["mean"] ** 2 + nodes[node.name]["spread"] ** 2
        assert math.sqrt(square) == pytest.approx(node.activation, rel=1e-4)
    assert tuple(told["problems"]) == right.problems


def test_steps_are_those_of_fit_and_another_rate_begins_no_new_run(spirals):
    problem = spirals.problem
    ask(spirals, "reset", seed=4)
    ask(spirals, "configure", optimizer="sgd", rate=0.5, batch=8)
    assert take(spirals, 2).data["step"] == 2
    told = take(spirals, 5)
    assert told.data["step"] == 7
    assert told.buffers["steps"].tolist()[-1] == 7
    right = rs.fit(
        rs.Objective(problem.network, problem.loss),
        (problem.inputs[0][problem.train], problem.targets[problem.train]),
        optimizer=rs.optimizers.SGD(0.5),
        batches=rs.batches.Shuffled(8),
        steps=7,
        seed=4,
        progress=False,
    )
    for name, value in right.params.items():
        assert np.allclose(spirals.trainer.params[name], value, rtol=1e-6, atol=1e-7)
    run = spirals.trainer.run
    ask(spirals, "configure", optimizer="sgd", rate=0.25, batch=8)
    take(spirals, 1)
    assert spirals.trainer.run is run


def test_training_runs_beside_and_a_kept_moment_can_be_put_back(line):
    events = []
    line.tell = events.append
    ask(line, "reset", seed=0)
    first = {k: v.copy() for k, v in line.trainer.params.items()}
    assert ask(line, "run").data["running"]
    deadline = time.monotonic() + 60
    while len(events) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not ask(line, "pause").data["running"]
    assert [e.kind for e in events[:2]] == ["progress", "progress"]
    assert events[1].data["step"] > events[0].data["step"] > 0
    assert events[-1].data["running"] is False
    told = ask(line, "rewind", moment=0)
    assert told.data["step"] == 0
    for name, value in first.items():
        assert np.array_equal(line.trainer.params[name], value)
    latest = max(m["step"] for m in told.data["kept"])
    assert latest == events[-1].data["step"]
    assert ask(line, "rewind", moment=len(told.data["kept"]) - 1).data["step"] == latest


def test_where_validating_takes_too_long_the_curve_grows_without_it(monkeypatch):
    events = []
    explorer = Explorer(tell=lambda reply: events.append(reply.data))
    ask(explorer, "build", data="triangle", rows=40, hidden=[5], activation="relu")
    monkeypatch.setattr("reseau.explorer.trainer.SHARE", 1e-9)  # whatever a look costs is too much
    ask(explorer, "run")
    deadline = time.monotonic() + 60
    while len(events) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    ask(explorer, "pause")
    curve = ask(explorer, "curve").buffers
    explorer.close()
    told = dict(zip(curve["steps"], curve["validation"], strict=True))
    assert np.isfinite(curve["loss"][1:]).all()
    assert [math.isnan(told[e["step"]]) for e in events] == [e["validated"] < e["step"] for e in events]
    assert any(e["validated"] < e["step"] for e in events)
    assert events[-1]["validated"] == events[-1]["step"]
    assert len({e["run"] for e in events}) == 1


def test_a_curve_that_is_thinned_keeps_what_was_validated():
    trainer = Explorer().trainer
    trainer.step = 1200
    trainer.curve = [(i, 1.0, 0.5 if i % 5 == 1 else math.nan) for i in range(1200)]
    trainer._draw_on(0.5)
    steps, _, validation = zip(*trainer.curve, strict=True)
    assert len(steps) == 601
    assert list(steps) == sorted(steps)
    assert {s for s in range(1200) if s % 5 == 1} <= set(steps)
    assert sum(np.isfinite(validation)) == 241


def test_after_a_single_step_training_goes_on_in_long_chunks(line):
    take(line, 1)
    take(line, 600)
    assert line.trainer.run.most_epochs > 50


def test_a_loss_that_leaves_the_finite_numbers_is_told_and_training_can_go_on():
    explorer = Explorer()
    ask(explorer, "build", data="saddle", rows=40, hidden=[])
    ask(explorer, "configure", optimizer="sgd", rate=100.0, batch=4)
    told = take(explorer, 3000).data
    assert "fix: " in told["error"]
    ask(explorer, "configure", optimizer="sgd", rate=0.01, batch=4)
    assert ask(explorer, "reset").data["step"] == 0
    assert take(explorer, 2).data["error"] == ""


def test_the_surface_is_what_the_network_says(spirals):
    told = ask(spirals, "surface", size=12)
    (x1, x2), (y1, y2) = told.data["ranges"]
    grid = np.array([[x, y] for y in np.linspace(y1, y2, 12) for x in np.linspace(x1, x2, 12)], np.float32)
    scores = np.asarray(spirals.problem.network(spirals.trainer.params, grid), np.float64)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.array_equal(told.buffers["value"], shares.argmax(axis=1))
    assert np.allclose(told.buffers["confidence"], shares.max(axis=1), atol=1e-6)


def test_a_slice_of_more_inputs_has_the_others_of_its_row_and_may_have_ends_of_its_own():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 4)), 1))
    data = rs.data.from_arrays(np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0), task="regression")
    explorer = Explorer(Problem("slice", net, rs.losses.SquaredError(), data, unit=(2.0, 5.0)))
    told = ask(explorer, "surface", first=2, second=0, row=4, size=13, reach=1.5)
    assert told.data["ranges"] == [(-1.5, 1.5), (-1.5, 1.5)]
    ends = np.linspace(-1.5, 1.5, 13)
    grid = np.array([[y, data.features[4, 1], x] for y in ends for x in ends], np.float32)
    own = 5 * np.asarray(net(explorer.trainer.params, grid))[:, 0] + 2
    assert np.allclose(told.buffers["value"], own, atol=1e-5)


def test_the_loss_is_known_before_the_first_step_and_after_an_edit(spirals):
    ask(spirals, "configure", optimizer="sgd", rate=0.1, batch=8, penalty="l2", strength=0.5)
    ask(spirals, "reset", seed=3)
    for _ in range(2):
        problem, params = spirals.problem, spirals.trainer.params
        told = ask(spirals, "measure").data
        scores = np.asarray(problem.network(params, problem.inputs[0]), np.float64)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(scores)), problem.targets]
        weights = sum(float(np.square(v).sum()) for k, v in params.items() if k.endswith("weight"))
        assert told["loss"] == pytest.approx(losses[problem.train].mean() + 0.25 * weights, rel=1e-5)
        assert told["validation"] == pytest.approx(losses[problem.held].mean(), rel=1e-5)
        ask(spirals, "edit", name="scores.bias", entry=0, value=2.0)
    ask(spirals, "configure", optimizer="sgd", rate=0.1, batch=8)
    ask(spirals, "reset", seed=0)


def test_the_shares_of_a_prediction_are_those_of_attribute(spirals):
    told = ask(spirals, "attribute", row=3)
    x = spirals.problem.inputs[0]
    right = spirals.problem.network.attribute(
        spirals.trainer.params, x[3:4], baseline=x.astype(np.float64).mean(axis=0)
    )
    assert told.buffers["shares"] == pytest.approx(right.values[0])
    assert told.data["method"] == "exact"
    assert told.data["to"] - told.data["from"] == pytest.approx(told.buffers["shares"].sum() + told.data["missing"])


def test_confusions_lead_to_their_rows(spirals):
    matrix = np.array(ask(spirals, "confusion", part="all").data["matrix"])
    assert matrix.sum() == 40
    target = spirals.problem.table.target
    assert matrix.sum(axis=1).tolist() == np.bincount(target, minlength=3).tolist()
    true, predicted = (int(i) for i in np.unravel_index(matrix.argmax(), matrix.shape))
    told = ask(spirals, "rows", part="all", true=true, predicted=predicted, count=40).data
    assert told["total"] == matrix[true, predicted] == len(told["rows"])
    assert {(r["true"], r["predicted"]) for r in told["rows"]} == {("ABC"[true], "ABC"[predicted])}
    losses = [r["loss"] for r in told["rows"]]
    assert losses == sorted(losses, reverse=True)


def test_own_rows_with_three_classes_and_broken_ones(spirals):
    explorer = Explorer()
    about = ask(explorer, "load", FLOWERS, name="flowers.csv").data
    assert about["data"]["classes"] == ("iris", "rose", "tulip")
    assert about["outputs"] == [3]
    assert [c["name"] for c in about["data"]["columns"]] == ["length", "width"]
    number = ask(explorer, "load", name="flowers.csv", target="width").data["data"]
    assert number["target"] == "width"
    assert [c["name"] for c in number["columns"]] == ["length", "kind"]
    for content, name in [(b"a,b\n1", "a.csv"), (b"\xff\x00" * 50, "b.csv"), (b"", "c.csv"), (FLOWERS, "d.exe")]:
        assert name in refusal(explorer, {"command": "load", "name": name}, content) or name == "d.exe"
        assert explorer.describe().data["own"]["name"] == "flowers.csv"


def test_images_come_with_their_rows_and_train():
    explorer = Explorer()
    ask(explorer, "build", data="digits", rows=60, hidden=[4])
    told = ask(explorer, "rows", part="all", count=5)
    assert told.buffers["images"].shape == (5, 8, 8, 1)
    assert told.buffers["images"].dtype == np.float32  # bytes are files
    first = told.data["rows"][0]["row"]
    assert np.array_equal(told.buffers["images"][0], rs.data.digits().features[first])
    assert take(explorer, 2).data["step"] == 2


def test_pieces_are_exact_and_rescaling_leaves_the_function_still(line):
    ask(line, "reset", seed=0)
    told = ask(line, "pieces")
    pieces = told.data["pieces"]
    x = np.array(pieces["breaks"])
    at = np.asarray(line.problem.network(line.trainer.params, x[:, None].astype(np.float32)))[:, 0]
    assert np.allclose(pieces["values"], at, atol=1e-5)
    assert np.allclose(np.diff(pieces["values"]) / np.diff(x), pieces["slopes"], rtol=1e-6, atol=1e-9)
    moved = ask(line, "rescale", neuron=2, factor=4.0)
    assert np.allclose(moved.data["pieces"]["values"], pieces["values"], atol=1e-5)
    assert moved.data["path_norm"] == pytest.approx(told.data["path_norm"])
    assert moved.data["weight_decay"] > told.data["weight_decay"]
    assert ask(line, "simplify", how="balance").data["weight_decay"] <= told.data["weight_decay"] * (1 + 1e-6)


def test_a_kink_is_dragged_and_a_dead_neuron_pruned(line):
    ask(line, "reset", seed=0)
    told = ask(line, "move", neuron=1, weights=[2.0], bias=-0.5)
    assert any(k == pytest.approx(0.25, abs=1e-6) for k in told.data["pieces"]["knots"])
    ask(line, "move", neuron=1, weights=[0.1], bias=-3.0)
    before = ask(line, "pieces").data["pieces"]["values"]
    pruned = ask(line, "simplify", how="prune").data
    assert pruned["width"] == 4
    assert pruned["pieces"]["values"] == pytest.approx(before, abs=1e-6)
    assert line.describe().data["chosen"]["hidden"] == (4,)


def test_the_optimum_and_the_certificate_are_those_of_theory(line):
    told = ask(line, "optimum", strength=0.01).data
    x, y = line.problem.inputs[0][line.problem.train], line.problem.targets[line.problem.train, 0]
    right = rs.theory.global_optimum(x, y, 0.01, radius=told["radius"])
    assert told["optimum"] == right.primal
    assert told["dual"] == right.dual <= told["objective"]
    risk = ask(line, "certify").data
    assert risk["assumed"]
    assert risk["bound"] >= risk["empirical"]


def test_an_edited_parameter_is_in_the_file_that_is_saved(spirals, tmp_path):
    ask(spirals, "edit", name="scores.bias", entry=1, value=0.75)
    (tmp_path / "net.onnx").write_bytes(ask(spirals, "save", kind="onnx").buffers["file"].tobytes())
    network, params = rs.load(tmp_path / "net.onnx")
    x = spirals.problem.inputs[0][:4]
    own = spirals.problem.network(spirals.trainer.params, x)
    assert np.allclose(network(params, x), own, atol=1e-6)
    assert spirals.trainer.params["scores.bias"][1] == 0.75


def test_the_folder_that_is_saved_is_one_that_the_commands_read(spirals, tmp_path):
    took = take(spirals, 5).data["step"]
    with zipfile.ZipFile(io.BytesIO(ask(spirals, "save", kind="run").buffers["file"].tobytes())) as archive:
        archive.extractall(tmp_path)
    model = find_model(str(tmp_path / "explored-run"))
    network, params = rs.load(model)
    x = spirals.problem.inputs[0][:4]
    assert np.allclose(network(params, x), spirals.problem.network(spirals.trainer.params, x), atol=1e-6)
    curve = np.genfromtxt(model.parent / "history.csv", delimiter=",", names=True)
    assert curve.dtype.names == ("step", "loss", "validation_loss")
    assert tuple(curve[-1]) == pytest.approx((took, spirals.trainer.loss, spirals.trainer.validation))
    assert (model.parent / "network.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_program_that_is_saved_trains_the_same_network(spirals):
    ask(spirals, "reset", seed=0)
    take(spirals, 4)
    text = ask(spirals, "save", kind="python").buffers["file"].tobytes().decode()
    space = {}
    exec(text.rpartition("problem.network.save")[0], space)
    for name, value in space["result"].params.items():
        assert np.allclose(spirals.trainer.params[name], value, rtol=1e-6, atol=1e-7)


def test_checkpoints_of_a_run_are_moments(line, tmp_path):
    problem = line.problem
    rs.fit(
        rs.Objective(problem.network, problem.loss),
        (problem.inputs[0][problem.train], problem.targets[problem.train]),
        steps=6,
        checkpoint=tmp_path,
        every=1,
        keep=9,
        progress=False,
    )
    moments = read_moments(tmp_path, problem)
    assert [m.step for m in moments][-1] == 6
    explorer = Explorer(problem, moments)
    ask(explorer, "rewind", moment=len(moments) - 1)
    assert np.array_equal(explorer.trainer.params["output.weight"], moments[-1].params["output.weight"])
    other = Explorer()
    with pytest.raises(rs.errors.ModelFileError, match="fix: the checkpoints of this run"):
        read_moments(tmp_path, other.problem)


def test_a_network_without_rows_is_shown_on_drawn_ones_and_not_trained():
    x = rs.input("image", (6, 6, 1))
    net = rs.Network(x, rs.affine(rs.flatten(rs.relu(rs.conv(x, 2, (3, 3), name="conv"))), 3, name="out"))
    explorer = Explorer(Problem("drawn", net, note="drawn"))
    about = ask(explorer, "describe").data
    assert (about["trainable"], about["data"], about["note"]) == (False, None, "drawn")
    told = ask(explorer, "inspect", node="conv", row=3)
    assert told.data["shape"] == [1, 6, 6, 2]
    assert told.data["scalar"] == "the sum of the outputs"
    text = refusal(explorer, {"command": "run"})
    assert "--data" in text
    assert "--data" in refusal(explorer, {"command": "surface"})


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"command": 3},
        {"command": "nothing"},
        {"command": "steps", "count": -1},
        {"command": "steps", "count": 10**30},
        {"command": "steps", "count": True},
        {"command": "steps", "more": 1},
        {"command": "configure"},
        {"command": "configure", "optimizer": "adam", "rate": float("nan"), "batch": 1},
        {"command": "configure", "optimizer": "adam", "rate": -1.0, "batch": 1},
        {"command": "configure", "optimizer": "x" * 10_000, "rate": 1.0, "batch": 1},
        {"command": "build", "data": "own"},
        {"command": "build", "data": "../../etc/passwd"},
        {"command": "build", "data": "sine", "rows": 10**9},
        {"command": "build", "data": "sine", "hidden": [10**6]},
        {"command": "build", "data": "sine", "hidden": [1] * 100_000},
        {"command": "build", "data": "sine", "filters": [3]},
        {"command": "load", "name": "/etc/passwd"},
        {"command": "inspect", "node": "nowhere"},
        {"command": "inspect", "node": "x", "row": 10**6},
        {"command": "edit", "name": "x", "entry": 0, "value": 1.0},
        {"command": "rewind", "moment": 99},
        {"command": "surface", "size": 10**5},
        {"command": "save", "kind": "pickle"},
        {"command": "simplify", "how": "away"},
        {"command": "move", "neuron": 0, "weights": [], "bias": 0.0},
        {"command": "certify", "delta": 2.0},
    ],
)
def test_a_message_that_makes_no_sense_is_one_error(spirals, message):
    refusal(spirals, message)
    json.dumps(ask(spirals, "curve").data)
