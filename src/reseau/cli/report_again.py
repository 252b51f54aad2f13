"""`reseau report`."""

from dataclasses import replace
from pathlib import Path

from reseau.cli.options import Report
from reseau.cli.run_folder import find_model
from reseau.disk import WRITTEN, refusals
from reseau.errors import DataError

__all__ = ["report"]


def report(arguments: Report) -> int:
    """Write the report of a run again, from what its folder holds: nothing is trained, and no data is read."""
    folder = Path(arguments.run)
    if not folder.is_dir():
        raise DataError(f"{folder}: it is no folder\n  fix: give a folder that `reseau train` wrote")
    path = find_model(arguments.run)
    from reseau.cli.model import read_model
    from reseau.cli.record import read_record
    from reseau.cli.report import write_report

    record = read_record(folder)
    if arguments.interval is not None:
        record = replace(record, level=arguments.interval)
    model = read_model(path)
    with refusals(folder, WRITTEN, "give the user the right to write there"):
        if not (folder / "network.svg").is_file():
            model.network.draw(folder / "network.svg")
        found = write_report(folder, record, model)
    for name, value in () if found is None else found.measures.lines:
        print(f"test {name}: {value}")
    print(f"wrote {folder / 'report.md'} and {folder / 'report.html'}")
    return 0
