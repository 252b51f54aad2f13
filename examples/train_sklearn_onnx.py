"""Train a model further that scikit-learn made and exported: read the ONNX file, fit new data, write it back.

    python examples/train_sklearn_onnx.py

Needs skl2onnx and onnxruntime. A network is trained on clean digits by scikit-learn and exported. The digits it will
meet in use are darker and noisier; the file is read, trained on a few hundred of those, and written back, and
onnxruntime runs both files on digits that neither has seen.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import reseau as rs


def accuracy(path: Path, x: np.ndarray, y: np.ndarray) -> float:
    """Share of right labels, by onnxruntime; the file's second output is the probability of each class."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probabilities = session.run(None, {session.get_inputs()[0].name: x})[-1]
    return float((probabilities.argmax(1) == y).mean())


def main() -> None:
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target
    generator = np.random.default_rng(0)
    worn = np.clip(0.4 * x + generator.normal(scale=0.15, size=x.shape), 0, 1).astype(np.float32)
    clean, new, held = slice(0, 900), slice(900, 1300), slice(1300, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 30 epochs are enough here, scikit-learn would like more
        model = MLPClassifier(hidden_layer_sizes=(64,), max_iter=30, random_state=0).fit(x[clean], y[clean])
    with tempfile.TemporaryDirectory() as folder:
        made, tuned = Path(folder) / "made.onnx", Path(folder) / "tuned.onnx"
        made.write_bytes(to_onnx(model, x[:1], options={"zipmap": False}, target_opset=18).SerializeToString())

        net, params = rs.load(made)
        print(net.summary())
        # the file gives labels and probabilities; what is trained are the scores before the softmax
        scores = next(n.parents[0] for n in reversed(net.graph.nodes) if n.kind == "softmax")
        trained = rs.Network(net.graph.inputs, scores)
        result = rs.fit(
            rs.Objective(trained, loss=rs.losses.CrossEntropy()),
            (worn[new], y[new]),
            params=params,
            optimizer=rs.optimizers.Adam(1e-3),
            batches=rs.batches.Shuffled(32),
            epochs=30,
            seed=0,
        )
        net.save(tuned, result.params)

        for name, path in (("as scikit-learn made it", made), ("trained further", tuned)):
            print(f"worn digits, {name}: {accuracy(path, worn[held], y[held]):.3f} right")


if __name__ == "__main__":
    main()
