"""Days joined in a few values come apart as they were, in the order of point and meter."""

import numpy as np
import pytest

from metering.halfhours import Quality, pack, pack_quality, plain_quality
from metering.joined_days import JoinedDays
from tests.metering.delivering import DAY, figures


def joined(numbers, meters, values, quality):
    packed, codes = pack(values), pack_quality(quality, values)
    kinds = b"".join(day[:1] + bytes([code is not None]) for day, code in zip(packed, codes, strict=True))
    cells = b"".join(day + (code or b"") for day, code in zip(packed, codes, strict=True))
    return "".join(numbers), ",".join(meters), kinds, cells


def test_days_of_any_form_and_quality_come_back_in_order():
    values = figures(7)
    values[1] = 9  # one byte in steps of 1
    values[2] = 12_345  # two bytes
    values[3] = 700_001  # four bytes
    values[4] = -5
    quality = plain_quality(values)
    quality[[2, 5], 3] = Quality.EDITED
    values[[2, 5], 3] = 40
    numbers = [f"03{n:020}" for n in (5, 1, 9, 3, 3, 8, 2)]
    meters = ["A", "", "計器", "M2", "M1", "B", "C"]
    found = list(JoinedDays(DAY, joined(numbers, meters, values, quality)).blocks(3))
    order = sorted(range(7), key=lambda row: (numbers[row], meters[row]))
    assert [len(block) for block, _ in found] == [3, 3, 1]
    assert [row for _, rows in found for row in rows.tolist()] == order
    assert [number for block, _ in found for number in block.numbers()] == [numbers[row] for row in order]
    assert [meter for block, _ in found for meter in block.meters] == [meters[row] for row in order]
    assert (np.concatenate([block.values for block, _ in found]) == values[order]).all()
    assert (np.concatenate([block.quality for block, _ in found]) == quality[order]).all()


def test_days_that_come_in_order_are_taken_as_they_come():
    values = figures(5)
    parts = joined([f"03{n:020}" for n in range(5)], [""] * 5, values, plain_quality(values))
    ((block, rows),) = JoinedDays(DAY, parts).blocks(10)
    assert rows == slice(0, 5)
    assert (block.values == values).all() and block.lines.tolist() == [1, 2, 3, 4, 5]


def test_columns_that_do_not_fit_one_another_are_not_taken_apart():
    values = figures(2)
    numbers, _, kinds, cells = joined(["03" + "0" * 20, "03" + "1" * 20], ["", ""], values, plain_quality(values))
    with pytest.raises(ValueError, match="belong together"):
        JoinedDays(DAY, (numbers, "a,b,c", kinds, cells))
    with pytest.raises(ValueError, match="belong together"):
        JoinedDays(DAY, (numbers, "a,b", kinds, cells[:-1]))
