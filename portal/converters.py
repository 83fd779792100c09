"""What stands in every room's addresses: ids, numbers and days that could exist; anything else is no address."""

from datetime import date

from django.urls import register_converter


class RecordId:
    """An id that fits a database's bigint."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int | str) -> str:
        return str(value)


class PointNumber:
    """The 22 digits of a supply point number, without gaps."""

    regex = "[0-9]{22}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Day:
    """A day as 2026-04-01."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(RecordId, "record_id")
register_converter(PointNumber, "point_number")
register_converter(Day, "day")
