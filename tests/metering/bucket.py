"""An S3-compatible server of the tests' own: a process that speaks HTTP, empty at every start."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
from botocore.config import Config

NAME = "kirikae"
SERVER = """
import sys
from threading import Thread
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # ends with whoever started it
server.stop()
"""


@contextmanager
def server(log: Path) -> Iterator[str]:
    """Start it; yields its address."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdin and process.stdout
    try:
        line = process.stdout.readline()
        assert line, log.read_text()[-2000:]
        address = f"http://127.0.0.1:{int(line)}"
        end = time.monotonic() + 30
        while True:
            try:
                with urlopen(address, timeout=10):
                    break
            except OSError:
                assert time.monotonic() < end
        client(address).create_bucket(Bucket=NAME)
        yield address
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def client(address: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


def environment(address: str) -> dict[str, str]:
    """What a process needs so that its files lie there."""
    return {
        "KIRIKAE_S3_BUCKET": NAME,
        "KIRIKAE_S3_ENDPOINT": address,
        "KIRIKAE_S3_REGION": "us-east-1",
        "KIRIKAE_S3_KEY": "test",
        "KIRIKAE_S3_SECRET": "test",
        "KIRIKAE_S3_PREFIX": "hub",
        "KIRIKAE_S3_ADDRESSING": "path",
    }


def storages(settings: Any, address: str) -> dict[str, Any]:
    """The STORAGES of a test process whose files lie there."""
    options = {
        **settings.S3,
        "bucket_name": NAME,
        "location": "hub",
        "endpoint_url": address,
        "region_name": "us-east-1",
        "access_key": "test",
        "secret_key": "test",
        "addressing_style": "path",
    }
    return {**settings.STORAGES, "default": {"BACKEND": "portal.s3.Bucket", "OPTIONS": options}}
