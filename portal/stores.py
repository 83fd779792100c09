"""Where files lie: a directory by default, S3-compatible storage by setting (portal.s3); both answer alike.

`default_storage` is one of the two. Beside Django's own questions they hand out a part of a file, name the folders
below a folder, remove one with everything in it and take what is written piece by piece. A file is there whole or
not at all.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage

PIECE = 1 << 16


class Part(Protocol):
    """Bytes of a file, opened already, in pieces."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Store(Protocol):
    """What both kinds of storage can do beyond Django's storages."""

    def part(self, name: str, first: int, count: int) -> Part: ...

    def folders(self, name: str) -> list[str]: ...

    def remove_folder(self, name: str) -> int: ...

    def new_file(self, name: str) -> AbstractContextManager[IO[bytes]]: ...


def part(name: str, *, first: int, count: int) -> Part:
    """`count` bytes of a file from the `first` (0 for its beginning) on, without reading what lies before or behind.

    The file is opened at once: FileNotFoundError when it is not there.
    """
    return cast(Store, default_storage).part(name, first, count)


def folders(name: str) -> list[str]:
    """The names of the folders directly below a folder, in order; none where there is no such folder."""
    return cast(Store, default_storage).folders(name)


def remove_folder(name: str) -> int:
    """Remove a folder with everything in it; returns how many files that were (0 where there is no such folder)."""
    return cast(Store, default_storage).remove_folder(name)


def new_file(name: str) -> AbstractContextManager[IO[bytes]]:
    """A file to be written in place, for a name that nobody knows before what is written is entered somewhere.

    At the end of the block its bytes are kept, on the disk where that is asked for; when the block fails it is gone.
    A process that is killed may leave a part of it. FileExistsError where the name is taken.
    """
    return cast(Store, default_storage).new_file(name)


class _PartOfAFile:
    def __init__(self, stream: IO[bytes], count: int) -> None:
        self.stream, self.left = stream, count

    def __iter__(self) -> Iterator[bytes]:
        while self.left > 0 and (piece := self.stream.read(min(PIECE, self.left))):
            self.left -= len(piece)
            yield piece

    def close(self) -> None:
        self.stream.close()


class Directory(FileSystemStorage):
    """A directory that web and workers share."""

    def part(self, name: str, first: int, count: int) -> Part:
        stream = Path(self.path(name)).open("rb")  # noqa: SIM115 - closed by who gets the part
        stream.seek(first)
        return _PartOfAFile(stream, count)

    def folders(self, name: str) -> list[str]:
        try:
            return sorted(self.listdir(name)[0])
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove_folder(self, name: str) -> int:
        path = Path(self.path(name))
        if not path.is_dir():
            return 0
        count = sum(len(files) for _folder, _folders, files in os.walk(path))
        shutil.rmtree(path)
        return count

    @contextmanager
    def new_file(self, name: str) -> Iterator[IO[bytes]]:
        path = self.path(name)
        try:
            out = open(path, "xb")  # noqa: SIM115 - closed below, also when the folder has to be made first
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            out = open(path, "xb")  # noqa: SIM115
        try:
            with out:
                if self.file_permissions_mode is not None:
                    os.fchmod(out.fileno(), self.file_permissions_mode)
                yield out
                if settings.FILES_SURVIVE_POWER_CUT:
                    out.flush()
                    os.fsync(out.fileno())
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(path)
            raise

    def _save(self, name: str, content: File) -> str:
        """Move what lies on the same disk; write anything else beside its place first, and move it when it is whole."""
        folder = Path(self.path(name)).parent
        folder.mkdir(parents=True, exist_ok=True)
        if _lies_on_the_disk_of(content, folder):
            return str(super()._save(name, content))  # type: ignore[misc]
        unfinished = folder / f".{uuid4().hex}.unfinished"
        try:
            with unfinished.open("wb") as out:
                for chunk in content.chunks():
                    out.write(chunk)
                if settings.FILES_SURVIVE_POWER_CUT:
                    out.flush()
                    os.fsync(out.fileno())
            return str(super()._save(name, _Finished(unfinished)))  # type: ignore[misc]
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()


class _Finished(File):
    """A file on the disk that the storage takes over by moving it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(None, str(path))

    def temporary_file_path(self) -> str:
        return str(self.path)

    def close(self) -> None: ...


def _lies_on_the_disk_of(content: Any, folder: Path) -> bool:
    if not hasattr(content, "temporary_file_path"):
        return False
    with suppress(OSError):
        return Path(content.temporary_file_path()).stat().st_dev == folder.stat().st_dev
    return False
