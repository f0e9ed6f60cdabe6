"""A case that stays open: accepted slices, ranges, and slices drawn again from points that a person moved."""

from dataclasses import replace

import numpy as np
import pytest
from fake_model import FakeModel
from p2sam.case import Case
from p2sam.errors import Cancelled, GeometryError, StructureError
from p2sam.models.graph import GraphModel
from p2sam.propagation import propagate
from p2sam.settings import preset
from p2sam.volume import canonical
from small_visit import CENTRE, CLINICAL, SHIFT, dice, grid, in_place, scan, segmentation, stored, tumour

PAPER = replace(preset("paper"), n_positive=(1, 2), n_negative=(3,))


@pytest.fixture(scope="module")
def prior():
    return scan(grid((30, 26, 14), (5.0, 2.0, 2.3), np.array([[0, 0, 1.0], [0, -1, 0], [-1, 0, 0]]), CENTRE), seed=1)


@pytest.fixture(scope="module")
def followup():
    """Its slices are stored along I, rows and columns exchanged and turned: the worst a file can do."""
    return stored(scan(grid(), SHIFT, seed=2), (2, 1, 0), (True, False, True))[0]


def opened(prior, followup, model=None, settings=CLINICAL, masks=None, **options):
    masks = masks or {"Tumour": tumour(prior)}
    return Case.open(prior, segmentation(prior, **masks), followup, model or FakeModel(cell=1), settings, alignment=in_place(), **options)


def mask_of(result, number=0):
    return result.structures[number].segment.mask


def plane(mask, case, index):
    return np.take(mask, index, axis=case.slice_axis)


def middle(case, result):
    """The slice with the largest area."""
    return max(result.structures[0].slices, key=lambda one: one.area_mm2).index


def test_an_open_case_gives_what_propagate_gives_however_often_it_is_asked(prior, followup):
    case = opened(prior, followup)
    expected = propagate(prior, segmentation(prior, Tumour=tumour(prior)), followup, FakeModel(cell=1), CLINICAL, alignment=in_place())
    for _ in range(2):
        result = case.propagate()
        np.testing.assert_array_equal(mask_of(result), mask_of(expected))
        assert [s.flags for s in result.structures[0].slices] == [s.flags for s in expected.structures[0].slices]
    assert case.slice_axis == 2 and case.names == ("Tumour",)


def test_each_slice_is_told_as_it_is_drawn_in_the_followups_own_order(prior, followup):
    case, told = opened(prior, followup), {}
    result = case.propagate(drawn=lambda name, index, mask: told.__setitem__((name, index), mask))
    assert {("Tumour", s.index) for s in result.structures[0].slices} == told.keys()
    kept = [index for _, index in told if plane(mask_of(result), case, index).any()]
    assert len(kept) > 4
    for index in kept:
        np.testing.assert_array_equal(told["Tumour", index], plane(mask_of(result), case, index))


@pytest.mark.parametrize("settings", [CLINICAL, PAPER], ids=["clinical", "paper"])
def test_accepted_slices_stay_bit_for_bit_even_where_nothing_or_nonsense_was_accepted(prior, followup, settings):
    case = opened(prior, followup, settings=settings)
    first = case.propagate()
    index = middle(case, first)
    odd = np.zeros(plane(mask_of(first), case, 0).shape, bool)
    odd[3, 4] = odd[20, 10] = True
    far = 0 if index > 6 else followup.shape[case.slice_axis] - 1
    accepted = {index: plane(mask_of(first), case, index), index + 1: odd, index - 1: np.zeros_like(odd), far: odd}
    result = case.propagate(anchors={"Tumour": accepted})
    for where, mask in accepted.items():
        np.testing.assert_array_equal(plane(mask_of(result), case, where), mask)
    told = {s.index: s for s in result.structures[0].slices}
    assert all(told[where].candidates[0].kind == "accepted" for where in accepted)


