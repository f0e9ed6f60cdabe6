"""Distances between feature sets, against values worked out by hand."""

import numpy as np
import pytest
from p2sam.distribution import COSTS, DISTANCES, distribution_distance, hungarian, jensen_shannon, wasserstein


@pytest.fixture
def cloud():
    return np.random.default_rng(1).normal([4, 1, 0], 1, (40, 3)).astype(np.float32)


def test_the_wasserstein_distance_of_shifted_sets_is_the_squared_shift(cloud):
    assert wasserstein(cloud, cloud + [0, 3, 4]) == pytest.approx(25, rel=1e-5)


def test_the_wasserstein_distance_pairs_each_feature_with_its_nearest_fair_share():
    """Two at 0 and one at 1 against one at 0 and two at 1: one third of the mass moves by one."""
    a, b = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    assert wasserstein(a, b) == pytest.approx(1 / 3)


def test_sets_of_different_size_share_their_mass_uniformly():
    assert wasserstein(np.array([[0.0]]), np.array([[1.0], [3.0]])) == pytest.approx((1 + 9) / 2)


def test_the_cosine_cost_ignores_length_and_measures_one_minus_the_cosine():
    a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 5.0], [3.0, 3.0]])
    assert wasserstein(a, b, "cosine") == pytest.approx((1 + 1 - np.sqrt(0.5)) / 2)
    assert wasserstein(a, 7 * a, "cosine") == pytest.approx(0, abs=1e-12)
    assert wasserstein(a, 7 * a, "squared-euclidean") == pytest.approx(144)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("cost", COSTS)
def test_a_set_is_at_no_distance_from_itself_and_nearer_to_a_near_set_than_to_a_far_one(cloud, distance, cost):
    assert distribution_distance(cloud, cloud.copy(), distance, cost) == pytest.approx(0, abs=1e-5)
    near, far = cloud + [0.3, 1, 0], cloud + [-7, 8, 0]
    assert 0 < distribution_distance(cloud, near, distance, cost) < distribution_distance(cloud, far, distance, cost)


@pytest.mark.parametrize("distance", DISTANCES)
def test_an_empty_set_has_no_distance(cloud, distance):
    assert distribution_distance(cloud, cloud[:0], distance) is None
    assert distribution_distance(cloud[:0], cloud, distance) is None


def test_sets_that_share_no_bin_are_log_two_nats_apart(cloud):
    assert jensen_shannon(cloud, cloud + [500, 500, 500]) == pytest.approx(np.log(2))


def test_one_feature_has_no_principal_components_and_is_infinitely_far(cloud):
    assert jensen_shannon(cloud[:1], cloud) == np.inf


def test_matched_cluster_means_are_compared_whatever_their_order():
    a = np.repeat(np.array([[1.0, 0], [0, 1.0]]), 6, axis=0)
    tilted = np.repeat(np.array([[0, 2.0], [np.cos(0.2), np.sin(0.2)]]), 4, axis=0)
    assert hungarian(a, tilted, n_parts=2) == pytest.approx((1 - np.cos(0.2)) / 2, abs=1e-6)


def test_matching_takes_fewer_clusters_where_a_set_has_fewer_features():
    assert hungarian(np.eye(3)[:2], np.eye(3)[:1]) == pytest.approx(1 - np.sqrt(0.5))
