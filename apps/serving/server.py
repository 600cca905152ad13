"""The HTTP server: a socket to listen on, and uvicorn on it."""

import socket
import sys

import uvicorn


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on, so that nobody else gets the port meanwhile.

    Raises:
        OSError: The host is not this machine's, or the port is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


class Server(uvicorn.Server):
    """uvicorn's server, which says by what name and where it can be found as soon as it can."""

    def __init__(self, config: uvicorn.Config, name: str) -> None:
        super().__init__(config)
        self._name = name

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and print the address."""
        await super().startup(sockets=sockets)
        if self.started and sockets:
            address = address_of(sockets[0])
            sys.stdout.write(f"{self._name}: {address} (docs: {address}/docs)\n")
            sys.stdout.flush()


def address_of(listening: socket.socket) -> str:
    """What to open in a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  # every interface, so this machine's own too
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
