"""Where the other processes reach this one: the address at which gloo listens.

Gloo takes that of the machine's own name, which many machines (Debian's among them) give as 127.0.1.1 or the like: what
others cannot reach. The way to the coordinator says better.
"""

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

__all__ = ["listen_where_others_reach"]


def listen_where_others_reach(client: Any, rank: int, size: int, coordinator: str, seconds: int) -> None:
    """Let JAX's collectives on CPUs listen where all processes of the run reach this one; before it has devices.

    Args:
        client: Of the runtime's store.
        rank: Number of this process.
        size: How many there are.
        coordinator: The address of process 0, "HOST:PORT".
        seconds: How long to wait for what the others say of it.
    """
    from jax._src import xla_bridge
    from jaxlib import _jax

    address = _reached(client, rank, size, coordinator, seconds)
    if address is None:
        return

    def cpu() -> Any:
        return xla_bridge.make_cpu_client(_jax.make_gloo_tcp_collectives(distributed_client=client, hostname=address))

    xla_bridge.register_backend_factory("cpu", cpu, priority=0, fail_quietly=False)


def _reached(client: Any, rank: int, size: int, coordinator: str, seconds: int) -> str | None:
    """The address of this process; nothing where the coordinator's has no meaning to the system."""
    host, _, port = coordinator.rpartition(":")
    with suppress(OSError):
        seen, own = _route(host.strip("[]"), int(port))
        client.key_value_set(f"reseau/coordinator/{rank}", seen)
        if not ip_address(own).is_loopback:
            return own
        # process 0 is on this machine: what is further away knows its address
        for other in range(size):
            address = str(client.blocking_key_value_get(f"reseau/coordinator/{other}", 1000 * seconds))
            if not ip_address(address).is_loopback:
                return address
        return own
    return None


def _route(host: str, port: int) -> tuple[str, str]:
    """The address of a host, and that of this machine on the way there. Nothing is sent."""
    family, kind, _, _, there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as way:
        way.connect(there)
        return str(there[0]), str(way.getsockname()[0])
