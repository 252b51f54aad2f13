"""Files of other programs that are given as tables: what they are, by their first bytes, and what makes a CSV of it."""

import re
from pathlib import Path

from reseau.data.readers.files import Source
from reseau.errors import DataError

__all__ = ["refuse_foreign"]

FIRST = 4096  # bytes by which a file is known


def by_pandas(frame: str) -> str:
    """The cure for what pandas reads: an expression for the frame."""
    return f"in Python: import pandas; pandas.{frame}.to_csv({{out!r}}, index=False)"


def by_r(frame: str) -> str:
    """The cure for what R reads."""
    return f"in R: write.csv({frame}, {{out!r}}, row.names = FALSE)"


KINDS: tuple[tuple[str, str, str], ...] = (
    (r"\x89HDF\r\n", "an HDF5 file", by_pandas("read_hdf({path!r})")),
    (
        r"SQLite format 3\0",
        "an SQLite database",
        "in Python: import pandas, sqlite3; "
        "pandas.read_sql('select * from TABLE', sqlite3.connect({path!r})).to_csv({out!r}, index=False)",
    ),
    (r"\$FL[23]", "an SPSS file", by_pandas("read_spss({path!r})")),
    (r"<stata_dta>|[\x69-\x73][\x01\x02]\x01\0", "a Stata file", by_pandas("read_stata({path!r})")),
    (r"\0{12}\xc2\xea\x81\x60", "a SAS file", by_pandas("read_sas({path!r})")),
    (r"\x80[\x02-\x05]", "a pickle, which may run any program when it is read", by_pandas("read_pickle({path!r})")),
    (r"RD[AX][2-4]\n", "a file of R", by_r("get(load({path!r}))")),
    (r"[XA]\n\0\0\0[\x02\x03]", "a file of R", by_r("readRDS({path!r})")),
    (r"MATLAB 5\.0", "a file of MATLAB", "in Python: scipy.io.loadmat({path!r}), and numpy.savez({npz!r}, X=X, y=y)"),
    (r"\x93NUMPY", "one array of NumPy", "in Python: numpy.savez({npz!r}, X=X, y=y)"),
    (r"PAR1", "a Parquet file", "call it {parquet}"),
    (r"ARROW1|FEA1", "an Arrow file", "call it {arrow}"),
    (r"\x89PNG|\xff\xd8\xff|GIF8|(?s:RIFF....WEBP)", "a picture", "a folder of pictures for each class"),
    (r"%PDF", "a PDF", "copy its table into a spreadsheet program, and save that as CSV UTF-8"),
    (r"(?i)(\xef\xbb\xbf)?\s*<(!doctype|html|table)", "a page of HTML", by_pandas("read_html({path!r})[0]")),
    (r"(\xef\xbb\xbf)?\s*<\?xml", "an XML file", by_pandas("read_xml({path!r})")),
    (
        r"(?=[^\r\n]* \d+:(?!\d\d[ \r\n]))[-+\d.e]+( \d+:[-+\d.e]+){2,} *[\r\n]",  # no list of times such as 12:30
        "a LIBSVM file",
        "in Python: import numpy, sklearn.datasets; X, y = sklearn.datasets.load_svmlight_file({path!r}); "
        "numpy.savez({npz!r}, X=X.toarray(), y=y)",
    ),
)
"""A pattern of the first bytes, what the file is, and how its table is got."""


def refuse_foreign(source: Source, start: bytes) -> None:
    """Refuse a file that is known to hold no delimited text.

    Args:
        source: The file.
        start: Its first bytes, unpacked.
    """
    for pattern, what, cure in KINDS:
        if re.match(pattern.encode("latin-1"), start[:FIRST]):
            path = Path(str(source))
            names = {kind: str(path.with_suffix(f".{kind}")) for kind in ("npz", "parquet", "arrow")}
            out = str(path.with_suffix(".csv"))
            told = cure.format(path=str(path), out=out, **names)
            raise DataError(f"{source}: it is {what}, not a CSV file\n  fix: {told}")
