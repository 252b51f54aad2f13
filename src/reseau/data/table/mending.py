"""The cure of a file that one command of a shell mends, by what the file is packed in."""

import shlex
from pathlib import Path

__all__ = ["mended"]

UNPACKERS = {".gz": "gzip -dc", ".bz2": "bzip2 -dc", ".xz": "xz -dc", ".zip": "unzip -p"}
WORKBOOKS = (".xlsx", ".xlsm")


def mended(what: str, command: str, path: object) -> str:
    """What is to be done, with the command that writes the mended file; of a workbook it is done where it was written.

    Args:
        what: What is to be done, in words.
        command: A filter of text: a command without its input.
        path: The file.

    Example:
        >>> mended("leave it out", "tail -n +2", "a table.csv.gz")
        "leave it out: gzip -dc 'a table.csv.gz' | tail -n +2 > table.csv"
    """
    suffix, name = Path(str(path)).suffix.lower(), shlex.quote(str(path))
    if suffix in WORKBOOKS:
        return f"{what}, in the spreadsheet program"
    if suffix in UNPACKERS:
        return f"{what}: {UNPACKERS[suffix]} {name} | {command} > table.csv"
    return f"{what}: {command} {name} > table.csv"
