"""A tiny clamd: a process that speaks INSTREAM on a socket and knows one virus, the harmless EICAR test file."""

import socket
import socketserver
import sys

LIMIT = 200_000


class Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        if self.rfile.read(10) != b"zINSTREAM\0":
            self.wfile.write(b"UNKNOWN COMMAND\0")
            return
        content = b""
        while size := int.from_bytes(self.rfile.read(4), "big"):
            if len(content) + size > LIMIT:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
            content += self.rfile.read(size)
        found = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE" in content
        self.wfile.write(b"stream: Eicar-Test-Signature FOUND\0" if found else b"stream: OK\0")


class OnPath(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class OnPort(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


if __name__ == "__main__":
    address = sys.argv[1]
    server = OnPath(address, Session) if address.startswith("/") else OnPort(("127.0.0.1", 0), Session)
    if server.address_family == socket.AF_INET:
        print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    else:
        print(address, flush=True)
    server.serve_forever()
