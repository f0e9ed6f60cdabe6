"""A part is the mean of a cluster of features, of length one."""

import numpy as np
import pytest
from p2sam.parts import part_features, unit_norm

CLUSTERS = np.array([[10, 0, 0], [0, 7, 1], [0, 1, -9]], np.float32)


@pytest.fixture
def features():
    """(90, 3): thirty features around each of three places."""
    random = np.random.default_rng(3)
    return (CLUSTERS[:, None] + random.normal(0, 0.1, (3, 30, 3))).reshape(-1, 3).astype(np.float32)


def test_one_part_is_the_mean_feature_of_length_one(features):
    mean = features.mean(axis=0)
    np.testing.assert_allclose(part_features(features, 1), [mean / np.linalg.norm(mean)], atol=1e-6)


def test_several_parts_are_the_means_of_the_clusters_of_length_one(features):
    expected = unit_norm(features.reshape(3, 30, 3).mean(axis=1))
    found = part_features(features, 3)
    order = np.argmax(found @ expected.T, axis=1)
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(found, expected[order], atol=1e-5)


def test_the_same_seed_gives_the_same_parts_in_the_same_order(features):
    np.testing.assert_array_equal(part_features(features, 5, seed=7), part_features(features, 5, seed=7))


def test_as_many_parts_as_features_are_the_features_themselves(features):
    few = features[[0, 40, 80]]
    np.testing.assert_allclose(np.sort(part_features(few, 3), axis=0), np.sort(unit_norm(few), axis=0), atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_more_parts_than_features_skip_the_count(features, n):
    assert part_features(features[: n - 1], n) is None


def test_more_parts_than_different_features_skip_the_count(features):
    twice = np.repeat(features[[0, 40]], 10, axis=0)
    assert part_features(twice, 3) is None
    assert part_features(twice, 2).shape == (2, 3)


def test_a_zero_vector_has_no_direction_and_stays_zero():
    np.testing.assert_allclose(unit_norm(np.array([[0.0, 0.0], [3.0, 4.0]])), [[0, 0], [0.6, 0.8]])
