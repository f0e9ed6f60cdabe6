"""What the aligned prior says of a slice; pixels of 2 mm along rows and 0.5 mm along columns."""

from dataclasses import replace

import numpy as np
import pytest
from p2sam.guide import Guide
from p2sam.settings import preset

SPACING = (2.0, 0.5)
SETTINGS = replace(preset("clinical"), prior_sigma_mm=3.0, reach_mm=6.0, box_margin_mm=2.0)


@pytest.fixture
def guide():
    """A block of rows 8..11 and columns 20..39 in 24 x 70; tracked two rows further down."""
    aligned = np.zeros((24, 70), np.float32)
    aligned[8:12, 20:40] = 1
    tracked = np.roll(aligned, 2, axis=0)
    tracked[13, 39] = 0.6
    return Guide(aligned, tracked, SPACING)


def test_distance_is_in_millimetres_of_each_axis_and_zero_inside(guide):
    away = guide.distance_mm()
    assert away[10, 20] == 0 and away[13, 39] == 0
    assert away[16, 30] == pytest.approx(3 * 2.0) and away[12, 50] == pytest.approx(11 * 0.5)
    assert away[16, 43] == pytest.approx(np.hypot(6, 2))


def test_where_nothing_was_tracked_the_aligned_prior_is_the_measure(guide):
    away = Guide(guide.aligned, np.zeros_like(guide.aligned), SPACING).distance_mm()
    assert away[8, 20] == 0 and away[14, 30] == pytest.approx(6)


def test_without_any_prior_everything_is_infinitely_far_and_no_prompt_may_be_set():
    nothing = Guide(np.zeros((5, 9), np.float32), np.zeros((5, 9), np.float32), SPACING)
    assert np.isinf(nothing.distance_mm()).all()
    near, off = nothing.weights(nothing.distance_mm(), SETTINGS)
    assert not near.any() and not off.any() and nothing.box_xyxy(SETTINGS) is None


def test_positive_prompts_are_weighed_by_a_gaussian_of_the_distance_and_forbidden_out_of_reach(guide):
    near, _ = guide.weights(guide.distance_mm(), SETTINGS)
    assert near[10, 30] == 1
    assert near[15, 30] == pytest.approx(np.exp(-0.5 * (4 / 3) ** 2))
    assert near[16, 30] == pytest.approx(np.exp(-0.5 * 2**2)) and near[17, 30] == 0


def test_negative_prompts_lie_where_the_tracked_prior_is_not_but_within_reach(guide):
    _, off = guide.weights(guide.distance_mm(), SETTINGS)
    assert off[10, 30] == 0 and off[13, 39] == pytest.approx(0.4) and off[15, 30] == 1 and off[17, 30] == 0


def test_reach_and_sigma_can_be_switched_off(guide):
    near, off = guide.weights(guide.distance_mm(), replace(SETTINGS, prior_sigma_mm=0, reach_mm=0))
    assert near.min() == near.max() == 1
    np.testing.assert_allclose(off, 1 - guide.tracked)


def test_the_box_has_its_margin_in_millimetres_and_stays_on_the_slice(guide):
    np.testing.assert_allclose(guide.box_xyxy(SETTINGS), [20 - 4, 10 - 1, 39 + 4, 13 + 1])
    np.testing.assert_allclose(guide.box_xyxy(replace(SETTINGS, box_margin_mm=0)), [20, 10, 39, 13])
    np.testing.assert_allclose(guide.box_xyxy(replace(SETTINGS, box_margin_mm=100)), [0, 0, 69, 23])
    assert guide.box_xyxy(replace(SETTINGS, box_margin_mm=-1)) is None
