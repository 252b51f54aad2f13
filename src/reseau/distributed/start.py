"""The beginning of a process that trains with others."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Timer
from typing import TYPE_CHECKING, Any

from reseau.distributed.addresses import listen_where_others_reach
from reseau.distributed.store import outliving
from reseau.distributed.watch import LOST
from reseau.errors import DataError, ProcessError, ReseauError

if TYPE_CHECKING:
    from reseau.distributed.team import Team

__all__ = ["start", "team_here"]

SECONDS_TO_MEET = 120
SECONDS_WITHOUT_A_SIGN = 15.0
TOGETHER = "  fix: start all of them, with one address and one number of processes; its port must be open on process 0"
PORT_TAKEN = ("already in use", "failed to start rpc server", "failed to bind", "could not start grpc server")


def start(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    threads: int | None = 1,
    timeout: float = SECONDS_WITHOUT_A_SIGN,
    meet: int = SECONDS_TO_MEET,
) -> None:
    """Join the other processes of a run; before anything is computed. Then `rs.fit` trains with all of them.

    Each process makes the same calls. Process 0 writes checkpoints, logs and results. Under SLURM, Open MPI and
    Kubernetes JAX finds the first three arguments by itself.

    The bits of XLA's kernels on a CPU depend on the number of their threads, so that number is fixed: with one thread
    the result is the same for any number of processes on any number of cores of one kind of CPU. It costs the other
    cores of the process: start as many processes as there are cores, or give `threads`, everywhere the same.

    Args:
        coordinator: Address of process 0, "HOST:PORT", with a port that is free there.
        processes: How many there are. For 1 nothing is joined, but the threads are fixed.
        process: The number of this one, from 0.
        threads: Threads of XLA's kernels in each process; None leaves it to XLA, which takes one for each core.
        timeout: Seconds without a sign of life after which the others give a process up: they name it and end.
        meet: Seconds that the first ones wait for the last one to start.

    Processes that do not meet say so and end, with the exit status 75: JAX's runtime waits where Python cannot raise.

    Raises:
        DataError: Something has been computed before, or the arguments do not fit together.
        ProcessError: Process 0 cannot listen at the address, or nothing says which processes there are.

    Example:
        >>> import reseau as rs
        >>> rs.distributed.start("10.0.0.1:8476", processes=4, process=0)    # doctest: +SKIP
        >>> result = rs.fit(objective, (X, y), epochs=10)                    # doctest: +SKIP
    """
    _check(coordinator, processes, process, threads, timeout)
    import jax
    from jax._src import distributed, xla_bridge

    if xla_bridge.backends_are_initialized() or jax.distributed.is_initialized():
        raise DataError(
            "this process has computed before, and other processes can only be joined before that\n"
            "  fix: call rs.distributed.start once, right after import reseau"
        )
    if threads is not None:
        os.environ["PJRT_NPROC"] = str(threads)  # the size of the pool from which XLA's kernels take their threads
    if processes == 1:
        return
    given = None not in (coordinator, processes, process)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, and end nothing
    try:
        with outliving(grace=1.25 * timeout + 2), _ending_after(meet):
            jax.distributed.initialize(
                coordinator,
                processes,
                process,
                cluster_detection_method="deactivate" if given else None,
                initialization_timeout=10 * meet,  # at whose end JAX would abort the process
                heartbeat_timeout_seconds=int(max(100, 4 * timeout)),  # ours are told by name first
                shutdown_timeout_seconds=int(max(timeout, 1)),  # all have left by then
            )
            _check_number(distributed.global_state, meet)
        team = _joined()
        team.watch.limit = timeout  # from now on a process that is lost is named
        with team.failing_together():
            address = str(distributed.global_state.coordinator_address)
            listen_where_others_reach(team.client, team.rank, team.size, address, meet)
            jax.devices()  # all processes tell each other theirs
    except ReseauError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise _refused(error, coordinator, meet) from error


def team_here() -> "Team":
    """The processes that this one trains with, which is alone where no others were joined."""
    from jax._src import distributed

    from reseau.distributed.team import ALONE

    known = distributed.global_state
    return _joined() if known.client is not None and known.num_processes > 1 else ALONE


@cache
def _joined() -> "Team":
    """The team of this process; made once, since it has threads that watch the others."""
    from jax._src import distributed

    from reseau.distributed.team import Team
    from reseau.distributed.watch import Watch

    known = distributed.global_state  # what jax.process_index() says would wait for the other processes
    rank, size, client = known.process_id, known.num_processes, known.client
    return Team(rank, size, client, Watch(client, rank, size, str(known.coordinator_address), SECONDS_WITHOUT_A_SIGN))


@contextmanager
def _ending_after(seconds: int) -> Iterator[None]:
    """Inside, the processes meet; one that has waited so long says for what, and ends."""

    def end() -> None:
        from jax._src import distributed

        address = str(distributed.global_state.coordinator_address)
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), 5).close()
            missing = "the address answers, so another process is missing"
        except OSError as error:
            missing = f"process 0 is not reached: {error.strerror or error}"
        os.write(2, f"reseau: {_apart(address, seconds)}: {missing}\n{TOGETHER}\n".encode())
        os._exit(LOST)

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _apart(address: str | None, seconds: int) -> str:
    return f"the processes did not meet at {address} within {seconds} s"


def _refused(error: Exception, coordinator: str | None, meet: int) -> ProcessError:
    """What the runtime says, in words about the processes."""
    said = str(error)
    first = " ".join(said.split())[:300]
    if any(word in said.lower() for word in PORT_TAKEN):
        return ProcessError(f"process 0 cannot listen at {coordinator}: {first}\n  fix: another port", port_taken=True)
    if isinstance(error, ValueError | TypeError):
        return ProcessError(
            f"nothing here says which processes train together: {first}\n"
            "  fix: rs.distributed.start('HOST:PORT', processes=N, process=I), in a command --coordinator HOST:PORT "
            "--process I/N; or SLURM's srun, which says it"
        )
    return ProcessError(f"{_apart(coordinator, meet)}: {first}\n{TOGETHER}")


def _check_number(known: Any, seconds: int) -> None:
    """Refuse, in all processes, that one was told of another number of them."""
    client = known.client
    client.key_value_set(f"reseau/processes/{known.process_id}", str(known.num_processes))

    def told(rank: int) -> int:
        return int(client.blocking_key_value_get(f"reseau/processes/{rank}", 1000 * seconds))

    for rank in range(told(0)):
        if told(rank) != told(0):
            raise DataError(
                f"process {rank} is one of {told(rank)}, and process 0 is one of {told(0)}\n"
                "  fix: the same number of processes for each"
            )


def _check(
    coordinator: str | None, processes: int | None, process: int | None, threads: int | None, timeout: float
) -> None:
    for what, value, least in (("processes", processes, 1), ("process", process, 0), ("threads", threads, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise DataError(f"{what}={value!r} cannot be used\n  fix: a whole number from {least} on")
    if process is not None and processes is not None and process >= processes:
        raise DataError(
            f"process {process} of {processes}: they are numbered from 0\n  fix: process={processes - 1} for the last"
        )
    if not timeout > 0:
        raise DataError(f"timeout={timeout!r} cannot be used\n  fix: seconds, such as timeout=15")
    host, _, port = (coordinator or "here:1").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise DataError(
            f"coordinator={coordinator!r} is no address\n  fix: coordinator='HOST:PORT', as '10.0.0.1:8476'"
        )
