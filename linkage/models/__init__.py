"""Tables of the linkage test: `Market` in the database of the lobby, the others in that of each market."""

from linkage.models.markets import Clock, Market
from linkage.models.qualifications import Evidence, Qualification
from linkage.models.scripts import Script

__all__ = ["Clock", "Evidence", "Market", "Qualification", "Script"]
