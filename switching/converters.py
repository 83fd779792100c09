"""What stands in the room's addresses: case numbers and ids that could exist; anything else is no address at all."""

from django.urls import register_converter


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


class ApplicationKind:
    """The kinds that have a page of their own to be filed on, with hyphens; a switch start has its own way."""

    regex = "reconnection|termination|ampere-change|consumer-change"

    def to_python(self, value: str) -> str:
        return value.replace("-", "_")

    def to_url(self, value: str) -> str:
        return str(value).replace("_", "-")


class SupplyClassCode:
    """lv, hv or fit."""

    regex = "lv|hv|fit"

    def to_python(self, value: str) -> str:
        return value.upper()

    def to_url(self, value: str) -> str:
        return str(value).lower()


class UndoNumber(RelayNumber):
    """U and ten digits."""

    regex = "U[0-9]{10}"


register_converter(RelayNumber, "relay_number")
register_converter(ApplicationNumber, "application_number")
register_converter(QueueNumber, "queue_number")
register_converter(ApplicationKind, "application_kind")
register_converter(SupplyClassCode, "supply_class")
register_converter(UndoNumber, "undo_number")
