"""What stands in the API's addresses: ids and numbers that could exist; anything else is no address at all."""


class Id:
    """An id that fits a database's bigint."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int | str) -> str:
        return str(value)


class PointNumber:
    """22 digits, without gaps."""

    regex = "[0-9]{22}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
