"""Pictures in files, a folder of them for each class: PNG, JPEG, WebP, GIF, BMP and TIFF, decoded by Pillow."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reseau.console import told_where_slow
from reseau.data.readers.arrays import from_arrays
from reseau.data.table.recipe import Recipe
from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.extras import import_extra
from reseau.named_arguments import names_arguments

__all__ = ["has_pictures", "picture_files", "read_pictures"]

ENDINGS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
PARTS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
"""The folders that hold a part, of which the first that is there is read."""
GRAY = frozenset(("1", "L", "LA", "I;16", "I;16B", "I;16L", "I"))  # Pillow's modes of one brightness
MOST_BYTES = 8 << 30  # of all pixels together
READ_AHEAD = 64  # pictures that are being decoded at once

Size = tuple[int, int]


class Header(NamedTuple):
    """What the first bytes of a file tell: height and width as it is looked at, and whether it is gray."""

    size: Size
    gray: bool


@names_arguments
def read_pictures(
    folder: str | PathLike[str],
    *,
    size: Size | None = None,
    part: str = "",
    recipe: Recipe | None = None,
    labeled: bool = True,
    progress: bool = False,
) -> Table | None:
    """Read the pictures of a folder in which each class has a folder of its own.

    Pixels are bytes, one channel where all pictures are gray, else three: red, green and blue. Of more than 8 bits the
    upper 8 are kept, what is transparent is shown as its color, a picture that a camera turned is turned back, and of
    an animation the first picture is read.

    Args:
        folder: With a folder of pictures for each class; or with `train` and `test` (or `val`), which are such folders.
        size: Height and width that all pictures are scaled to; needed where they differ. With a recipe, its size.
        part: "train" or "test", for folders with both.
        recipe: That of a model, which reads pictures of one size.
        labeled: Whether classes are wanted; without them pictures may stand anywhere in the folder, or be one file.
        progress: Whether it is told on standard error how far it is, every two seconds.

    Returns:
        Pictures (n, height, width, channels) of bytes, classes by name, in the order of the names of the files;
        nothing where the folder has no such part.

    Raises:
        DataError: A picture is damaged, they have several sizes, or stand in no class; the message has the cure.
        MissingExtraError: Pillow is not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np, reseau as rs
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for kind, gray in (("dark", 10), ("light", 240)):
        ...     (folder / kind).mkdir()
        ...     Image.fromarray(np.full((4, 6), gray, np.uint8)).save(folder / kind / "1.png")
        >>> table = rs.data.read_pictures(folder)
        >>> table.features.shape, table.classes
        ((2, 4, 6, 1), ('dark', 'light'))
    """
    import_extra("PIL.Image", str(folder))
    top = _part_of(Path(folder), part)
    if top is None:
        return None
    files = picture_files(top)
    if not files:
        raise DataError(f"{top}: it holds no pictures\n  fix: files that end in {', '.join(sorted(ENDINGS))}")
    told = told_where_slow(str(top), shown=progress)
    if recipe is None:
        headers = []
        for i, file in enumerate(files):
            headers.append(_header(file))
            told("looking at pictures", (i + 1) / len(files))
        channels = 1 if all(h.gray for h in headers) else 3
        height, width = size or _common_size(top, headers)
    else:
        if not recipe.of_images or recipe.shape[-1] not in (1, 3):
            raise DataError(
                f"{top}: it holds pictures, the model reads {recipe.shape}\n"
                "  fix: give data of the kind it was trained on"
            )
        height, width, channels = recipe.shape
    y = _classes(top, files) if labeled else None
    if len(files) * height * width * channels > MOST_BYTES:
        raise DataError(
            f"{top}: {len(files)} pictures of {height}×{width} pixels take more than {MOST_BYTES >> 30} GB\n"
            "  fix: a smaller size (--size, size=), or write X*.npy and y*.npy, which are streamed"
        )
    X = np.empty((len(files), height, width, channels), np.uint8)
    with ThreadPoolExecutor() as pool:
        waiting = iter(files)
        ahead = [pool.submit(_pixels, f, height, width, channels) for f in islice(waiting, READ_AHEAD)]
        try:
            for i in range(len(files)):
                X[i] = ahead[i % READ_AHEAD].result()
                if (following := next(waiting, None)) is not None:
                    ahead[i % READ_AHEAD] = pool.submit(_pixels, following, height, width, channels)
                told("reading pictures", (i + 1) / len(files))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return from_arrays(X, y, source=str(top), target="class", task="classification", recipe=recipe)


def picture_files(folder: Path) -> list[Path]:
    """The pictures in a folder and those within it, by name, but for names that begin with a dot; or the one file."""
    return sorted(_found(folder))


def has_pictures(folder: Path) -> bool:
    """Whether there is one at least; the rest of the folder is not looked at."""
    return any(True for _ in _found(folder))


def _found(folder: Path) -> Iterator[Path]:
    for file in (folder,) if folder.is_file() else folder.rglob("*"):
        hidden = any(name.startswith(".") for name in file.relative_to(folder).parts)
        if file.suffix.lower() in ENDINGS and not hidden and file.is_file():
            yield file


def _part_of(folder: Path, part: str) -> Path | None:
    """The folder of a part; without one the folder itself."""
    if not part:
        return folder
    if not folder.is_dir():
        return None
    below = {f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")}
    if not below <= {name for names in PARTS.values() for name in names}:
        return None  # a class may be called train
    return next((folder / name for name in PARTS[part] if name in below), None)


def _classes(top: Path, files: list[Path]) -> np.ndarray:
    """The name of the folder, right below the top, in which each file stands."""
    loose = [f for f in files if top in (f, f.parent)]
    if loose:
        raise DataError(
            f"{loose[0]}: it stands in no folder that says its class, as {len(loose)} of {len(files)} pictures do\n"
            f"  fix: a folder for each class, such as {loose[0].parent / 'cat' / loose[0].name}"
        )
    return np.array([f.relative_to(top).parts[0] for f in files])


def _common_size(top: Path, headers: list[Header]) -> Size:
    """The size that all pictures have."""
    counts = Counter(h.size for h in headers)
    if len(counts) == 1:
        return next(iter(counts))
    (least, *_), (most, *_) = (sorted(counts, key=lambda s: s[0] * s[1], reverse=r) for r in (False, True))
    shown = [f"{height}×{width}" for height, width in (least, most)]
    side = min(64, *least)
    raise DataError(
        f"{top}: its pictures have {len(counts)} sizes, {shown[0]} to {shown[1]} pixels\n"
        f"  fix: one for all of them, to which they are scaled: --size {side},{side} or size=({side}, {side})"
    )


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A picture whose pixels are not decoded yet."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise DataError(f"{file}: {error}\n  fix: a smaller picture") from error
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, OverflowError, IndexError, KeyError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"{file}: it cannot be read as a picture: {said}\n  fix: remove it, or get it again") from error


TURNED = 0x0112  # the tag of EXIF that says how a camera was held; from 5 on height and width are exchanged


def _header(file: Path) -> Header:
    with _opened(file) as image:
        width, height = image.size
        if image.getexif().get(TURNED, 1) >= 5:
            width, height = height, width
        return Header((height, width), image.mode in GRAY or (image.mode == "P" and _gray_palette(image)))


def _gray_palette(image: Any) -> bool:
    palette = np.asarray(image.getpalette() or [0, 1, 2]).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _pixels(file: Path, height: int, width: int, channels: int) -> np.ndarray:
    """The pixels of one picture in this size."""
    from PIL import Image, ImageOps

    with _opened(file) as image:
        image.draft(None, (2 * max(height, width),) * 2)  # a large JPEG is decoded at a fraction of its size
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "F":
            raise DataError(f"{file}: its pixels are real numbers\n  fix: make an .npz file of X and y")
        if upright.mode.startswith("I"):
            deep = np.asarray(upright)
            if deep.min() < 0 or deep.max() >= 1 << 16:
                raise DataError(f"{file}: its pixels have more than 16 bits\n  fix: make an .npz file of X and y")
            upright = Image.fromarray((deep >> 8).astype(np.uint8))
        shown = upright.convert("L" if channels == 1 else "RGB")
        if shown.size != (width, height):
            shown = shown.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(shown).reshape(height, width, channels)
