"""The room's endpoints below /api/v1/linkage/: clock, customers, partners and qualification of a private market."""
