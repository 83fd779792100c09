"""S3-compatible storage as the place of all files; an object is there when all of it has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from botocore.exceptions import ClientError
from django.core.files.uploadedfile import TemporaryUploadedFile
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from portal.stores import PIECE, Part


class _PartOfAnObject:
    def __init__(self, body: object) -> None:
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self.body.iter_chunks(PIECE)  # type: ignore[attr-defined]

    def close(self) -> None:
        self.body.close()  # type: ignore[attr-defined]


class Bucket(S3Storage):
    """One bucket (and prefix) that web and workers share; see portal.stores."""

    def part(self, name: str, first: int, count: int) -> Part:
        """A ranged GET: nothing before or behind crosses the line."""
        wanted = {"Range": f"bytes={first}-{first + count - 1}"} if count else {}  # an empty file has no range
        try:
            found = self.bucket.Object(self._key(name)).get(**wanted)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from error
            raise
        return _PartOfAnObject(found["Body"])

    def folders(self, name: str) -> list[str]:
        return sorted(self.listdir(name)[0])

    def remove_folder(self, name: str) -> int:
        """Thousand objects at a time."""
        done = self.bucket.objects.filter(Prefix=f"{self._key(name)}/").delete()
        return sum(len(answer.get("Deleted", ())) for answer in done)

    @contextmanager
    def new_file(self, name: str) -> Iterator[IO[bytes]]:
        """Kept on this machine until it is whole, then sent."""
        with TemporaryUploadedFile("new", "application/octet-stream", 0, None) as out:
            yield out
            out.flush()
            if self.exists(name):
                raise FileExistsError(name)
            self._save(name, out)

    def _key(self, name: str) -> str:
        key: str = self._normalize_name(clean_name(name))
        return key
