"""gunicorn with TLS of its own, asking browsers for a client certificate; for trying out (`manage.py serve_tls`).

Read by `gunicorn -c config/gunicorn.py config.wsgi`. The variables name files:

    KIRIKAE_TLS_BIND                  address and port, 127.0.0.1:8443
    KIRIKAE_TLS_CERT, KIRIKAE_TLS_KEY the server's certificate (with chain) and key
    KIRIKAE_TLS_TRUSTED               authorities whose client certificates are taken (the authority's trusted.pem)
    KIRIKAE_TLS_REVOKED               lists of revoked certificates (revoked.pem); optional

A client without certificate is let through to the pages, which know who needs one. A certificate of an unknown
authority ends the handshake. The pages ask the database about each certificate at every request; with
KIRIKAE_TLS_REVOKED the handshake of a revoked one ends before that, with the browser's words instead of ours.
"""

import os
import ssl
from collections.abc import Callable
from typing import Any

bind = os.environ.get("KIRIKAE_TLS_BIND", "127.0.0.1:8443")
workers, threads, worker_class = 2, 4, "gthread"
timeout, graceful_timeout = 60, 2
capture_output = True

certfile = os.environ["KIRIKAE_TLS_CERT"]
keyfile = os.environ["KIRIKAE_TLS_KEY"]
ca_certs = os.environ["KIRIKAE_TLS_TRUSTED"]
cert_reqs = ssl.CERT_OPTIONAL
do_handshake_on_connect = True


def ssl_context(config: Any, default_ssl_context_factory: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Called for each connection, so that both files are read anew after a revocation or a new authority."""
    context = default_ssl_context_factory()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if revoked := os.environ.get("KIRIKAE_TLS_REVOKED"):
        context.load_verify_locations(cafile=revoked)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context