def test_an_accepted_slice_draws_its_neighbours_to_itself(prior, followup):
    """The structure lies 9 mm from where it is looked for, and reach does not let the drawn candidates follow."""
    away = np.array([9.0, 0, 0])
    moved = scan(grid(), away, seed=2)
    settings = replace(CLINICAL, reach_mm=2.0, prior_sigma_mm=2.0)
    case, truth = opened(prior, moved, settings=settings), tumour(moved, away)
    alone = case.propagate()
    rows = [s.index for s in alone.structures[0].slices if plane(truth, case, s.index).any()]
    anchors = {index: plane(truth, case, index) for index in (rows[1], rows[-2])}
    helped = case.propagate(anchors={"Tumour": anchors})
    rest = [index for index in rows if index not in anchors]
    score = [np.mean([dice(plane(mask_of(r), case, i), plane(truth, case, i)) for i in rest]) for r in (alone, helped)]
    assert score[1] > score[0] + 0.15 and score[1] > 0.7


def test_an_accepted_slice_wins_the_overlap_with_another_structure(prior, followup):
    masks = {"Tumour": tumour(prior), "Beside": tumour(prior, [22, 0, 0])}
    case = opened(prior, followup, masks=masks)
    first = case.propagate()
    index = middle(case, first)
    claimed = plane(mask_of(first), case, index) | plane(mask_of(first, 1), case, index)
    result = case.propagate(anchors={"Tumour": {index: claimed}})
    np.testing.assert_array_equal(plane(mask_of(result), case, index), claimed)
    assert not (plane(mask_of(result, 1), case, index) & claimed).any()
    assert any("claimed" in warning for warning in result.warnings) == bool((plane(mask_of(first, 1), case, index)).any())


def test_only_a_range_of_slices_is_drawn_and_the_others_keep_what_they_had(prior, followup):
    model = FakeModel(cell=1)
    case = opened(prior, followup, model)
    first = case.propagate()
    index = middle(case, first)
    count, told = len(model.decoded), []
    result = case.propagate(slices=(index, index + 1), drawn=lambda name, where, mask: told.append(where))
    assert sorted(told) == [index, index + 1] and len(model.decoded) < 2 * count
    np.testing.assert_array_equal(mask_of(result), mask_of(first))
    assert len(result.structures[0].slices) == len(first.structures[0].slices)
    fresh = opened(prior, followup).propagate(slices=(index, index + 1))
    others = np.delete(mask_of(fresh), [index, index + 1], axis=case.slice_axis)
    assert not others.any() and mask_of(fresh).any()


def test_a_stopped_case_keeps_what_is_done_and_goes_on_when_asked_again(prior, followup):
    case, asked = opened(prior, followup), []
    stopped = case.propagate(cancelled=lambda: len(asked) >= 5 or asked.append(1))
    assert not stopped.complete and len(stopped.structures[0].slices) == 5
    again = case.propagate()
    assert again.complete
    np.testing.assert_array_equal(mask_of(again), mask_of(opened(prior, followup).propagate()))
    with pytest.raises(Cancelled, match="followup was stopped before its first slice"):
        opened(prior, followup, cancelled=lambda: True)


def points_of(result, index):
    one = next(s for s in result.structures[0].slices if s.index == index)
    return one.prompts_ras, one.prompts.labels, one.prompts.parts


def test_the_proposed_points_draw_the_candidate_that_they_came_from(prior, followup):
    settings = replace(CLINICAL, n_positive=(2,), prior_candidates=False)
    case = opened(prior, followup, settings=settings)
    result = case.propagate()
    index = middle(case, result)
    redrawn = case.redraw("Tumour", index, *points_of(result, index))
    np.testing.assert_array_equal(redrawn.mask, plane(mask_of(result), case, index))
    one = next(s for s in result.structures[0].slices if s.index == index)
    assert redrawn.slice.distance == pytest.approx(one.distance) and redrawn.slice.index == index
    assert redrawn.slice.candidates[0].kind == "corrected"
    np.testing.assert_allclose(redrawn.slice.prompts_ras, one.prompts_ras, atol=1e-3)
    np.testing.assert_allclose(redrawn.slice.prompts.similarity, one.prompts.similarity, atol=5e-3)


def test_a_slice_is_drawn_again_the_same_after_the_case_was_opened_anew(prior, followup):
    case = opened(prior, followup)
    result = case.propagate()
    index = middle(case, result)
    one, other = case.redraw("Tumour", index, *points_of(result, index)), opened(prior, followup).redraw("Tumour", index, *points_of(result, index))
    np.testing.assert_array_equal(one.mask, other.mask)
    assert one.slice.distance == other.slice.distance


