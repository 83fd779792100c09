"""Bytes to plain records and back: every format usage travels in, without a database."""
