"""The review of a visit: what it says, in which order, and that it survives being written and read."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from P2SAMSlicerLib.EditedSlices import centroidRas, markEdited, measure
from P2SAMSlicerLib.Proposals import unpack
from P2SAMSlicerLib.Review import VisitReview
from P2SAMSlicerLib.ReviewRows import reportRows, structureStatus, worstFirst
from p2sam.errors import InputError
from review_case import NAME, SHAPE, obliqueMatrix, propose, visitOf


@pytest.fixture
def review():
    return VisitReview.fromResult(visitOf(), settings={"preset": "clinical"}, model={"name": "graph", "sha256": "abc"})


def test_a_result_of_the_worker_becomes_a_review_that_nobody_has_looked_at(review):
    one = review.slice(NAME, 4)
    assert (one.distance, one.nPositive, one.nNegative, one.kind, one.referenceIndex) == (0.95, 3, 2, "parts", 6)
    assert one.flagCodes == ["far", "extent end"] and one.reasons == "Because of far. Because of extent end."
    assert review.counts() == {"not reviewed": 7, "accepted": 0, "edited": 0, "flagged": 0, "flagged by the method": 3, "slices": 7}
    assert review.structure("Heart").slices[7].distance is None and review.anchors == {}
    assert review.structure(NAME).changePercent == -25.0 and review.structure("Heart").changePercent is None


def test_the_worst_slice_is_first_flags_before_distances_and_severe_flags_before_mild_ones(review):
    keys = [(row.structure, row.slice.index) for row in review.worstFirst()]
    assert keys == [(NAME, 5), (NAME, 4), (NAME, 7), ("Heart", 6), (NAME, 6), (NAME, 3), ("Heart", 7)]


def test_the_order_keeps_still_while_slices_are_accepted(review):
    before = [row.key for row in review.worstFirst()]
    review.setStatus(NAME, 5, "accepted", "AB")
    review.setStatus(NAME, 3, "flagged", "AB", "look again")
    assert [row.key for row in review.worstFirst()] == before


def test_several_visits_share_one_table(review):
    other = VisitReview.fromResult(visitOf(name="CT 3"))
    other.structures = other.structures[:1]
    other.structure(NAME).slices[6].distance = 50.0
    rows = worstFirst([review, other])
    assert len(rows) == 12 and [row.visit for row in rows[:4]] == ["CT 2", "CT 3", "CT 2", "CT 3"]
    assert rows.index(next(row for row in rows if row.visit == "CT 3" and row.slice.index == 6)) == 6


def test_json_brings_everything_back(review):
    review.setStatus(NAME, 4, "accepted", "Dr. Ä", "fine·", time="2026-03-01T10:00:00+01:00")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:8, 3:11, 3:14] = True
    propose(review.structure(NAME), mask, 0)
    text = review.toJson()
    assert text.isascii() and "\n" not in text and "NaN" not in text
    again = VisitReview.fromJson(text)
    assert again == review and asdict(again) == asdict(review)
    assert again.slice(NAME, 4).note == "fine·" and list(again.structure(NAME).slices) == [3, 4, 5, 6, 7]


def test_unknown_keys_are_passed_over_and_missing_ones_take_their_defaults(review):
    values = json.loads(review.toJson())
    values["later"] = values["structures"][0]["later"] = values["structures"][0]["slices"][0]["later"] = {"a": 1}
    del values["provenance"], values["structures"][0]["warnings"], values["structures"][0]["slices"][0]["reviewer"]
    again = VisitReview.fromJson(json.dumps(values))
    assert again.provenance == {} and again.structure(NAME).warnings == [] and again.slice(NAME, 3).distance == 0.10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[]", "no review"),
        ('{"name": "x"}', "no review"),
        ('{"format": 99, "name": "x"}', "newer P2SAM .format 99.*update"),
        ('{"format": 1}', "damaged"),
        ('{"format": 1, "name": "x", "structures": [3]}', "damaged"),
        ('{"format": 1, "name": "x", "structures": [{"name": "a", "slices": [{"index": 1, "flags": [1]}]}]}', "damaged"),
        ('{"format": 1, "name": "x", "structures": [{"name": "a", "slices": [{"index": 1, "status": "odd"}]}]}', "'odd'"),
    ],
)
def test_a_text_that_is_no_review_is_refused_in_a_sentence(text, words):
    with pytest.raises(InputError, match=words):
        VisitReview.fromJson(text)


def test_a_status_has_a_reviewer_and_a_time_and_clearing_it_forgets_both(review):
    one = review.setStatus(NAME, 4, "flagged", "AB", "vessel")
    assert (one.status, one.reviewer, one.note) == ("flagged", "AB", "vessel") and one.time[10] == "T" and one.time[-6] in "+-"
    review.setStatus(NAME, 4, "not reviewed", "CD")
    assert (one.status, one.reviewer, one.time, one.note) == ("not reviewed", "", "", "")
    with pytest.raises(InputError, match="'done' is no status"):
        review.setStatus(NAME, 4, "done")
    with pytest.raises(InputError, match="Slice 99 of"):
        review.setStatus(NAME, 99, "accepted")
    with pytest.raises(InputError, match="has no structure 'Lung'; it has: .*Heart"):
        review.setStatus("Lung", 4, "accepted")


def test_accepting_a_visit_leaves_what_a_person_flagged_and_says_so(review):
    review.setStatus(NAME, 4, "flagged", "AB", "vessel")
    assert review.acceptAll("CD") == [(NAME, 4)]
    assert review.slice(NAME, 4).note == "vessel" and review.counts()["accepted"] == 6
    assert review.anchors == {NAME: [3, 5, 6, 7], "Heart": [6, 7]}


def test_the_status_of_a_structure_is_in_slicers_words(review):
    heart = review.structure("Heart")
    assert structureStatus(heart) == "NotStarted"
    heart.slices[6].settle("edited")
    assert structureStatus(heart) == "InProgress"
    heart.slices[7].settle("accepted")
    assert structureStatus(heart) == "InProgress"
    heart.slices[6].settle("accepted")
    assert structureStatus(heart) == "Completed" and structureStatus(heart, complete=False) == "InProgress"
    heart.slices[7].settle("flagged")
    assert structureStatus(heart) == "Flagged"


def test_the_report_has_a_row_a_structure_with_change_shift_flags_reviewer_and_the_latest_time(review):
    review.setStatus(NAME, 4, "accepted", "AB", time="2026-03-01T23:30:00-05:00")
    review.setStatus(NAME, 3, "accepted", "CD", time="2026-03-02T01:00:00+01:00")
    assert reportRows(review)[0]["changePercent"] is None and reportRows(review)[0]["centroidShiftMm"] is None, "it was stopped"
    review.complete = True
    row, other = reportRows(review)
    assert (row["volumeMl"], row["priorVolumeMl"], row["changePercent"], row["centroidShiftMm"]) == (12.0, 16.0, -25.0, 3.25)
    assert (row["slices"], row["flaggedByMethod"], row["accepted"], row["notReviewed"]) == (5, 3, 2, 3)
    assert row["time"] == "2026-03-01T23:30:00-05:00" and row["reviewer"] == "CD, AB" and row["status"] == "InProgress"
    assert (row["worstSlice"], row["worstDistance"], row["complete"]) == (5, None, True)
    assert row["warnings"] == "The run was stopped. Cut." and other["changePercent"] is None and other["centroidShiftMm"] is None


@pytest.mark.parametrize("cut", ["cut_by_field_of_view", "cut_by_prior_scan"])
def test_the_volume_of_a_part_is_not_compared(cut):
    told = visitOf()
    told["structures"][0][cut] = True
    assert VisitReview.fromResult(told).structure(NAME).changePercent is None


@pytest.fixture(params=[0, 1, 2], ids=["slices along K", "slices along J", "slices along I"])
def drawn(request, review):
    """(structure, mask, slice axis) whose proposal is remembered."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:9, 3:11, 3:14] = True
    structure = review.structure(NAME)
    propose(structure, mask, request.param)
    return structure, mask, request.param


