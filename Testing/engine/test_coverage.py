"""Where the prior's scan ends within a structure, the slices beyond it and beside its end say so, and no volume is compared."""

from dataclasses import replace

import numpy as np
import pytest
from p2sam.assembly import structure_warnings
from p2sam.boxed import Boxed
from p2sam.case import Case
from p2sam.coverage import CODE, NEAR_MM, beyond_flag, beyond_flags, is_cut_by_scan
from p2sam.propagation import propagate
from p2sam.segmentation import Segment, Segmentation
from p2sam.visit import Target, Visit
from fake_model import FakeModel
from small_visit import CLINICAL, grid, in_place, scan, stored, tumour

SPACING_MM = 4.0
PRIOR_SLICES, BEYOND = 9, 4
"""The follow-up goes on for so many slices where the prior's scan ends."""


def volumes(prior_axes=(0, 1, 2), prior_flips=(False, False, False)):
    """(prior, follow-up, whether the prior's own order is turned); the prior is the follow-up's first slices, in any storage order."""
    followup = grid((PRIOR_SLICES + BEYOND, 24, 30), (2.0, 2.0, SPACING_MM), np.diag([-1.0, -1.0, 1.0]))
    prior = replace(followup, array=followup.array[:PRIOR_SLICES])
    return prior, followup


def column(volume, first, last, rows=(8, 16), columns=(9, 20)):
    mask = np.zeros(volume.shape, bool)
    mask[first:last, slice(*rows), slice(*columns)] = True
    return mask


def flagged(prior, followup, mask, slices):
    """Canonical slice -> reason; the aligned prior is the prior itself."""
    visit = Visit.of(prior, followup, in_place())
    aligned = np.zeros(followup.shape, np.float32)
    canonical_mask = visit.prior_order.apply(mask)
    aligned[: len(canonical_mask)] = canonical_mask
    box = Boxed.of(aligned)
    target = Target(Segment("T", mask, "T"), box, box, np.array(slices), slices[0], slices[-1])
    found = beyond_flags(visit, target)
    for k in slices:
        assert beyond_flag(visit, target, k) == ([found[k]] if k in found else []), "one slice alone, drawn again, is told the same"
    return {k: flag.reason for k, flag in found.items() if flag.code == CODE}


def test_slices_beyond_the_priors_scan_and_beside_its_end_are_flagged():
    prior, followup = volumes()
    found = flagged(prior, followup, column(prior, 3, PRIOR_SLICES), range(1, PRIOR_SLICES + 2))
    assert [k for k in found if k >= PRIOR_SLICES and "ends before this slice" in found[k]] == [9, 10, 11]
    near = [k for k in found if "ends within" in found[k]]
    assert near == [k for k in range(PRIOR_SLICES) if (PRIOR_SLICES - 0.5 - k) * SPACING_MM <= NEAR_MM] == [6, 7, 8]


@pytest.mark.parametrize(("axes", "flips"), [((2, 1, 0), (False, True, True)), ((1, 0, 2), (True, False, False))])
def test_the_order_in_which_the_prior_is_stored_does_not_matter(axes, flips):
    prior, followup = volumes()
    mask = column(prior, 3, PRIOR_SLICES)
    turned, turned_mask = stored(prior, axes, flips, mask)
    assert sorted(flagged(turned, followup, turned_mask, range(1, 11))) == sorted(flagged(prior, followup, mask, range(1, 11)))


def test_nothing_is_flagged_where_the_contour_ends_before_the_scan_does():
    prior, followup = volumes()
    assert flagged(prior, followup, column(prior, 3, PRIOR_SLICES - 1), range(1, PRIOR_SLICES + 2)) == {}


def test_nothing_is_flagged_where_the_follow_up_reaches_no_farther():
    prior, _ = volumes()
    mask = column(prior, 3, PRIOR_SLICES)
    assert is_cut_by_scan(mask) and flagged(prior, prior, mask, range(1, PRIOR_SLICES)) == {}


def test_a_side_of_the_priors_scan_that_cuts_the_structure_is_flagged():
    _, followup = volumes()
    mask = np.zeros(followup.shape, bool)
    mask[3:8, 8:16, 9:20] = True
    prior, cropped = replace(followup, array=followup.array[:, :, :20]), mask[:, :, :20]
    found = flagged_on(prior, followup, cropped, mask)
    assert sorted(found) == [2, 3, 4, 5, 6, 7, 8] and all("at its side" in reason for reason in found.values())


def flagged_on(prior, followup, mask, aligned):
    visit, box = Visit.of(prior, followup, in_place()), Boxed.of(aligned.astype(np.float32))
    return {k: flag.reason for k, flag in beyond_flags(visit, Target(Segment("T", mask, "T"), box, box, np.arange(3, 8), 3, 7)).items()}


def test_a_run_tells_of_it_in_words_and_compares_no_volume():
    followup = grid()
    whole = tumour(followup)
    middle = int(np.flatnonzero(whole.any(axis=(1, 2))).mean())
    prior = replace(scan(followup), array=scan(followup).array[: middle + 1])
    segment = Segment("mass", whole[: middle + 1], "Segment_1")
    segmentation = Segmentation((segment,), prior.ijk_to_ras, prior.shape)
    visit = propagate(prior, segmentation, scan(followup, seed=1), FakeModel(), CLINICAL, alignment=in_place())
    (structure,) = visit.structures
    aligned = visit.aligned_masks["mass"]
    assert structure.prior_is_part and structure.is_part(aligned) and not structure.is_cut(aligned)
    assert structure.warnings[0] == "The prior scan ends within 'mass'; what lies beyond it was not segmented reliably, and its volume is not complete."
    assert structure.warnings == structure_warnings(structure, aligned)
    beyond = [one.index for one in structure.slices if CODE in [flag.code for flag in one.flags]]
    assert middle in beyond and middle + 1 in beyond and min(beyond) > np.flatnonzero(whole.any(axis=(1, 2)))[0]


def test_a_slice_drawn_again_keeps_the_reason():
    followup = grid()
    whole = tumour(followup)
    middle = int(np.flatnonzero(whole.any(axis=(1, 2))).mean())
    prior = replace(scan(followup), array=scan(followup).array[: middle + 1])
    segmentation = Segmentation((Segment("mass", whole[: middle + 1], "Segment_1"),), prior.ijk_to_ras, prior.shape)
    case = Case.open(prior, segmentation, scan(followup, seed=1), FakeModel(), CLINICAL, alignment=in_place())
    result = case.propagate()
    one = next(one for one in result.structures[0].slices if one.index == middle)
    again = case.redraw("mass", middle, one.prompts_ras, one.prompts.labels, one.prompts.parts)
    assert CODE in [flag.code for flag in again.slice.flags]
