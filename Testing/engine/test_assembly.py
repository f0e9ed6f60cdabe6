"""From slices to a volume: ends, specks, overlaps, flags. Predictions are made by hand on an awkward grid."""

from dataclasses import replace

import numpy as np
import pytest
from p2sam.assembly import assemble
from p2sam.boxed import Boxed
from p2sam.candidates import Candidate
from p2sam.method import Prediction
from p2sam.prompts import PointPrompts
from p2sam.drafts import Draft, DrawnSlice
from p2sam.segmentation import Segment
from p2sam.visit import Target, Visit
from small_visit import CLINICAL, grid, in_place, stored

K, H, W = 9, 20, 30
SETTINGS = replace(CLINICAL, speck_fraction=0.1)


@pytest.fixture(scope="module")
def followup():
    """Stored with its slices along I, running downwards."""
    canonical_grid = grid((K, H, W), (1.5, 2.0, 4.0), np.diag([-1.0, -1.0, 1.0]))
    return stored(canonical_grid, (2, 1, 0), (False, True, True))[0]


@pytest.fixture(scope="module")
def visit(followup):
    visit = Visit.of(followup, followup, in_place())
    assert visit.followup.shape == (K, H, W) and visit.order.flips[0]
    return visit


def box(k, rows, columns, shape=(K, H, W)):
    mask = np.zeros(shape, bool)
    mask[slice(*k), slice(*rows), slice(*columns)] = True
    return mask


USUAL = {(2, 3): 1.0, (3, 4): 2.0}


def draft(visit, drawn, prior=None, name="T", distances=None, usual=USUAL, logit=3.0, first_last=(2, 5)):
    """`drawn` and `prior` (K, H, W) bool, canonical; drawn on all slices but the outermost."""
    prior = box((2, 6), (5, 12), (6, 16)) if prior is None else prior
    segment = Segment(name, visit.order.undo(prior), name)
    target = Target(segment, Boxed.of(prior.astype(np.float32)), Boxed.of(prior.astype(np.float32)), np.arange(1, K - 1), *first_last)
    made = Draft(target, {k: (("prior", k),) for k in range(1, K - 1)}, self_distances=dict(usual))
    for k in range(1, K - 1):
        logits = np.where(drawn[k], logit, -logit).astype(np.float32)
        distance = (distances or {}).get(k, 1.5) if drawn[k].any() else None
        one = Candidate("parts", 1, 1, PointPrompts.empty(), logits, np.zeros((0, 2), np.float32))
        made.drawn[k] = DrawnSlice.of(Prediction((one,), (distance,), 0 if drawn[k].any() else None, (H, W)), 3.0)
    return made


def assembled(visit, followup, *drafts, settings=SETTINGS):
    structures, aligned, warnings = assemble(visit, list(drafts), followup, settings)
    return [visit.order.apply(s.segment.mask) for s in structures], structures, warnings


def codes(structure, visit):
    """canonical slice -> codes of its flags."""
    return {K - 1 - s.index: [f.code for f in s.flags] for s in structure.slices if s.flags}


TALL = box((1, 8), (5, 12), (6, 16))


def test_slices_beyond_the_priors_ends_stay_while_they_look_like_the_prior(visit, followup):
    made = draft(visit, TALL, distances={1: 1.8, 6: 1.9, 7: 2.1})
    (mask,), (structure,), _ = assembled(visit, followup, made, settings=replace(SETTINGS, extent_quantile=1.0))
    np.testing.assert_array_equal(mask, box((1, 7), (5, 12), (6, 16)))
    assert codes(structure, visit) == {1: ["extent end"], 6: ["extent end"]}


def test_a_slice_beyond_the_end_must_touch_the_one_before_it_and_ends_the_extent_if_not(visit, followup):
    drawn = TALL.copy()
    drawn[6] = box((6, 7), (14, 18), (20, 26))[6]
    drawn[1] = False
    (mask,), _, _ = assembled(visit, followup, draft(visit, drawn))
    np.testing.assert_array_equal(mask, box((2, 6), (5, 12), (6, 16)))


@pytest.mark.parametrize("usual", [{}, {(2, 3): 1.0}])
def test_with_too_little_known_of_the_prior_the_ends_are_the_priors(visit, followup, usual):
    (mask,), _, _ = assembled(visit, followup, draft(visit, TALL, usual=usual))
    np.testing.assert_array_equal(mask, box((2, 6), (5, 12), (6, 16)))


def test_what_is_removed_at_an_end_that_the_aligned_prior_has_too_is_told_of(visit, followup):
    made = draft(visit, TALL, prior=box((2, 7), (5, 12), (6, 16)), distances={6: 2.1, 7: 2.1})
    (mask,), (structure,), _ = assembled(visit, followup, made)
    assert not mask[6].any()
    (flag,) = next(s for s in structure.slices if K - 1 - s.index == 6).flags
    assert flag.code == "empty" and flag.reason.startswith("Removed at the end of the structure (2.1 cm²)")
    assert 7 not in codes(structure, visit), "an end as the prior has it is nothing to look at"


def test_a_slice_within_the_prior_stays_however_far_its_distance_and_is_flagged(visit, followup):
    (mask,), (structure,), _ = assembled(visit, followup, draft(visit, TALL, distances={1: 9, 3: 99.0, 6: 9}))
    assert mask[3].any() and codes(structure, visit) == {3: ["far"]}


