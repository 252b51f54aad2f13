"""`reseau train` in several processes: `--processes`, or `--coordinator` and `--process` on each machine."""

from collections.abc import Sequence
from pathlib import Path

from reseau.cli.options import Train
from reseau.cli.partial_folder import words_of
from reseau.cli.train import earlier, train
from reseau.distributed.launch import launch
from reseau.distributed.start import start, team_here
from reseau.errors import DataError

__all__ = ["train_shared"]

PLACES = ("--processes", "--coordinator", "--process")


def train_shared(arguments: Train, words: Sequence[str]) -> int:
    """Train in this process, or start the others, or join them."""
    if arguments.processes is None and arguments.coordinator is None and arguments.process is None:
        return train(arguments, words)
    for option in ("time", "tune", "cv"):
        if getattr(arguments, option):
            raise DataError(
                f"--{option} trains several networks one after another\n  fix: leave --{option} out, or --processes"
            )
    own = without_places(words)
    process, processes = arguments.process or (None, None)
    asked = arguments.processes
    if arguments.coordinator is None and process is None and asked is not None and asked > 1:
        if arguments.resume:
            out = arguments.resume.removesuffix("/").removesuffix(".partial")
            own = [*without_places(words_of(Path(out))), "--out", out, "--resume"]
        return launch(own, asked)
    if process is not None and arguments.coordinator is None:
        raise DataError("--process says which one this is, and not where they meet\n  fix: --coordinator HOST:PORT too")
    if process is None and arguments.coordinator not in (None, "auto"):
        raise DataError(
            "--coordinator says where they meet, and not which one this is\n"
            "  fix: --process 0/2 too, or --coordinator auto under SLURM"
        )
    coordinator = None if arguments.coordinator == "auto" else arguments.coordinator
    start(coordinator, processes or asked, process)
    team = team_here()
    with team.failing_together():
        if arguments.resume:
            arguments, own = earlier(arguments, own)
        team.compare({"--resume": str(arguments.resume is not None)})  # all have read it: process 0 may lock the folder
        status = train(arguments, own, writes=team.rank == 0)
        team.agreed()  # that process 0 has written everything
    return status


def without_places(words: Sequence[str]) -> list[str]:
    """The command without the words that say where it runs: it goes on anywhere."""
    kept, skip = list[str](), False
    for word in words:
        if not skip and word.partition("=")[0] not in PLACES:
            kept.append(word)
        skip = not skip and word in PLACES
    return kept
