"""Slice masks as short text, and their checksums."""

import numpy as np
import pytest
from P2SAMSlicerLib.Proposals import checksum, pack, unpack
from p2sam.errors import InputError


def mask(seed=0, shape=(37, 53)):
    found = np.zeros(shape, bool)
    found[5:31, 11:50] = np.random.default_rng(seed).random((26, 39)) < 0.5
    return found


@pytest.mark.parametrize("found", [mask(), np.zeros((37, 53), bool), np.ones((37, 53), bool), mask(1) & False | (np.arange(53) == 52)], ids=["speckled", "empty", "full", "edge"])
def test_a_mask_comes_back_voxel_for_voxel(found):
    assert np.array_equal(unpack(pack(found), found.shape), found)


def test_a_contour_takes_little_text():
    rows, columns = np.indices((512, 512))
    assert len(pack((rows - 200) ** 2 + (columns - 300) ** 2 < 60**2)) < 1000


def test_the_checksum_sees_one_voxel_and_the_shape_and_not_the_type():
    one, other = mask(), mask()
    other[20, 20] ^= True
    assert checksum(one) != checksum(other)
    assert checksum(one) == checksum(one.astype(np.uint8)) == checksum(np.asfortranarray(one))
    assert checksum(np.zeros((4, 6), bool)) != checksum(np.zeros((6, 4), bool))


@pytest.mark.parametrize("text", ["1 2 3", "0 4 0 4 !!!!", "0 4 0 4 AAAA", pack(mask())[:-8]])
def test_damaged_text_is_a_sentence(text):
    with pytest.raises(InputError, match="propagate the visit again"):
        unpack(text, (37, 53))
