"""`reseau monitor`."""

import csv
import io
import sys
from pathlib import Path

from reseau.cli import options
from reseau.cli.run_folder import check_not_read
from reseau.errors import DataError

__all__ = ["monitor"]


def monitor(arguments: options.Monitor) -> int:
    """Write for each row how many errors there were, the evidence against the promise, and whether it is broken."""
    check_not_read(arguments.out, arguments.data)
    path = Path(arguments.data)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise DataError(
            f"{path}: it cannot be read: {failure}\n  fix: a CSV file with a column of 0 and 1"
        ) from failure
    from reseau.disk import replace_file
    from reseau.theory import Monitor

    watch = Monitor(arguments.promised, arguments.delta)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["rows", "errors", "log evidence", "broken"])
    for error in _errors(path, text, arguments.column):
        watch = watch.update([error])
        writer.writerow([watch.rows, watch.errors, f"{watch.log_evidence:.6g}", int(watch.broken)])
    said = (
        f"the promised error rate of {watch.promised:g} is broken since row {watch.broken_at}"
        if watch.broken
        else f"no evidence yet that the promised error rate of {watch.promised:g} is broken"
    )
    summary = (
        f"{watch.errors} errors in {watch.rows} rows: {said} (a false alarm, ever, has probability at most "
        f"{watch.delta:g}); a constant rate is at most {watch.upper:.4g}"
    )
    if arguments.out is None:
        sys.stdout.write(written.getvalue())
        print(summary, file=sys.stderr)
    else:
        replace_file(Path(arguments.out), [written.getvalue().encode()])
        print(summary)
    return 0


def _errors(path: Path, text: str, column: str | None) -> list[float]:
    """The column of errors."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise DataError(f"{path}: it is empty\n  fix: a header, then 0 or 1 in each row")
    header = [name.strip() for name in rows[0]]
    if column is None and len(header) > 1:
        raise DataError(f"{path}: it has {len(header)} columns\n  fix: --column with one of {', '.join(header)}")
    if column is not None and column not in header:
        raise DataError(f"{path}: it has no column {column!r}\n  fix: --column with one of {', '.join(header)}")
    place = 0 if column is None else header.index(column)
    found = []
    for number, row in enumerate(rows[1:], 2):
        entry = row[place].strip() if place < len(row) else ""
        if entry not in ("0", "1"):
            raise DataError(f"{path}: line {number} says {entry!r}\n  fix: 1 for an error, 0 for none")
        found.append(float(entry))
    return found
