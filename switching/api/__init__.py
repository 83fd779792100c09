"""Endpoints of cases between companies."""
