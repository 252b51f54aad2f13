"""`reseau verify`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reseau.cli.options import Verify
from reseau.errors import DataError, UnsupportedError

if TYPE_CHECKING:
    from reseau.verification.properties import Property
    from reseau.verification.verdict import Verdict
    from reseau.verification.witness import Replay

__all__ = ["replayed_by_onnxruntime", "verify"]


def verify(arguments: Verify) -> int:
    """Print sat with a witness, unsat, unknown or timeout; what that means goes to the other stream."""
    from reseau.verification.vnnlib import read_property

    model, path = _files(arguments)
    asked = read_property(Path(path))
    if arguments.network is not None:
        name = arguments.network.partition("=")[0]
        if asked.declared is None or asked.declared.network != name:
            own = "none" if asked.declared is None else asked.declared.network
            raise DataError(f"--network gives {name}, the query declares {own}\n  fix: --network {own}={model}")
    found = _decided(Path(model), asked, arguments)
    print(found.text())
    print(f"{found.semantics}{f' ({found.why})' if found.why else ''}; {found.boxes} boxes", file=sys.stderr)
    return 0


def _files(arguments: Verify) -> tuple[str, str]:
    """The model and the property: two words, or the property and `--network NAME=MODEL` as in VNN-LIB 2.0."""
    if arguments.network is None and arguments.property is not None:
        return arguments.model, arguments.property
    if arguments.network is not None and arguments.property is None and arguments.network.partition("=")[2]:
        return arguments.network.partition("=")[2], arguments.model
    raise DataError(
        "verify needs a model and a property\n  fix: reseau verify MODEL PROPERTY, or PROPERTY --network N=MODEL"
    )


def _decided(path: Path, asked: "Property", arguments: Verify) -> "Verdict":
    """A chain is decided without the rest of the library; any other graph as `rs.verify` does."""
    if path.suffix.lower() == ".onnx":
        from reseau.verification.onnx_chain import read_chain
        from reseau.verification.properties import checked_fit
        from reseau.verification.verdict import decide

        try:
            chain = read_chain(path)
        except UnsupportedError:
            pass
        else:
            assert chain.shapes is not None
            checked_fit(asked, chain.shapes, "float32")
            return decide(
                chain, asked, timeout=arguments.timeout, float32=arguments.float32, replay=replayed_by_onnxruntime(path)
            )
    from reseau.network import load
    from reseau.verification.verify import verify as verify_network

    network, params = load(path)
    return verify_network(network, params, asked, timeout=arguments.timeout, float32=arguments.float32)


def replayed_by_onnxruntime(path: Path) -> "Replay":
    """Runs the file by onnxruntime, where that is installed."""

    def replay(x: "object") -> "object":
        try:
            import onnxruntime
        except ImportError:
            return None
        import numpy as np

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        declared = session.get_inputs()[0]
        shape = [n if isinstance(n, int) and n > 0 else 1 for n in declared.shape]
        given = np.asarray(x, np.float32).reshape(shape)
        return session.run(None, {declared.name: given})[0].reshape(-1)

    return replay  # type: ignore[return-value]
