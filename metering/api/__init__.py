"""The metering room's part of the API."""
