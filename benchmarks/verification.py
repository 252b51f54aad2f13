"""How many properties of a folder are decided, and in how much of the processor's time.

    python -m benchmarks.verification FOLDER [--timeout 116] [--property prop_3]

FOLDER/instances.csv has the form of the verification competition: a network, a property and seconds in each row, the
files beside it. A witness is run by onnxruntime, where that is installed.
"""

import argparse
import collections
import csv
import statistics
import time
from pathlib import Path

from reseau.cli.verify import replayed_by_onnxruntime
from reseau.verification.onnx_chain import read_chain
from reseau.verification.verdict import decide
from reseau.verification.vnnlib import read_property


def main() -> None:
    """Decide every row and print what was slow, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timeout", type=float, default=116.0)
    parser.add_argument("--property", help="of these alone, by the stem of the file")
    given = parser.parse_args()
    verdicts: collections.Counter[str] = collections.Counter()
    seconds, replayed = [], 0
    for network, asked, *_ in csv.reader((given.folder / "instances.csv").read_text().splitlines()):
        path, question = given.folder / network, given.folder / asked
        if given.property not in (None, question.stem):
            continue
        start = time.process_time()
        found = decide(
            read_chain(path), read_property(question), timeout=given.timeout, replay=replayed_by_onnxruntime(path)
        )
        seconds.append(time.process_time() - start)
        verdicts[found.verdict] += 1
        replayed += found.witness is not None and found.witness.replayed
        if seconds[-1] > 2 or found.verdict not in ("sat", "unsat"):
            print(f"{network} {asked} {found.verdict} {seconds[-1]:.1f} s", flush=True)
    print(f"{dict(verdicts)}, {replayed} witnesses replayed; of the processor's time {sum(seconds):.1f} s, "
          f"median {statistics.median(seconds):.3f} s, longest {max(seconds):.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
