"""A server of a few lines that answers as told, over real HTTP: for what a real hub does rarely and at its own time."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """What came, and a function that answers: (status, headers, body); body None breaks the line half way."""

    answer: Callable[[Seen], tuple[int, dict[str, str], Any]]
    seen: list[Seen] = field(default_factory=list)
    address: str = ""

    def calls(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.path.partition("?")[0] == f"/api/v1/{path}"]


@contextmanager
def serving(answer: Callable[[Seen], tuple[int, dict[str, str], Any]]) -> Iterator[Script]:
    script = Script(answer)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(self.command, self.path, dict(self.headers), body)
            script.seen.append(seen)
            if self.path.endswith("/token") and not getattr(answer, "gives_tokens", False):
                status, headers, content = 200, {}, {"access_token": f"t{len(script.seen)}", "expires_in": 600}
            else:
                status, headers, content = answer(seen)
            broken = headers.pop("X-Break-After", None)
            if isinstance(content, bytes):
                raw, kind = content, "application/octet-stream"
            else:
                raw, kind = json.dumps(content).encode(), "application/json"
            self.send_response(status)
            self.send_header("Content-Type", headers.pop("Content-Type", kind))
            self.send_header("Content-Length", str(len(raw)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw[: int(broken)] if broken else raw)
            if broken:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
