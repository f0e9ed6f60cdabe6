"""Points where the parts of the prior are most similar to the follow-up; on a slice of 6 x 10 with a fake model."""

from dataclasses import replace

import numpy as np
import pytest
from fake_model import FakeModel, features_of
from p2sam.features import Reference, reference_of, thinned
from p2sam.parts import unit_norm
from p2sam.prompts import PointPrompts, prompts_by_counts
from p2sam.settings import preset

SETTINGS = replace(preset("paper"), n_positive=(1, 2), n_negative=(1,))


def embedding_of(grey):
    return FakeModel(cell=1).embed(np.repeat(np.asarray(grey, np.uint8)[None, ..., None], 3, axis=-1))[0]


@pytest.fixture
def target():
    """Background of 40, a bright spot of 200 at (x 7, y 2), a dim one of 120 at (1, 4), a dark one of 10 at (9, 5)."""
    grey = np.full((6, 10), 40)
    grey[2, 7], grey[4, 1], grey[5, 9] = 200, 120, 10
    return embedding_of(grey)


def part(*levels):
    return unit_norm(features_of(np.array(levels, float)))


@pytest.fixture
def reference():
    return Reference(features_of(np.array([200.0])), {1: part(200), 2: part(121, 199)}, {1: part(12)})


def test_each_part_becomes_the_point_where_it_is_most_similar(target, reference):
    found = prompts_by_counts(target, reference, SETTINGS)
    assert list(found) == [(1, 1), (2, 1)]
    np.testing.assert_array_equal(found[1, 1].points_xy, [[7, 2], [9, 5]])
    np.testing.assert_array_equal(found[2, 1].points_xy, [[1, 4], [7, 2], [9, 5]])
    assert found[2, 1].labels.tolist() == [1, 1, 0] and found[2, 1].parts.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(found[2, 1].features, np.concatenate([part(121, 199), part(12)]))
    expected = (part(121, 199, 12) * part(120, 200, 10)).sum(axis=1)
    np.testing.assert_allclose(found[2, 1].similarity, expected, atol=1e-5)


def test_weights_move_the_points_but_not_the_reported_similarity(target, reference):
    near = np.zeros((6, 10), np.float32)
    near[:, :4] = 1
    found = prompts_by_counts(target, reference, SETTINGS, (near, 1 - near))[1, 1]
    np.testing.assert_array_equal(found.points_xy, [[1, 4], [9, 5]])
    assert found.similarity[0] == pytest.approx(float(part(200)[0] @ part(120)[0]), abs=1e-5)


def test_the_least_similar_pixel_is_the_one_negative_point_of_natural_images(target, reference):
    found = prompts_by_counts(target, reference, replace(SETTINGS, negatives="least similar"))
    np.testing.assert_array_equal(found[2, 1].points_xy, [[1, 4], [7, 2], [9, 5]])
    assert found[2, 1].labels.tolist() == [1, 1, 0]
    assert found[2, 1].similarity[2] == pytest.approx(float((part(121, 199) @ part(10)[0]).mean()), abs=1e-5)


def test_zero_negative_points_are_a_count_like_another(target, reference):
    found = prompts_by_counts(target, reference, replace(SETTINGS, n_negative=(0, 1)))
    assert [(counts, len(points)) for counts, points in found.items()] == [((1, 0), 1), ((1, 1), 2), ((2, 0), 2), ((2, 1), 3)]


def test_a_count_without_parts_makes_no_pair(target):
    few = Reference(features_of(np.array([200.0])), {1: part(200)}, {})
    assert prompts_by_counts(target, few, SETTINGS) == {}
    assert list(prompts_by_counts(target, few, replace(SETTINGS, n_negative=(0, 1)))) == [(1, 0)]


def test_no_points_joined_with_some_are_the_same_points(target, reference):
    some = prompts_by_counts(target, reference, SETTINGS)[2, 1]
    bare = PointPrompts(some.points_xy, some.labels, some.parts, some.similarity)
    joined = PointPrompts.empty().joined(bare)
    assert len(PointPrompts.empty()) == 0 and len(joined) == 3
    np.testing.assert_array_equal(joined.points_xy, some.points_xy)


def test_the_reference_pools_the_features_of_all_its_slices(target):
    other = embedding_of(np.full((6, 10), 77))
    masks = [target.grey == 200, np.eye(6, 10, dtype=bool)]
    found = reference_of([target, other], masks, replace(SETTINGS, n_negative=(1, 3)))
    np.testing.assert_array_equal(found.foreground, features_of(np.array([200.0] + 6 * [77.0])))
    np.testing.assert_allclose(found.positive[1], unit_norm(found.foreground.mean(axis=0, keepdims=True)), atol=1e-6)
    assert sorted(found.positive) == [1, 2] and sorted(found.negative) == [1, 3]


def test_background_parts_come_from_the_complement_of_the_mask_or_from_where_the_caller_says(target):
    mask = target.grey == 200
    everywhere = reference_of([target], [mask], SETTINGS).negative[1]
    there = reference_of([target], [mask], SETTINGS, [target.grey == 10]).negative[1]
    np.testing.assert_allclose(everywhere, unit_norm(features_of(target.grey[~mask]).mean(axis=0, keepdims=True)), atol=1e-6)
    np.testing.assert_allclose(there, part(10), atol=1e-6)


def test_natural_images_have_no_background_parts(target):
    assert reference_of([target], [target.grey == 200], replace(SETTINGS, negatives="least similar")).negative == {}


def test_an_empty_mask_has_no_foreground_and_no_positive_parts(target):
    found = reference_of([target], [np.zeros((6, 10), bool)], SETTINGS)
    assert found.foreground.shape == (0, 2) and found.positive == {}


def test_thinning_keeps_the_first_the_last_and_an_even_spread_of_features():
    features = np.arange(1000.0)[:, None]
    few = thinned(features, 5)[:, 0]
    assert few[0] == 0 and few[-1] == 999 and np.ptp(np.diff(few)) <= 1 and len(few) == 5
    assert thinned(features, 0) is features and thinned(features, 1000) is features
