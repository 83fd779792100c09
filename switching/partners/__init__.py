"""Simulated counterparties of the linkage test: they act through the real verbs, as people of invented companies."""
