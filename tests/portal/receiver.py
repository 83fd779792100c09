"""A real receiver of webhooks in a process of its own: answers, fails, hangs, redirects, hangs up; checks signatures.

    python tests/portal/receiver.py          prints its port; speaks HTTP on 127.0.0.1

`/ok` takes what comes · `/fail` 500 · `/gone` 410 · `/redirect` 302 to /ok · `/hang` never answers · `/close` hangs up
· `/drip` sends its head byte by byte · `/flaky/N` fails N times, then takes. `GET /taken` tells what came, as JSON.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

taken: list[dict[str, Any]] = []
asked: Counter[str] = Counter()
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        way = self.path.split("/")[1]
        with lock:
            asked[self.path] += 1
            times = asked[self.path]
            taken.append({"path": self.path, "headers": dict(self.headers.items()), "body": body.decode()})
        if way == "hang":
            time.sleep(30)
        elif way == "close":
            self.connection.close()
        elif way == "drip":
            for letter in b"HTTP/1.1 200 OK\r\n" * 50:
                self.connection.sendall(bytes([letter]))
                time.sleep(0.2)
        elif way == "fail" or (way == "flaky" and times <= int(self.path.split("/")[2])):
            self.answer(500, b"broken here")
        elif way == "gone":
            self.answer(410)
        elif way == "redirect":
            self.answer(302, location=f"http://127.0.0.1:{self.server.server_address[1]}/ok")
        else:
            self.answer(204)

    def do_GET(self) -> None:
        self.answer(200, json.dumps(taken).encode())

    def answer(self, status: int, body: bytes = b"", *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


class Receiver:
    """The process, from a test's side."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def taken(self) -> list[dict[str, Any]]:
        """What came, in its order, with the body read as JSON."""
        with urlopen(Request(self.url("/taken")), timeout=10) as answer:
            found = json.load(answer)
        return [{**one, "json": json.loads(one["body"])} for one in found]

    def numbers(self, path: str = "/ok") -> list[int]:
        return [one["json"]["event"]["number"] for one in self.taken() if one["path"] == path]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
