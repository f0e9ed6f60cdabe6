"""Where a person should look, and why."""

import numpy as np
import pytest
from p2sam.flags import distance_flags, empty_flag, in_words, jump_flags, outline, prompt_flags
from p2sam.prompts import PointPrompts

SPACING = np.array([2.0, 1.5])


def block(rows, columns, top=10, left=10):
    mask = np.zeros((40, 60), bool)
    mask[top : top + rows, left : left + columns] = True
    return outline(mask, SPACING)


EMPTY = block(0, 0)


def codes(flags):
    return [flag.code for flag in flags]


def test_area_and_centroid_are_in_millimetres():
    found = block(4, 6)
    assert found.area_mm2 == 4 * 6 * 3.0
    np.testing.assert_allclose(found.centroid_mm, [11.5 * 2, 12.5 * 1.5])
    assert EMPTY.area_mm2 == 0 and EMPTY.centroid_mm is None


def test_an_empty_slice_is_flagged_only_where_the_prior_has_something():
    (flag,) = empty_flag(EMPTY, block(10, 20))
    assert flag.code == "empty" and "6.0 cm²" in flag.reason
    assert empty_flag(EMPTY, EMPTY) == [] and empty_flag(block(2, 2), block(4, 4)) == []


def test_a_jump_in_area_is_flagged_unless_the_prior_does_the_same():
    big, small, same = block(10, 20), block(5, 20, 12), block(10, 20)
    (flag,) = jump_flags(small, big, same, same, "slice 7")
    assert flag.code == "area jump"
    assert flag.reason == "The area is 50 % smaller than on slice 7; that of the aligned prior is as large as there."
    assert codes(jump_flags(big, small, same, same)) == ["area jump"]
    assert jump_flags(small, big, small, big) == []
    assert jump_flags(block(9, 20), big, same, same) == []


def test_steady_areas_are_not_flagged_because_the_prior_jumps():
    assert jump_flags(block(10, 20), block(10, 20), block(10, 20), block(2, 20, 14)) == []


def test_a_jump_of_the_centre_is_flagged_unless_the_prior_does_the_same():
    here, before, still = block(10, 20, left=18), block(10, 20), block(10, 20)
    (flag,) = jump_flags(here, before, still, still)
    assert flag.code == "centroid jump" and "12 mm" in flag.reason
    assert jump_flags(here, before, here, before) == []
    assert jump_flags(block(10, 20, left=14), before, still, still) == []


def test_specks_and_empty_neighbours_do_not_jump():
    assert jump_flags(block(1, 2), block(2, 8), block(10, 20), block(10, 20)) == []
    assert jump_flags(EMPTY, block(10, 20), block(10, 20), block(10, 20)) == []
    assert jump_flags(block(10, 20), EMPTY, block(10, 20), block(10, 20)) == []


def test_a_jump_is_measured_without_a_prior_too():
    (flag,) = jump_flags(block(10, 20), block(2, 20), EMPTY, EMPTY)
    assert flag.code == "area jump" and flag.reason == "The area is 5.0 times as large as on the slice beside it."


@pytest.mark.parametrize(("ratio", "words"), [(0.36, "64 % smaller than"), (1.0, "as large as"), (1.004, "as large as"), (1.62, "62 % larger than"), (3.14, "3.1 times as large as")])
def test_a_ratio_of_areas_is_told_in_words(ratio, words):
    assert in_words(ratio) == words


def test_a_far_distance_is_flagged_against_what_is_usual_within_the_prior():
    (flag,) = distance_flags(8.0, True, 2.0)
    assert flag.code == "far" and "4.0 times" in flag.reason
    assert distance_flags(2.5, True, 2.0) == [] and distance_flags(8.0, True, None) == []


def test_a_mask_without_a_distance_says_that_nothing_was_compared():
    assert codes(distance_flags(None, True, 2.0)) == ["not compared"]
    assert distance_flags(None, False, 2.0) == []


@pytest.fixture
def hu():
    """A body of 0 HU with a lung of -850 and a table's thin plate, in air."""
    hu = np.full((40, 60), -1000.0)
    hu[6:30, 8:50] = 0
    hu[12:22, 15:30] = -850
    hu[35] = 100
    return hu


def prompts(*xy, label=1):
    n = len(xy)
    return PointPrompts(np.array(xy, np.float32), np.full(n, label, np.int8), np.arange(n), np.ones(n))


def test_a_positive_point_in_the_air_around_the_patient_is_flagged_by_its_number(hu):
    (flag,) = prompt_flags(prompts((40, 10), (3, 4), (59, 39)), hu)
    assert flag.code == "prompt outside body" and "2, 3" in flag.reason


def test_the_lung_is_inside_the_body_and_the_table_is_not(hu):
    assert prompt_flags(prompts((20, 15), (48, 28)), hu) == []
    assert codes(prompt_flags(prompts((30, 35)), hu)) == ["prompt outside body"]


def test_negative_points_and_slices_without_a_body_are_not_flagged(hu):
    assert prompt_flags(prompts((3, 4), label=0), hu) == []
    assert prompt_flags(PointPrompts.empty(), hu) == []
    assert prompt_flags(prompts((3, 4)), np.full((40, 60), -1000.0)) == []
