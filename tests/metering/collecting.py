"""A company's machine before the collection doors: a client that shows a certificate as nginx would pass it on."""

from urllib.parse import quote

from django.test import Client

from portal.models import Certificate

SECRET = "s" * 40


def certificate_headers(pem: str) -> dict[str, str]:
    return {
        "HTTP_X_PROXY_SECRET": SECRET,
        "HTTP_X_CLIENT_CERTIFICATE": quote(pem),
        "HTTP_X_CLIENT_VERIFY": "SUCCESS",
    }


def machine_of(certificate: Certificate | None, **headers: str) -> Client:
    """A client with this certificate; the settings must believe the proxy (`believing`)."""
    return Client(
        **(certificate_headers(certificate.pem) if certificate else {"HTTP_X_PROXY_SECRET": SECRET}), **headers
    )


def believing(settings, folder) -> None:
    """Let the site believe a proxy's headers, and give it an authority of the test's own."""
    settings.CERTIFICATE_SOURCE, settings.CERTIFICATE_SECRET = "secret", SECRET
    settings.AUTHORITY_DIR = folder / "authority"
