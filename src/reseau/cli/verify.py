"""`reseau verify`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reseau.cli.options import Verify
from reseau.errors import UnsupportedError

if TYPE_CHECKING:
    from reseau.verification.verdict import Verdict
    from reseau.verification.vnnlib import Property
    from reseau.verification.witness import Replay

__all__ = ["verify"]


def verify(arguments: Verify) -> int:
    """Print sat with a witness, unsat, unknown or timeout; what that means goes to the other stream."""
    from reseau.verification.vnnlib import read_property

    found = _decided(Path(arguments.model), read_property(Path(arguments.property)), arguments)
    print(found.text())
    print(f"{found.semantics}{f' ({found.why})' if found.why else ''}; {found.boxes} boxes", file=sys.stderr)
    return 0


def _decided(path: Path, asked: "Property", arguments: Verify) -> "Verdict":
    """A chain is decided without the rest of the library; any other graph as `rs.verify` does."""
    if path.suffix.lower() == ".onnx":
        from reseau.verification.onnx_chain import read_chain
        from reseau.verification.verdict import decide

        try:
            chain = read_chain(path)
        except UnsupportedError:
            pass
        else:
            return decide(chain, asked, timeout=arguments.timeout, float32=arguments.float32, replay=_replay(path))
    from reseau.network import load
    from reseau.verification.verify import verify as verify_network

    network, params = load(path)
    return verify_network(network, params, asked, timeout=arguments.timeout, float32=arguments.float32)


def _replay(path: Path) -> "Replay":
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
