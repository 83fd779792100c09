"""What stands in the room's addresses: case numbers and ids that could exist; anything else is no address at all."""


class RelayNumber:
    """R and ten digits, as the hub issues them."""

    regex = "R[0-9]{10}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class ApplicationNumber(RelayNumber):
    """A and ten digits."""

    regex = "A[0-9]{10}"


class QueueNumber(RelayNumber):
    """Q and ten digits."""

    regex = "Q[0-9]{10}"


class Id:
    """An id that fits a database's bigint."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int | str) -> str:
        return str(value)
