"""A client of ClamAV's daemon: hands a file over its socket piece by piece (command INSTREAM) and reads the verdict."""

import socket
from typing import IO

from django.conf import settings
from django.core.files import File

from portal.scanning import Infected, Unscanned

PIECE = 1 << 16
LONGEST_ANSWER = 4096
SECONDS = 120


def scan(file: IO[bytes] | File) -> None:
    """Ask clamd at `settings.CLAMD_ADDRESS` (a Unix socket's path, or `host:port`). Raises Infected, Unscanned."""
    try:
        with _connected() as line:
            answer = _asked(line, file)
    except OSError as error:
        raise Unscanned(f"clamd at {settings.CLAMD_ADDRESS}: {error}") from error
    verdict = answer.removeprefix("stream: ")
    if verdict.endswith(" FOUND"):
        raise Infected(verdict.removesuffix(" FOUND"))
    if verdict != "OK":
        raise Unscanned(f"clamd answered {answer!r}")


def _connected() -> socket.socket:
    address = settings.CLAMD_ADDRESS
    if address.startswith("/"):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(SECONDS)
        try:
            line.connect(address)
        except OSError:
            line.close()
            raise
        return line
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise Unscanned(f"{address!r} is neither the path of a socket nor host:port")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS)


def _asked(line: socket.socket, file: IO[bytes] | File) -> str:
    """The file in pieces, each after its length in four bytes, the last one empty; then the answer up to its zero."""
    try:
        line.sendall(b"zINSTREAM\0")
        while piece := file.read(PIECE):
            line.sendall(len(piece).to_bytes(4, "big") + piece)
        line.sendall(bytes(4))
    except (BrokenPipeError, ConnectionResetError):
        pass  # too large for its StreamMaxLength: it has answered already
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < LONGEST_ANSWER:
        more = line.recv(LONGEST_ANSWER)
        if not more:
            break
        answer += more
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()
