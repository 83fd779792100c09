"""Wide CSV, the portal's own exchange format: one line per supply point, meter and day with 48 values.

    supply_point,meter,date,hh01,…,hh48,quality
    0300112233445566778899,M123,2026-04-01,0.159,…,0.055,MMM…M

Values are kWh with a decimal point and up to three decimals, empty = missing (missing is not zero); quality
is one letter per slot (blocks.LETTERS). Columns may stand in any order; `meter` and `quality` may be absent;
`code` and `reason`, which a list of refused rows carries, are passed over.
Read: UTF-8 with or without a byte order mark, Shift_JIS (cp932), any line ends, plain or gzip.
Clean lines are read as columns of arrays; only the lines that fail go through the slow reader, which alone
names what is wrong. Readers do not judge values: negative ones pass, repeated lines pass.

layout      the columns, and how much is taken
cells       what a cell of a point, a meter, a day may hold
lines       bytes to whole lines under a header
reading     lines to blocks of rows
writing     blocks of rows to lines
"""

from metering.formats.csv.cells import day_of, meter_fault, point_fault
from metering.formats.csv.layout import COLUMNS, MAX_RAW, SLOT_COLUMNS
from metering.formats.csv.lines import iter_pieces, read_lines
from metering.formats.csv.reading import read_wide
from metering.formats.csv.writing import Sink, Written, raw_line, wide_lines, write_lines, write_wide

__all__ = [
    "COLUMNS",
    "MAX_RAW",
    "SLOT_COLUMNS",
    "Sink",
    "Written",
    "day_of",
    "iter_pieces",
    "meter_fault",
    "point_fault",
    "raw_line",
    "read_lines",
    "read_wide",
    "wide_lines",
    "write_lines",
    "write_wide",
]
