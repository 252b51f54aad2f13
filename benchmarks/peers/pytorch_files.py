"""PyTorch's DataLoader on folders of files, as a process of its own: its workers fork, which JAX does not bear.

    python -m benchmarks.peers.pytorch_files FOLDER blocks|groups WORKERS training|reading

Prints the rows a second of an epoch, on one thread or on all, whichever was faster over a few steps. `blocks` is an
IterableDataset that fills a buffer of blocks, permutes it and yields whole batches (the fastest way to write it),
`groups` the same of Parquet's row groups.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from pyarrow.parquet import ParquetFile
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

FEATURES, HIDDEN, CLASSES, BATCH = 256, 64, 10, 256
ROWS_A_FILE = 2**16  # 64 MiB
BLOCK = 2**12  # rows that are read at a time: 4 MiB
BUFFER = 2**15  # rows that are shuffled, 32 MiB
RATE = 0.01
TRIED = 100  # steps by which the number of threads is chosen

Block = tuple[Path, int]  # a file, and a row of it
Rows = tuple[torch.Tensor, torch.Tensor]
Work = Callable[[DataLoader, int | None], int]


class Blocks(IterableDataset):
    """Blocks in random order, a buffer of them permuted and cut in batches; workers share the blocks out."""

    def __init__(self, blocks: list[Block], read: Callable[[Block], Rows]) -> None:
        self.blocks, self.read = blocks, read

    def __iter__(self) -> Iterator[Rows]:
        info = get_worker_info()
        number, count = (0, 1) if info is None else (info.id, info.num_workers)
        mine = np.random.default_rng(0).permutation(len(self.blocks))[number::count]
        held = BUFFER // BLOCK // count
        for start in range(0, len(mine), held):
            x, y = map(torch.cat, zip(*(self.read(self.blocks[b]) for b in mine[start : start + held]), strict=True))
            for rows in torch.randperm(len(x)).split(BATCH):
                yield x[rows], y[rows]


def read_npy(block: Block) -> Rows:
    path, first = block
    arrays = (np.load(p, mmap_mode="r") for p in (path, path.with_name("y" + path.name[1:])))
    x, y = (torch.from_numpy(np.array(a[first : first + BLOCK])) for a in arrays)
    return x, y


def read_parquet(block: Block) -> Rows:
    path, first = block
    *columns, y = ParquetFile(path).read_row_group(first // BLOCK, use_threads=False).columns
    x = np.stack([column.to_numpy() for column in columns], axis=1)
    return torch.from_numpy(x), torch.from_numpy(y.to_numpy())


def loader_of(folder: Path, kind: str, workers: int) -> DataLoader:
    settings = {"num_workers": workers, "persistent_workers": workers > 0}
    pattern, read = ("X*.npy", read_npy) if kind == "blocks" else ("*.parquet", read_parquet)
    blocks = [(f, first) for f in sorted(folder.glob(pattern)) for first in range(0, ROWS_A_FILE, BLOCK)]
    return DataLoader(Blocks(blocks, read), batch_size=None, **settings)


def reading(loader: DataLoader, steps: int | None = None) -> int:
    """Rows of an epoch that is read and not trained on."""
    return sum(len(x) for x, _ in islice(loader, steps))


def training(loader: DataLoader, steps: int | None = None) -> int:
    """Rows of an epoch that is trained on."""
    model = torch.nn.Sequential(torch.nn.Linear(FEATURES, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    rows, losses = 0, []
    for x, y in islice(loader, steps):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        rows += len(x)
    torch.stack(losses).mean().item()
    return rows


def rate_of(work: Work, loader: DataLoader, threads: int, steps: int | None = None) -> float:
    """Rows a second of some steps, or of an epoch."""
    torch.set_num_threads(threads)
    start = time.perf_counter()
    rows = work(loader, steps)
    return rows / (time.perf_counter() - start)


def main(folder: str, kind: str, workers: str, what: str) -> None:
    loader = loader_of(Path(folder), kind, int(workers))
    work = {"training": training, "reading": reading}[what]
    rate_of(work, loader, 1, TRIED)
    threads = max((1, os.cpu_count() or 1), key=lambda count: rate_of(work, loader, count, TRIED))
    print(rate_of(work, loader, threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
