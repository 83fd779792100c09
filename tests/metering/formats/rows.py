"""Day rows for the tests of every format: generated ones, and one plain example."""

from datetime import date

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metering.formats.blocks import DayBlock, day_block, join
from metering.formats.errors import BadRow
from metering.halfhours import NULL, Quality

DAY = date(2026, 4, 1)
POINT = "0300112233445566778899"

points = st.integers(1, 10).flatmap(lambda area: st.integers(0, 10**20 - 1).map(lambda n: f"{area:02}{n:020}"))
meters = st.one_of(
    st.just(""),
    st.text("ABCR0123456789-", max_size=16),
    st.text("検針0123456789", max_size=16),
)
wh = st.one_of(st.just(NULL), st.integers(0, 999), st.integers(0, 99_999), st.integers(-(2**31) + 1, 2**31 - 1))


@st.composite
def blocks(draw, *, max_rows=6, quality=False, day=None):
    """A DayBlock with distinct (point, meter, day); with free quality or plain one."""
    keys = draw(
        st.lists(
            st.tuples(points, meters, st.just(day) if day else st.dates(date(2016, 3, 1), date(2040, 1, 1))),
            min_size=1,
            max_size=max_rows,
            unique=True,
        )
    )
    usual = draw(st.sampled_from([0, 999, 99_999, 2**31 - 1]))
    values = draw(hnp.arrays(np.int32, (len(keys), 48), elements=st.integers(0, usual), fill=wh))
    codes = None
    if quality:
        code = st.integers(0, Quality.MISSING - 1)
        codes = draw(hnp.arrays(np.uint8, (len(keys), 48), elements=code, fill=code))
        codes[values == NULL] = Quality.MISSING
    return day_block([k[0] for k in keys], [k[2] for k in keys], values, [k[1] for k in keys], codes)


def example(rows: int = 3) -> DayBlock:
    """Rows with gaps, a meter each, values 1 Wh apart."""
    values = np.arange(rows * 48, dtype=np.int32).reshape(rows, 48)
    values[:, 5] = NULL
    numbers = [f"03{n:020}" for n in range(rows)]
    return day_block(numbers, [DAY] * rows, values, [f"M{n}" for n in range(rows)])


def sort_out(items) -> tuple[DayBlock | None, list[BadRow]]:
    """Everything a reader gave: one block of the good rows, and the refused ones."""
    items = list(items)
    bad = [item for item in items if isinstance(item, BadRow)]
    good = [item for item in items if not isinstance(item, BadRow)]
    assert all(len(block) for block in good)
    return (join(good) if good else None), bad


def assert_same_rows(left: DayBlock, right: DayBlock) -> None:
    """Equal in everything but where they stood in a file."""
    assert left.numbers() == right.numbers()
    assert left.meters == right.meters
    assert (left.days == right.days).all()
    assert (left.values == right.values).all()
    assert (left.quality == right.quality).all()
