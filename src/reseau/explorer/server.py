"""The page on this machine: one application on the loopback interface, and an explorer for each page that is open.

Whoever asks must know the random token in the path, name this server as the host, and, where a browser says so, come
from its own page. No route reads a file of the disk but the script of the page.
"""

import asyncio
import hmac
import json
import secrets
import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from threading import Thread
from typing import TYPE_CHECKING, Any

from reseau.errors import DataError
from reseau.explorer.explorer import Explorer
from reseau.explorer.replies import Reply, pack
from reseau.explorer.transfers import MOST_BYTES
from reseau.extras import import_extra

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.websockets import WebSocket

__all__ = ["MOST_MESSAGE", "MOST_PAGES", "application", "listen", "serve", "server_on", "serving"]

MOST_MESSAGE = MOST_BYTES + 2**16  # bytes of a message, the file that it brings among them
MOST_PAGES = 32  # that are open at once
HOSTS = ("127.0.0.1", "localhost")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>reseau explorer</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
</head>
<body>
<main id="explorer"></main>
<noscript>The explorer needs JavaScript.</noscript>
<script type="module" src="page.js"></script>
</body>
</html>
"""
CSS = "html,body{margin:0;height:100%}#explorer{height:100%}"
START = """import { openPage } from "./explorer.js";
openPage(document.getElementById("explorer"));
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def application(make: Callable[[Callable[[Reply], None]], Explorer], token: str, port: int) -> "Starlette":
    """The ASGI application.

    Args:
        make: Makes the explorer of a page that opens, from what takes its events.
        token: What the path begins with.
        port: Where it is served, for the checks of host and origin.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route, WebSocketRoute

    script = files("reseau.explorer").joinpath("explorer.js").read_bytes()
    answers = {
        "": (PAGE.encode(), "text/html; charset=utf-8"),
        "page.css": (CSS.encode(), "text/css"),
        "page.js": (START.encode(), "text/javascript"),
        "explorer.js": (script, "text/javascript"),
    }
    pages: set[int] = set()
    hosts = tuple(f"{host}:{port}" for host in HOSTS)

    def refusal(headers: Any, given: str) -> str:
        """Why a request is refused; empty where it is not."""
        if headers.get("host") not in hosts:
            return f"this server is {hosts[0]}, not {headers.get('host', 'a request without a host')[:80]}"
        if headers.get("origin") not in (None, *(f"http://{host}" for host in hosts)):
            return "pages of other origins may not talk to this server"
        if not hmac.compare_digest(given.encode(), token.encode()):
            return "the token in the address is wrong: open the address that `reseau explore` printed"
        return ""

    async def page(request: Request) -> Response:
        why = refusal(request.headers, request.path_params["token"])
        if why:
            return PlainTextResponse(f"reseau: {why}\n", 403, HEADERS)
        content, kind = answers[request.path_params.get("name", "")]
        return Response(content, media_type=kind, headers=HEADERS)

    async def talk(websocket: "WebSocket") -> None:
        why = refusal(websocket.headers, websocket.path_params["token"])
        if not websocket.headers.get("origin"):
            why = why or "a page says its origin"
        if why:
            await websocket.close(1008, why[:120])
            return
        await websocket.accept()
        if len(pages) >= MOST_PAGES:
            text = f"{MOST_PAGES} pages are open\n  fix: close some, then reload"
            await websocket.send_bytes(pack(Reply("closed", {"text": text})))
            await websocket.close(1013)
            return
        pages.add(id(websocket))
        try:
            await converse(websocket, make)
        finally:
            pages.discard(id(websocket))

    names = [Route(f"/{{token}}/{name}", page_named(page, name)) for name in answers]
    return Starlette(routes=[*names, WebSocketRoute("/{token}/socket", talk)])


def page_named(page: Any, name: str) -> Any:
    """The route of one of the four answers."""

    async def named(request: Any) -> Any:
        request.path_params["name"] = name
        return await page(request)

    return named


async def converse(websocket: "WebSocket", make: Callable[[Callable[[Reply], None]], Explorer]) -> None:
    """Answer the messages of one page in their order, and send its events; only the latest of those that wait."""
    loop = asyncio.get_running_loop()
    latest: list[Reply] = []
    there, sending = asyncio.Event(), asyncio.Lock()

    def take(reply: Reply) -> None:
        latest[:] = [reply]
        there.set()

    async def send_events() -> None:
        while True:
            await there.wait()
            there.clear()
            if latest:
                async with sending:
                    await websocket.send_bytes(pack(latest.pop()))

    def tell(reply: Reply) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has stopped
            loop.call_soon_threadsafe(take, reply)

    explorer = await asyncio.to_thread(make, tell)
    events = asyncio.create_task(send_events())
    try:
        while True:
            given = await websocket.receive()
            if given["type"] == "websocket.disconnect":
                return
            try:
                message, number, blobs = unpack(given.get("text"), given.get("bytes"))
                reply = await asyncio.to_thread(explorer.answer_page, message, blobs)
            except DataError as error:
                reply, number = Reply("error", {"text": str(error)}), None
            async with sending:
                await websocket.send_bytes(pack(reply, number))
    finally:
        events.cancel()
        await asyncio.to_thread(explorer.close)


def unpack(text: str | None, content: bytes | None) -> tuple[Any, int | None, list[bytes]]:
    """The command of a message, its number, and the bytes that it brings.

    A message is JSON text; or, where it brings a file, four bytes with the length of the JSON, the JSON, the file.
    """
    blobs: list[bytes] = []
    if content is not None:
        length = int.from_bytes(content[:4], "little")
        if length > min(len(content) - 4, 2**16):
            raise DataError("a message is damaged\n  fix: reload the page")
        text, blobs = content[4 : 4 + length].decode(errors="replace"), [content[4 + length :]]
    if text is None or len(text) > 2**20:
        raise DataError("a message is empty or too long\n  fix: reload the page")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError("a message is no JSON\n  fix: reload the page") from error
    number = message.pop("number", None) if isinstance(message, dict) else None
    return message, number if type(number) is int else None, blobs


def serve(
    make: Callable[[Callable[[Reply], None]], Explorer],
    *,
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C.

    Args:
        make: Makes the explorer of a page that opens, from what takes its events.
        port: 0 for one that is free.
        browser: Whether to open a browser there.
        say: Takes the address.

    Raises:
        DataError: The port is taken.
        MissingExtraError: The extra `explore` is not installed.
    """
    listening = listen(port)
    server, address = server_on(listening, make)
    say(address)
    if browser:
        webbrowser.open(address)
    server.run(sockets=[listening])


@contextmanager
def serving(make: Callable[[Callable[[Reply], None]], Explorer]) -> Iterator[str]:
    """The address of a page whose server runs in a thread of this process, at a free port, until the block ends."""
    with listen(0) as listening:
        server, address = server_on(listening, make)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


def server_on(
    listening: socket.socket, make: Callable[[Callable[[Reply], None]], Explorer]
) -> "tuple[uvicorn.Server, str]":
    """The server of a socket, and the address of its page with a fresh token."""
    uvicorn = import_extra("uvicorn", "the page")
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    config = uvicorn.Config(
        application(make, token, port),
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # a browser that is slow to answer, on a busy machine, is there all the same
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config), f"http://127.0.0.1:{port}/{token}/"


def listen(port: int) -> socket.socket:
    """A socket on the loopback interface."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOSTS[0], port))
        listening.listen(128)  # who is quick to open the address waits, and is not turned away
    except (OSError, OverflowError) as error:
        listening.close()
        raise DataError(f"port {port} cannot be had: {error}\n  fix: --port with another number") from error
    return listening