@pytest.fixture(scope="module")
def two_blobs(prior):
    """The follow-up has a second piece beside the structure, of the same density, that the prior did not have."""
    plain = grid()
    beside = tumour(plain, SHIFT + np.array([0, 22.0, 0]), 0.5)
    return scan(plain, SHIFT, seed=2), beside


def with_graph(prior, two_blobs):
    moved, beside = two_blobs
    array = moved.array.copy()
    array[beside] = 200.0
    case = opened(prior, moved.with_array(array), GraphModel(), replace(CLINICAL, box_margin_mm=10.0))
    result = case.propagate()
    index = max(range(len(beside)), key=lambda k: beside[k].sum())
    return case, result, index, beside


def test_a_positive_point_takes_in_what_was_left_out_and_a_negative_one_takes_it_away(prior, two_blobs):
    case, result, index, beside = with_graph(prior, two_blobs)
    points, labels, parts = points_of(result, index)
    before = plane(mask_of(result), case, index)
    rows, columns = np.nonzero(beside[index])
    centre = case.followup.ras_of(np.array([[columns.mean(), rows.mean(), index]]))
    missed = beside[index] & ~before
    assert missed.sum() > 0.8 * beside[index].sum()
    more = case.redraw("Tumour", index, np.vstack([points, centre]), np.append(labels, 1), np.append(parts, -1))
    assert (more.mask & missed).sum() > 0.7 * missed.sum()
    assert (more.mask & before).sum() > 0.9 * before.sum()
    assert more.slice.area_mm2 > result.structures[0].slices[0].area_mm2 and more.slice.prompts.parts[-1] == -1
    inside = np.argwhere(before).mean(axis=0)[::-1]
    against = case.followup.ras_of(np.array([[*inside, index]]))
    less = case.redraw("Tumour", index, against, np.array([0]), np.array([-1]))
    column, row = np.rint(inside).astype(int)
    assert not less.mask[row, column] and less.mask.sum() < before.sum()


def test_without_any_point_the_prior_alone_draws_the_slice(prior, two_blobs):
    case, result, index, _ = with_graph(prior, two_blobs)
    redrawn = case.redraw("Tumour", index, np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int))
    assert len(redrawn.slice.prompts) == 0
    assert dice(redrawn.mask, plane(mask_of(result), case, index)) > 0.8


def test_a_slice_beyond_the_structure_can_be_drawn_from_points(prior, followup):
    case = opened(prior, followup, settings=replace(CLINICAL, extent_mm=0.0))
    result = case.propagate()
    beyond = max(s.index for s in result.structures[0].slices) + 1
    order = canonical(followup)[1]
    k = followup.shape[2] - 1 - beyond if order.flips[0] else beyond
    points = case.visit.followup.ras_of(np.array([[13.0, 16.0, k]]))
    redrawn = case.redraw("Tumour", beyond, points, np.array([1]), np.array([-1]))
    assert redrawn.slice.index == beyond and redrawn.mask.shape == followup.shape[:2]


def test_what_does_not_fit_the_case_is_refused_in_a_sentence(prior, followup):
    case = opened(prior, followup)
    nothing = np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int)
    with pytest.raises(StructureError, match="no structure 'Heart'.*Tumour"):
        case.redraw("Heart", 3, *nothing)
    with pytest.raises(GeometryError, match="no slice 99.*0 to 15"):
        case.redraw("Tumour", 99, *nothing)
    with pytest.raises(GeometryError, match=r"accepted slice 3 of shape \(2, 2\) does not fit"):
        case.propagate(anchors={"Tumour": {3: np.zeros((2, 2), bool)}})


def test_an_accepted_nothing_beyond_the_accepted_contours_is_the_end_of_the_structure(prior, followup):
    case = opened(prior, followup)
    first = case.propagate()
    there = [s.index for s in first.structures[0].slices if plane(mask_of(first), case, s.index).any()]
    inside, end = there[1], there[3]
    anchors = {inside: plane(mask_of(first), case, inside), end: np.zeros_like(plane(mask_of(first), case, end))}
    result = case.propagate(anchors={"Tumour": anchors})
    left = [index for index in range(followup.shape[case.slice_axis]) if plane(mask_of(result), case, index).any()]
    assert inside in left and max(left) < end and min(left) == there[0]
