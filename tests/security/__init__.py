"""Attacks tried, and what every answer says to the browser."""
