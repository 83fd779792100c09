"""What the example programs share: which hub, by options and variables; refusals as a line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from kirikae_client.errors import HubError, Problem
from kirikae_client.hub import Hub

REFUSED, NOT_SET = 1, 2


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options of every program."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG
    )
    made.add_argument("--hub", default=os.environ.get("HUB_ADDRESS"), help="address of the hub ($HUB_ADDRESS)")
    made.add_argument("--client-id", default=os.environ.get("HUB_CLIENT_ID"), help="($HUB_CLIENT_ID)")
    made.add_argument("--certificate", default=os.environ.get("HUB_CERTIFICATE"), help="PEM file ($HUB_CERTIFICATE)")
    made.add_argument("--key", default=os.environ.get("HUB_KEY"), help="its key, PEM file ($HUB_KEY)")
    made.add_argument("--trusted", default=os.environ.get("HUB_TRUSTED"), help="authorities, PEM file ($HUB_TRUSTED)")
    made.add_argument("--language", choices=["en", "ja"], default="en", help="of the hub's sentences")
    return made


EPILOG = "The secret is read from $HUB_SECRET, never from the command line, where others would see it."


def hub_of(options: argparse.Namespace) -> Hub:
    """The hub the options name. Exits with 2 where something is not said."""
    secret = os.environ.get("HUB_SECRET", "")
    missing = [
        name
        for name, value in (
            ("HUB_ADDRESS", options.hub),
            ("HUB_CLIENT_ID", options.client_id),
            ("HUB_SECRET", secret),
        )
        if not value
    ]
    if missing or bool(options.certificate) != bool(options.key):
        print(f"Not set: {', '.join(missing) or 'HUB_CERTIFICATE and HUB_KEY go together'}", file=sys.stderr)
        sys.exit(NOT_SET)
    pair = (options.certificate, options.key) if options.certificate else None
    return Hub(
        options.hub,
        client_id=options.client_id,
        secret=secret,
        certificate=pair,
        trusted=options.trusted,
        language=options.language,
    )


def run(main: Callable[[Hub], int], options: argparse.Namespace) -> int:
    """Run with the hub the options name; a refusal or a missing file becomes a line, with code and trace id."""
    with hub_of(options) as hub:
        try:
            return main(hub)
        except Problem as problem:
            print(f"Refused: {problem}", file=sys.stderr)
            for field in problem.fields:
                print(f"  {field.get('pointer')}: {field.get('detail') or field.get('code')}", file=sys.stderr)
            if problem.what_to_do:
                print(f"  {problem.what_to_do}", file=sys.stderr)
        except HubError as error:
            print(f"Failed: {error}", file=sys.stderr)
        except OSError as error:
            print(f"Failed: {error.filename}: {error.strerror}", file=sys.stderr)
    return REFUSED
