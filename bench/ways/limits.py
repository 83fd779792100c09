"""What the machine can do at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.stage import DAY_COLUMNS
from bench.ways import timed, way


@way("CSV intake", "limit: COPY of a prebuilt binary file")
def copy_prebuilt(points: int, folder: Path) -> dict[str, float]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_days")
        cursor.execute(
            "CREATE TABLE bench_days (point_id bigint, batch_id bigint, day date, revision int2, layer varchar(1), "
            "meter varchar(16), packed bytea, quality bytea, PRIMARY KEY (point_id, day, layer, meter, revision))"
        )

        def work() -> None:
            with (
                (folder / "days.bin").open("rb") as stream,
                cursor.copy(f"COPY bench_days ({DAY_COLUMNS}) FROM STDIN (FORMAT binary)") as copy,
            ):
                while piece := stream.read(1 << 20):
                    copy.write(piece)

        return timed(points, work)


@way("CSV intake", "limit: wc -l over the file")
def wc(points: int, folder: Path) -> dict[str, float]:
    return timed(points, lambda: subprocess.run(["wc", "-l", folder / "day.csv"], check=True, capture_output=True))


@way("CSV.gz publication", "limit: isal over the prebuilt text")
def isal_prebuilt(points: int, folder: Path) -> dict[str, float]:
    from isal import isal_zlib

    def work() -> None:
        pack = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
        with (folder / "day.csv").open("rb") as stream, (folder / "limit.gz").open("wb") as out:
            while piece := stream.read(1 << 20):
                out.write(pack.compress(piece))
            out.write(pack.flush())

    return timed(points, work)
