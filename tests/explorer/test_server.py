"""The server of the page: who is refused, and what a message looks like."""

import asyncio
import json
import struct

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.explorer.explorer import Explorer
from reseau.explorer.replies import Reply, pack
from reseau.explorer.server import application, listen, server_on, unpack

TOKEN, PORT = "secret-token", 8123
HOST = (b"host", b"127.0.0.1:8123")
OWN = (b"origin", b"http://127.0.0.1:8123")


def scope(kind, path, headers):
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", PORT),
        "subprotocols": [],
        "state": {},
    }


def talk(kind, path, headers, given=()):
    """What the application sends when it is given these messages."""
    app = application(lambda tell: Explorer(tell=tell), TOKEN, PORT)
    sent, waiting = [], [*given, {"type": f"{kind}.disconnect", "code": 1000}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope(kind, path, list(headers)), receive, send))
    return sent


def status(path, *headers):
    return talk("http", path, headers, [{"type": "http.request", "body": b""}])[0]["status"]


def test_the_page_and_its_script_are_given_to_who_knows_the_token():
    for name in ("", "page.js", "page.css", "explorer.js"):
        assert status(f"/{TOKEN}/{name}", HOST) == 200


def test_the_page_may_load_from_nowhere_else():
    headers = dict(talk("http", f"/{TOKEN}/", [HOST], [{"type": "http.request"}])[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/wrong/", [HOST], 403),
        ("/secret-toke/explorer.js", [HOST], 403),
        (f"/{TOKEN}/", [(b"host", b"evil.example")], 403),
        (f"/{TOKEN}/", [(b"host", b"127.0.0.1:9999")], 403),
        (f"/{TOKEN}/", [], 403),
        (f"/{TOKEN}/", [HOST, (b"origin", b"https://evil.example")], 403),
        (f"/{TOKEN}/", [HOST, (b"origin", b"null")], 403),
        ("/", [HOST], 404),
        (f"/{TOKEN}/../../etc/passwd", [HOST], 404),
        (f"/{TOKEN}/server.py", [HOST], 404),
    ],
)
def test_everyone_else_is_refused(path, headers, code):
    assert status(path, *headers) == code


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/wrong/socket", [HOST, OWN]),
        (f"/{TOKEN}/socket", [HOST, (b"origin", b"http://evil.example")]),
        (f"/{TOKEN}/socket", [HOST]),
        (f"/{TOKEN}/socket", [(b"host", b"evil.example"), OWN]),
    ],
)
def test_a_socket_of_another_page_is_closed_before_it_is_accepted(path, headers):
    sent = talk("websocket", path, headers, [{"type": "websocket.connect"}])
    assert [(m["type"], m["code"]) for m in sent] == [("websocket.close", 1008)]


def read(message):
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def test_messages_are_answered_in_their_order_and_nonsense_with_an_error():
    given = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"command": "curve", "number": 1}'},
        {"type": "websocket.receive", "text": "{"},
        {"type": "websocket.receive", "bytes": b"\xff\xff\xff\xff"},
        {"type": "websocket.receive", "text": '{"command": "points", "number": 2}'},
    ]
    sent = talk("websocket", f"/{TOKEN}/socket", [HOST, OWN], given)
    assert sent[0]["type"] == "websocket.accept"
    heads = [read(m["bytes"]) for m in sent[1:]]
    assert [(h["kind"], h["number"]) for h, _ in heads] == [
        ("curve", 1),
        ("error", None),
        ("error", None),
        ("points", 2),
    ]
    told, rest = heads[-1]
    assert sum(int(np.prod(b["shape"])) for b in told["buffers"]) * 4 == len(rest)


def test_one_page_too_many_is_told_so(monkeypatch):
    monkeypatch.setattr("reseau.explorer.server.MOST_PAGES", 0)
    sent = talk("websocket", f"/{TOKEN}/socket", [HOST, OWN], [{"type": "websocket.connect"}])
    assert [m["type"] for m in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert "fix: close some" in read(sent[1]["bytes"])[0]["data"]["text"]


def test_a_fault_of_the_program_is_told_and_the_next_message_is_answered(monkeypatch):
    monkeypatch.setattr(Explorer, "answer", lambda self, message, blobs=(): 1 / 0)
    given = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": '{"command": "curve", "number": 1}'}]
    sent = talk("websocket", f"/{TOKEN}/socket", [HOST, OWN], given)
    told = read(sent[1]["bytes"])[0]
    assert (told["kind"], told["number"]) == ("error", 1)
    assert "ZeroDivisionError" in told["data"]["text"]


def test_arrays_are_packed_at_multiples_of_four():
    reply = Reply("x", {"a": [1.5, float("nan")], "b": np.float32(2)}, {"f": np.ones(3), "u": np.ones(5, np.uint8)})
    head, rest = read(pack(reply, 7))
    assert head["number"] == 7
    assert head["data"] == {"a": [1.5, "nan"], "b": 2.0}
    assert [b["type"] for b in head["buffers"]] == ["float32", "uint8"]
    assert np.frombuffer(rest[:12], "<f4").tolist() == [1, 1, 1]
    assert len(rest) == 12 + 8


def test_a_message_with_a_file_is_taken_apart():
    text = b'{"command": "load", "name": "a.csv", "number": 3}'
    message, number, blobs = unpack(None, len(text).to_bytes(4, "little") + text + b"x,y\n")
    assert (message["command"], number, blobs) == ("load", 3, [b"x,y\n"])


def test_a_port_that_is_taken_is_one_error():
    taken = listen(0)
    with taken, pytest.raises(DataError, match="fix: --port"):
        listen(taken.getsockname()[1])


def test_a_browser_that_is_slow_to_answer_is_not_hung_up_on():
    with listen(0) as listening:
        server, _ = server_on(listening, lambda tell: Explorer(tell=tell))
        assert server.config.ws_ping_interval is None
