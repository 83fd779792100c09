"""Requests from the hub to addresses others name: one address is resolved once, judged, and that very one is called.

So a name that answers differently the second time (DNS rebinding) leads nowhere else; redirects are never followed, no
proxy of the environment is used, and a receiver that hangs or drips is cut off at the deadline.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from portal.refusals import Refusal

READ_AT_MOST = 300
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadAddress(Refusal):
    """The hub does not send there; `sentence` says why and what to do."""


class NotAnAddress(BadAddress):
    sentence = _("This is no web address. Give it in full, such as https://events.example.jp/kirikae.")


class NotHttps(BadAddress):
    sentence = _("The address must begin with https://.")


class HasCredentials(BadAddress):
    sentence = _("The address holds a user name or password. Leave it out; the signature proves that it is the hub.")


class HasFragment(BadAddress):
    sentence = _("The address holds a # part, which is never sent. Leave it out.")


class PortNotAllowed(BadAddress):
    sentence = _("The hub sends to port 443 and to ports from 1024 on. Please use one of these.")


class NotFound(BadAddress):
    sentence = _("The name in the address is not known on the internet. Compare its spelling.")


class NotPublic(BadAddress):
    sentence = _(
        "The name in the address leads into a private or reserved network. The hub sends to public addresses only."
    )


class NotAnswered(Exception):
    """No answer came: `reason` is connection, tls or timeout."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


@dataclass(frozen=True)
class Answer:
    """What the receiver said: status, the first bytes of its body, how long it took."""

    status: int
    beginning: str
    took_ms: int


def check(url: str) -> SplitResult:
    """The address in its parts, as far as its writing goes; nothing is asked of the network. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise NotAnAddress from error
    if parts.scheme not in ("http", "https") or not host or any(ord(letter) <= 32 for letter in url):
        raise NotAnAddress
    if parts.scheme == "http" and not (_is_this_machine(host) and not settings.PRODUCTION):
        raise NotHttps
    if parts.username is not None or parts.password is not None:
        raise HasCredentials
    if "#" in url:
        raise HasFragment
    if port is not None and port != 443 and port < 1024:
        raise PortNotAllowed
    return parts


def resolve(host: str, port: int) -> str:
    """The one IP address to call, every address of the name being fit to be called. Raises NotFound, NotPublic."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFound from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_fit(address) for address in addresses):
        raise NotPublic
    return addresses[0]


def is_fit(address: str) -> bool:
    """True for a public address; outside production for this machine's own too."""
    try:
        plain = _plain(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if plain.is_loopback:
        return not settings.PRODUCTION
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
    """POST to the address and return the answer, whatever its status. Raises BadAddress, NotAnswered."""
    parts = check(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    begun = time.monotonic()
    address = resolve(host, port)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    connection = _Pinned(host, port, address=address, is_tls=parts.scheme == "https", seconds=seconds)
    watchdog = threading.Timer(seconds, connection.cut_off)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", target, body=body, headers={"Host": _host_of(parts), **headers})
        answer = connection.getresponse()
        beginning = answer.read(READ_AT_MOST)
        status = answer.status
    except ssl.SSLError as error:
        raise _why(connection, "tls", error) from error
    except TimeoutError as error:
        raise NotAnswered("timeout", type(error).__name__) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _why(connection, "connection", error) from error
    finally:
        watchdog.cancel()
        connection.close()
    return Answer(status, beginning.decode("utf-8", "replace"), int((time.monotonic() - begun) * 1000))


def _why(connection: "_Pinned", reason: str, error: Exception) -> NotAnswered:
    return NotAnswered("timeout" if connection.is_cut_off else reason, f"{type(error).__name__}: {error}"[:200])


class _Pinned(http.client.HTTPConnection):
    """A connection to one IP address in the name of the host: TLS checks the certificate against the name."""

    def __init__(self, host: str, port: int, *, address: str, is_tls: bool, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self.address, self.is_tls, self.is_cut_off = address, is_tls, False

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.is_tls:
            self.sock = _tls().wrap_socket(self.sock, server_hostname=self.host)

    def cut_off(self) -> None:
        """Called by the watchdog: whatever waits for this connection ends now."""
        self.is_cut_off = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.WEBHOOK_CA_FILE or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain(address: Address) -> Address:
    """The IPv4 address an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    if inside:
        return inside
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