def paint(mask, axis, index, value=True):
    where = [5, 5, 20 if value else 6]
    if axis == 2:
        where[1] = 20 if value else 5
    where[axis] = index
    mask[tuple(where)] = value


def test_an_edited_slice_is_found_and_no_other(drawn):
    structure, mask, axis = drawn
    assert markEdited(structure, mask, axis, obliqueMatrix()) == []
    paint(mask, axis, 4)
    assert markEdited(structure, mask, axis, obliqueMatrix(), "AB", "2026-03-01T10:00:00+01:00") == [4]
    one = structure.slices[4]
    assert (one.status, one.reviewer, one.time, one.isEdited) == ("edited", "AB", "2026-03-01T10:00:00+01:00", True)
    assert structure.anchors() == [4] and markEdited(structure, mask, axis, obliqueMatrix()) == []


def test_a_slice_taken_back_is_not_reviewed_again_and_its_proposal_is_still_there(drawn):
    structure, mask, axis = drawn
    before = np.take(mask, 4, axis=axis).copy()
    paint(mask, axis, 4)
    markEdited(structure, mask, axis, obliqueMatrix(), "AB")
    paint(mask, axis, 4, value=False)
    mask_slice = unpack(structure.slices[4].proposed, before.shape)
    assert np.array_equal(mask_slice, before)
    where = [slice(None)] * 3
    where[axis] = 4
    mask[tuple(where)] = mask_slice
    assert markEdited(structure, mask, axis, obliqueMatrix()) == [4]
    assert structure.slices[4].status == "not reviewed" and not structure.slices[4].isEdited


