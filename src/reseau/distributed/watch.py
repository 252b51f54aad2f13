"""Who is still there: each process leaves a sign of life in the runtime's store, and looks at those of the others.

The runtime itself would say nothing of a process that hangs: the others would wait for it for ever. Two threads do
this work, since a call to a store that does not answer hangs too: one talks to the store, and one judges by the clock.
"""

import os
import signal
import sys
import threading
import time
from typing import Any

__all__ = ["LOST", "Watch"]

LOST = 75  # the exit status of a process that gave another one up; the system's word for "try again"
SIGNS = "reseau/signs/"


class Watch:
    """The signs of life of all processes of a run, and the end of this one when another is lost.

    Attributes:
        limit: Seconds without a sign after which a process is given up.
        step: Steps that this process has taken, told to the others.
        failures: What the processes that failed have said, by their numbers.
        stopping: Whether some process was asked to stop.
    """

    def __init__(self, client: Any, rank: int, size: int, address: str, limit: float) -> None:
        self.client, self.rank, self.size, self.address, self.limit = client, rank, size, address, limit
        self.step, self.failures, self.stopping, self.over = 0, dict[int, str](), False, False
        self.launcher = os.environ.get("RESEAU_LAUNCHER", "")
        self.told = False  # of a failure, so that the main thread ends the process itself
        now = time.monotonic()
        self.answered, self.failed_at = now, now
        self.signs = {other: ("", now) for other in range(size) if other != rank}
        self.left: set[int] = set()
        self.lost: set[int] = set()  # who ended since this process, or another, has failed
        self.hearers: set[int] = set()  # who know that this process has failed
        self.verdict = ""  # about a lost process, by whoever saw it first
        for work in (self.talk, self.judge):
            threading.Thread(target=work, daemon=True).start()

    def say(self, what: str, text: str) -> None:
        """Put a word of this process in the store."""
        self.client.key_value_set(f"{SIGNS}{what}/{self.rank}", text, allow_overwrite=True)

    def talk(self) -> None:
        """Leave signs and read those of the others, as long as the process lives."""
        beat = 0
        while not self.over:
            beat += 1
            try:
                self.say("alive", f"{beat} {self.step}")
                self.hear(self.client.key_value_dir_get(SIGNS))
            except Exception:  # the store is gone, or busy: the judge knows since when
                time.sleep(0.1)
            time.sleep(self.limit / 15)

    def hear(self, entries: list[tuple[str, str]]) -> None:
        """Take in what the store holds."""
        self.answered = now = time.monotonic()
        for key, text in entries:
            what, _, number = key.removeprefix(SIGNS).rpartition("/")
            rank = int(number)
            if what == "alive" and rank != self.rank:
                if self.signs[rank][0] != text:
                    self.signs[rank] = text, now
            elif what == "stop":
                self.stopping = True
            elif what == "left":
                self.left.add(rank)
            elif what == "lost":
                self.verdict = self.verdict or text
            elif what == "failed" and rank not in self.failures and rank != self.rank:
                self.failures[rank], self.failed_at = text, now
                self.say(f"heard/{rank}", "")
            elif what == f"heard/{self.rank}":
                self.hearers.add(rank)

    def judge(self) -> None:
        """End the process when another one is lost, or has failed and this one cannot learn of it by itself."""
        before = time.monotonic()
        while not self.over:
            time.sleep(min(self.limit / 15, 0.5))
            now = time.monotonic()
            if now - before > self.limit / 3:  # this process itself was stopped, or starved: its clocks say nothing
                self.answered = now
                self.signs = {rank: (text, now) for rank, (text, _) in self.signs.items()}
            before = now
            if self.over:
                return
            if self.launcher and str(os.getppid()) != self.launcher:  # it was killed: nobody else would end this one
                self.launcher = ""
                os.kill(os.getpid(), signal.SIGTERM)
            silent = now - self.answered
            late = {rank for rank, (_, heard) in self.signs.items() if now - heard > self.limit} - self.left
            if self.told:  # the main thread is on its way to the end
                self.lost |= self.signs.keys() if silent > self.limit else late
                continue
            if self.verdict:
                self.end(self.verdict)
            if silent > self.limit:
                self.end(
                    f"the machine of process 0, where the {self.size} processes meet at {self.address}, "
                    f"does not answer since {silent:.0f} s"
                )
            for rank in sorted(late - self.failures.keys()):
                text, heard = self.signs[rank]
                step = text.partition(" ")[2] or "0"
                self.end(
                    f"process {rank} of {self.size} gives no sign of life since {now - heard:.0f} s; "
                    f"it had taken {step} steps"
                )
            if self.failures and now - self.failed_at > self.limit / 3:
                self.end(self.failure())

    def failure(self) -> str:
        """What the first process that failed has said."""
        rank = min(self.failures)
        return f"process {rank} of {self.size} failed: {self.failures[rank]}"

    def end(self, message: str) -> None:
        """Say why, to a person and to the other processes, and end this one: its main thread may wait for ever."""
        cure = "" if "  fix: " in message else "\n  fix: the same command again goes on from the last checkpoint"
        sys.stderr.flush()
        os.write(2, f"reseau: {message}{cure}\n".encode())
        threading.Thread(target=self.tell, args=(message,), daemon=True).start()
        time.sleep(self.limit / 15)  # in which the word reaches the store
        os._exit(LOST)

    def tell(self, message: str) -> None:
        """Tell the others why this process ends."""
        self.say("lost", message)

    def heard_by_all(self) -> bool:
        """Whether all the others know that this process has failed, or are gone."""
        known = self.hearers | self.left | self.failures.keys() | {self.rank}
        return len(known) == self.size
