"""Serves the site over TLS on this machine, asking for client certificates; for trying out."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal import authority, trusted_authorities
from portal.authority import NoAuthority


class Command(BaseCommand):
    help = "Serves the site with https:// beside `manage.py up`, with certificates of the built-in test authority."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="localhost", help="name the browser asks for (localhost)")
        parser.add_argument("--port", type=int, default=8443, help="port on this machine (8443)")
        parser.add_argument("--crl", action="store_true", help="end the handshake of revoked certificates")

    def handle(self, *args: Any, **options: Any) -> None:
        now, port = timezone.now(), options["port"]
        if not 0 < port < 65536:
            raise CommandError(f"A port is a number from 1 to 65535, not {port}.")
        try:
            built_in = authority.built_in(now=now)
        except NoAuthority as error:
            raise CommandError("This site has no authority of its own; let nginx end TLS (docs/nginx).") from error
        trusted_authorities.publish(now=now)
        names = dict.fromkeys([options["host"], "localhost", "127.0.0.1"])
        certificate, key = built_in.server_certificate(names, now=now)
        environment = os.environ | {
            "KIRIKAE_TLS_BIND": f"127.0.0.1:{port}",
            "KIRIKAE_TLS_CERT": str(certificate),
            "KIRIKAE_TLS_KEY": str(key),
            "KIRIKAE_TLS_TRUSTED": str(built_in.folder / "trusted.pem"),
        }
        if options["crl"]:
            environment["KIRIKAE_TLS_REVOKED"] = str(built_in.folder / "revoked.pem")
        self.stdout.write(f"https://{options['host']}:{port}/   trust {built_in.folder / 'root.pem'} in the browser")
        self.stdout.flush()
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi:application"]
        os.chdir(settings.BASE_DIR)
        os.execve(sys.executable, command, environment)