def test_an_edited_slice_that_was_accepted_stays_accepted_until_it_is_edited_again(drawn):
    structure, mask, axis = drawn
    paint(mask, axis, 4)
    markEdited(structure, mask, axis, obliqueMatrix(), "AB")
    structure.slices[4].settle("accepted", "CD")
    assert markEdited(structure, mask, axis, obliqueMatrix()) == [] and structure.slices[4].status == "accepted"
    assert structure.slices[4].isEdited
    paint(mask, axis, 4, value=False)
    assert markEdited(structure, mask, axis, obliqueMatrix()) == [4] and structure.slices[4].status == "edited"


def test_a_flag_set_by_a_person_outlives_an_edit(drawn):
    structure, mask, axis = drawn
    structure.slices[4].settle("flagged", "AB", "vessel")
    paint(mask, axis, 4)
    markEdited(structure, mask, axis, obliqueMatrix(), "AB")
    assert structure.slices[4].status == "flagged" and structure.slices[4].note == "vessel" and structure.slices[4].isEdited


def test_a_slice_drawn_where_the_method_drew_nothing_joins_the_review_as_edited(review):
    structure, mask = review.structure("Heart"), np.zeros(SHAPE, dtype=bool)
    propose(structure, mask, 0)
    mask[11, 6:9, 10:14] = True
    assert markEdited(structure, mask, 0, obliqueMatrix(), "AB") == [11]
    one = structure.slices[11]
    assert (one.status, one.kind) == ("edited", "drawn by hand") and one.areaMm2 == pytest.approx(12 * 0.9 * 1.3)
    mask[11] = False
    assert markEdited(structure, mask, 0, obliqueMatrix()) == [11] and one.status == "not reviewed"


def test_a_slice_whose_proposal_is_not_known_is_never_called_edited(review):
    structure = review.structure("Heart")
    assert markEdited(structure, np.zeros(SHAPE, dtype=bool), 0, obliqueMatrix()) == []
    assert structure.slices[6].status == "not reviewed"


def test_measures_follow_the_mask_in_millimetres(review):
    structure, mask = review.structure(NAME), np.zeros(SHAPE, dtype=bool)
    mask[4, 10, 20] = mask[6, 12, 24] = True
    centroid = (obliqueMatrix() @ [22, 11, 5, 1])[:3]
    assert np.allclose(centroidRas(mask, obliqueMatrix()), centroid)
    structure.priorCentroidRas = list(centroid + [3.0, 0.0, 4.0])
    measure(structure, mask, obliqueMatrix())
    assert structure.volumeMl == pytest.approx(2 * 0.9 * 1.3 * 3.1 / 1000) and structure.centroidShiftMm == pytest.approx(5.0)
    measure(structure, mask & False, obliqueMatrix())
    assert structure.volumeMl == 0 and structure.centroidShiftMm is None
