"""The candidate whose features lie nearest to the prior's is kept."""

from dataclasses import replace

import numpy as np
import pytest
from p2sam.candidates import Candidate
from p2sam.prompts import PointPrompts
from p2sam.retrieval import distances_of, retrieve
from p2sam.settings import preset

PLAIN = preset("paper")
CAREFUL = replace(preset("clinical"), keep_margin=0.2)


def candidate(kind="parts", features=np.ones((3, 2), np.float32), filled=True):
    logits = np.full((4, 6), 2.0 if filled else -2.0, np.float32)
    return Candidate(kind, 1, 1, PointPrompts.empty(), logits, np.asarray(features, np.float32))


def kept(distances, kinds=None, settings=PLAIN):
    kinds = kinds or ["parts"] * len(distances)
    return retrieve([candidate(kind) for kind in kinds], distances, settings)


def test_the_least_distance_wins_and_the_first_of_equals():
    assert kept([3.0, 1.0, 2.0]) == 1
    assert kept([2.0, 1.0, 1.0]) == 1


def test_a_candidate_without_a_score_is_not_kept_while_another_has_one():
    assert kept([None, 5.0, None, 7.0]) == 1


def test_where_nothing_is_left_nothing_is_kept():
    assert kept([]) is None
    assert kept([None, None]) is None


def test_where_nothing_has_a_score_the_prior_stays():
    both = [candidate("aligned prior"), candidate("tracked prior"), candidate()]
    assert retrieve(both, [None] * 3, CAREFUL) == 1
    assert retrieve(both[::2], [None] * 2, CAREFUL) == 0
    assert retrieve([candidate("aligned prior"), candidate("tracked prior", filled=False)], [None] * 2, CAREFUL) is None


def test_a_drawn_candidate_replaces_the_prior_only_where_it_is_nearer_by_the_margin():
    kinds = ["aligned prior", "parts"]
    assert kept([1.0, 0.81], kinds, CAREFUL) == 0
    assert kept([1.0, 0.79], kinds, CAREFUL) == 1
    assert kept([1.0, 0.81], kinds, replace(CAREFUL, keep_margin=0.0)) == 1


def test_where_the_prior_was_tracked_its_place_before_that_is_only_for_comparison():
    kinds = ["aligned prior", "tracked prior", "parts"]
    assert kept([0.1, 1.0, 0.81], kinds, CAREFUL) == 1
    assert kept([0.1, 1.0, 0.79], kinds, CAREFUL) == 2
    assert kept([0.1, None, 0.79], kinds, CAREFUL) == 2


def test_without_retrieval_the_last_candidate_that_is_not_empty_is_kept():
    assert kept([1.0, 9.0, None], settings=replace(PLAIN, retrieval="none")) == 1


@pytest.mark.parametrize("retrieval", ["wasserstein", "none"])
def test_distances_are_squared_euclidean_wasserstein_and_none_for_an_empty_mask(retrieval):
    foreground = np.zeros((5, 2), np.float32)
    candidates = [candidate(features=[[3, 4]]), candidate(features=np.zeros((0, 2))), candidate(features=[[1, 0], [0, 2]])]
    assert distances_of(candidates, foreground, replace(PLAIN, retrieval=retrieval)) == [pytest.approx(25), None, pytest.approx(2.5)]


@pytest.mark.parametrize("retrieval, expected", [("jensen-shannon", np.log(2)), ("hungarian", 1.0)])
def test_the_ablations_of_table_7_measure_otherwise(retrieval, expected):
    foreground = np.tile([[1.0, 0.0], [2.0, 0.0]], (4, 1))
    found = distances_of([candidate(features=[[0, 90], [0, 91]])], foreground, replace(PLAIN, retrieval=retrieval))
    assert found == [pytest.approx(expected)]


def test_only_so_many_features_are_compared_as_the_settings_say():
    foreground, many = np.zeros((1, 2), np.float32), np.stack([np.arange(101.0), np.zeros(101)], axis=1)
    (every,) = distances_of([candidate(features=many)], foreground, PLAIN)
    (three,) = distances_of([candidate(features=many)], foreground, replace(PLAIN, max_features=3))
    assert every == pytest.approx((many**2).sum() / 101) and three == pytest.approx((0 + 50**2 + 100**2) / 3)
