"""Dates as the trade writes them: 2026-04-01 (水)."""

DATE_FORMAT = "Y-m-d (D)"
SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d (D) H:i"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
