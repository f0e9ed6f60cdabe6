"""How figures read: no sign where there is no change."""

import pytest
from P2SAMSlicerLib.RowText import percent


@pytest.mark.parametrize(("value", "text"), [(-0.4, "0 %"), (0.4, "0 %"), (0.0, "0 %"), (-12.6, "−13 %"), (4.5, "+4 %"), (10.0, "+10 %"), (-100.0, "−100 %")])
def test_a_change_has_its_sign_unless_it_is_rounded_to_nothing(value, text):
    assert percent(value) == text
