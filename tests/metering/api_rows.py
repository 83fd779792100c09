"""The metering room's endpoints, for the access sweep."""

from typing import Any

from metering.models import PublishedFile
from metering.publication import publish_day
from tests.api_rows import ApiRow
from tests.cast import NOW, Cast, make_points
from tests.metering import api_rows_access, api_rows_asking
from tests.metering.delivering import DAY, block_of, csv_of, deliver


def a_number_of_umi(cast: Cast) -> dict[str, Any]:
    deliver(cast, csv_of(block_of(make_points(cast, 1))))
    publish_day(DAY, now=NOW)
    file = PublishedFile.objects.get(recipient=cast.umi, format="bp_zip")
    PublishedFile.objects.filter(pk=file.pk).update(first_collected_at=NOW)
    return {"number": file.number}


def its_hash(cast: Cast) -> dict[str, Any]:
    return {"sha256": PublishedFile.objects.get(recipient=cast.umi, format="bp_zip").sha256}


def a_day(cast: Cast) -> dict[str, Any]:
    a_number_of_umi(cast)
    return {"day": NOW.date()}


def a_file_of_kaze(cast: Cast) -> dict[str, Any]:
    """A row went in, one of another day's width was refused."""
    day = csv_of(block_of(make_points(cast, 1)))
    return {"pk": deliver(cast, day + b"123,,2026-03-31\n").pk}


UMI, KAZE = "umi.usage", "kaze.usage"
ROWS = {
    **api_rows_asking.ROWS,
    **api_rows_access.ROWS,
    "api:usage-files": ApiRow({"get": KAZE, "post": KAZE}, good=("get",)),
    "api:usage-file": ApiRow({"get": KAZE}, kwargs=a_file_of_kaze, parties=("kaze",)),
    "api:refused-rows": ApiRow({"get": KAZE}, kwargs=a_file_of_kaze, parties=("kaze",)),
    "api:refused-content": ApiRow({"get": KAZE}, kwargs=a_file_of_kaze, parties=("kaze",)),
    "api:usage-file-settlement": ApiRow({"post": KAZE}, kwargs=a_file_of_kaze, good=("post",), parties=("kaze",)),
    "api:published-files": ApiRow({"get": UMI}),
    "api:published-files-again": ApiRow({"post": UMI}, bodies={"post": {"first": 1, "last": 1}}, good=()),
    "api:published-file": ApiRow({"get": UMI}, kwargs=a_number_of_umi),
    "api:published-file-content": ApiRow({"get": UMI}, kwargs=a_number_of_umi),
    "api:published-file-acknowledgement": ApiRow(
        {"post": UMI}, kwargs=a_number_of_umi, bodies={"post": its_hash}, good=("post",)
    ),
    "api:usage-statement": ApiRow({"get": UMI}, kwargs=a_day, shared=True),
}
