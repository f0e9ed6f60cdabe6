"""Maps kept in their box: the same voxels as the whole array, in less memory."""

import numpy as np
import pytest
from p2sam.boxed import Boxed, box_of, union

SHAPE = (5, 7, 9)


@pytest.fixture
def array():
    array = np.full(SHAPE, -2.0, np.float32)
    array[1:4, 2:6, 3:8] = np.random.default_rng(0).normal(size=(3, 4, 5))
    return array


def test_the_whole_array_and_every_slice_come_back(array):
    boxed = Boxed.of(array, outside=-2.0)
    assert boxed.inside.shape == (3, 4, 5)
    np.testing.assert_array_equal(boxed.whole(), array)
    for k in range(-5, 5):
        np.testing.assert_array_equal(boxed[k], array[k])
    with pytest.raises(IndexError):
        boxed[5]


def test_a_slice_is_an_array_of_its_own(array):
    boxed = Boxed.of(array, outside=-2.0)
    boxed[2][:] = 9
    np.testing.assert_array_equal(boxed.whole(), array)


@pytest.mark.parametrize("box", [(slice(0, 5), slice(0, 7), slice(0, 9)), (slice(2, 5), slice(0, 3), slice(4, 6)), (slice(4, 5), slice(0, 2), slice(0, 3))])
def test_voxels_of_another_box_are_cut_out_with_the_outside_around(array, box):
    np.testing.assert_array_equal(Boxed.of(array, outside=-2.0).over(box), array[box])


def test_what_reaches_a_value_is_told_for_voxels_and_for_slices(array):
    boxed = Boxed.of(array, outside=-2.0)
    np.testing.assert_array_equal(boxed.reaching(0.5), array >= 0.5)
    np.testing.assert_array_equal(boxed.any_slice(0.5), (array >= 0.5).any(axis=(1, 2)))


def test_nothing_is_an_empty_box():
    boxed = Boxed.of(np.zeros(SHAPE, np.float16))
    assert boxed.inside.size == 0 and not boxed.whole().any() and boxed.whole().shape == SHAPE
    assert not boxed.any_slice(0.5).any() and not boxed.reaching(0.5).any() and not boxed[3].any()
    np.testing.assert_array_equal(boxed.over((slice(0, 2),) * 3), np.zeros((2, 2, 2)))
    assert box_of(np.zeros(SHAPE, bool)) == (slice(0, 0),) * 3


def test_a_box_around_boxes_leaves_empty_ones_out():
    one, other, empty = (slice(1, 3), slice(4, 5)), (slice(2, 6), slice(0, 2)), (slice(0, 0), slice(0, 0))
    assert union([empty, one, other]) == (slice(1, 6), slice(0, 5))
    assert union([empty, empty]) == empty