def test_a_separate_speck_is_removed_with_its_reason_and_a_large_piece_is_not(visit, followup):
    drawn = box((2, 6), (5, 12), (6, 16)) | box((3, 5), (15, 17), (25, 28))
    (mask,), (structure,), _ = assembled(visit, followup, draft(visit, drawn))
    np.testing.assert_array_equal(mask, box((2, 6), (5, 12), (6, 16)))
    assert codes(structure, visit) == {3: ["speck removed"], 4: ["speck removed"]}
    (reason,) = {f.reason for s in structure.slices for f in s.flags}
    assert "0.14 ml" in reason
    large = box((2, 6), (5, 12), (6, 16)) | box((3, 5), (14, 19), (20, 28))
    (mask,), _, _ = assembled(visit, followup, draft(visit, large))
    np.testing.assert_array_equal(mask, large)


def test_a_small_piece_that_the_prior_has_too_is_not_a_speck(visit, followup):
    both = box((2, 6), (5, 12), (6, 16)) | box((3, 5), (15, 17), (25, 28))
    (mask,), _, _ = assembled(visit, followup, draft(visit, both, prior=both))
    np.testing.assert_array_equal(mask, both)
    (kept,), _, _ = assembled(visit, followup, draft(visit, both), settings=replace(SETTINGS, speck_fraction=0.0))
    np.testing.assert_array_equal(kept, both)


def test_a_voxel_that_two_structures_claim_goes_to_the_more_probable_one(visit, followup):
    left, right = box((2, 6), (5, 12), (6, 16)), box((2, 6), (5, 12), (13, 22))
    one = draft(visit, left, prior=box((2, 6), (5, 12), (6, 13)), name="A", logit=2.0)
    other = draft(visit, right, prior=box((2, 6), (5, 12), (14, 22)), name="B", logit=5.0)
    (a, b), _, (warning,) = assembled(visit, followup, one, other)
    np.testing.assert_array_equal(b, right)
    np.testing.assert_array_equal(a, left & ~right)
    assert "'A' and 'B' claimed 84 voxels both" in warning
    (a, b), _, _ = assembled(visit, followup, replace(one, drawn=other.drawn), other)
    assert not (a & b).any() and np.array_equal(a, right), "of equals the first structure keeps its voxels"


def test_structures_that_overlap_on_the_prior_may_overlap(visit, followup):
    outer, inner = box((2, 6), (4, 14), (5, 20)), box((3, 5), (6, 10), (8, 12))
    drafts = draft(visit, outer, prior=outer, name="A"), draft(visit, inner, prior=inner, name="B", first_last=(3, 4))
    (a, b), _, (warning,) = assembled(visit, followup, *drafts)
    np.testing.assert_array_equal(a, outer)
    np.testing.assert_array_equal(b, inner)
    assert "overlap, as they do on the prior" in warning


def test_an_incomplete_run_is_stacked_as_far_as_it_went(visit, followup):
    made = draft(visit, TALL)
    made = replace(made, drawn={k: one for k, one in made.drawn.items() if k <= 3})
    (mask,), (structure,), _ = assembled(visit, followup, made)
    np.testing.assert_array_equal(mask.any(axis=(1, 2)), [k in (1, 2, 3) for k in range(K)])
    assert [s.index for s in structure.slices] == [K - 1 - k for k in (3, 2, 1)]


def test_an_empty_slice_within_the_prior_is_flagged_and_a_slice_without_anything_is_not(visit, followup):
    drawn = TALL.copy()
    drawn[[1, 4, 6, 7]] = False
    (_,), (structure,), _ = assembled(visit, followup, draft(visit, drawn))
    assert codes(structure, visit) == {4: ["empty"]}
    chosen = {K - 1 - s.index: s.chosen for s in structure.slices}
    assert chosen[4] is None and chosen[3] == 0


def test_a_structure_that_is_not_found_at_all_says_so(visit, followup):
    _, (structure,), _ = assembled(visit, followup, draft(visit, np.zeros((K, H, W), bool)))
    assert structure.volume_ml == 0 and structure.centroid_shift_mm is None and structure.prior_volume_ml > 0
    assert structure.warnings == ("Nothing was found of 'T' on this visit.",)


def test_volume_and_centroid_shift_are_in_millilitres_and_millimetres(visit, followup):
    drawn = box((2, 6), (7, 14), (6, 16))
    _, (structure,), _ = assembled(visit, followup, draft(visit, drawn))
    assert structure.volume_ml == pytest.approx(4 * 7 * 10 * 12 / 1000)
    assert structure.centroid_shift_mm == pytest.approx(2 * 2.0)


def test_a_jump_names_the_slice_beside_it_by_the_number_that_the_follow_up_gives_it(visit, followup):
    drawn = TALL.copy()
    drawn[4] = box((4, 5), (5, 12), (6, 9))[4]
    (_,), (structure,), _ = assembled(visit, followup, draft(visit, drawn))
    reasons = {K - 1 - s.index: f.reason for s in structure.slices for f in s.flags if f.code == "area jump"}
    assert f"on slice {K - 1 - 3};" in reasons[4] and "70 % smaller" in reasons[4]
