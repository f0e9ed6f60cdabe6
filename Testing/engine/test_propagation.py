"""From a prior visit to a follow-up on awkward grids, with the fake model; and work that is done once."""

from dataclasses import replace

import numpy as np
import p2sam.parts as parts_module
import pytest
from fake_model import FakeModel
from p2sam.align import Alignment, centre_translation
from p2sam.errors import Cancelled, GeometryError, StructureError
from p2sam.propagation import propagate
from p2sam.settings import preset
from p2sam.volume import Volume, canonical
from small_visit import CENTRE, CLINICAL, OBLIQUE, RADII, SHIFT, dice, grid, in_place, moved_by, scan, segmentation, tumour

PAPER = replace(preset("paper"), n_positive=(1, 2), n_negative=(3,))


@pytest.fixture(scope="module")
def prior():
    """Another grid than the follow-up's: slices stored last and downwards, other spacing, not oblique."""
    return scan(grid((30, 26, 14), (5.0, 2.0, 2.3), np.array([[0, 0, 1.0], [0, -1, 0], [-1, 0, 0]]), CENTRE), seed=1)


@pytest.fixture(scope="module")
def followup():
    return scan(grid(), SHIFT, seed=2)


def run(prior, followup, settings=CLINICAL, model=None, masks=None, **options):
    masks = masks or {"Tumour": tumour(prior)}
    options.setdefault("alignment", in_place())
    return propagate(prior, segmentation(prior, **masks), followup, model or FakeModel(cell=1), settings, **options)


def mask_of(result, number=0):
    return result.structures[number].segment.mask


def test_a_structure_that_moved_is_found_on_another_grid_and_stored_on_the_followups_own(prior, followup):
    result = run(prior, followup)
    truth = tumour(followup, SHIFT)
    (found,) = result.structures
    assert found.segment.mask.shape == followup.shape and found.segment.mask.dtype == bool
    assert dice(found.segment.mask, truth) > 0.97 > dice(result.aligned_masks["Tumour"], truth)
    voxel_ml = abs(np.linalg.det(followup.ijk_to_ras[:3, :3])) / 1000
    assert found.volume_ml == pytest.approx(found.segment.mask.sum() * voxel_ml)
    assert found.prior_volume_ml == pytest.approx(4 / 3 * np.pi * RADII.prod() / 1000, rel=0.05)
    assert found.centroid_shift_mm == pytest.approx(np.linalg.norm(SHIFT), abs=0.7)
    assert result.complete and result.followup is followup and result.alignment["used"] == "none"


def test_the_alignment_brings_the_prior_onto_the_followup(prior):
    far = scan(grid(centre=CENTRE + [0, 20, -33]), [0, 20, -33], seed=2)
    result = run(prior, far, alignment=moved_by([0, -20, 33]))
    assert dice(mask_of(result), tumour(far, [0, 20, -33])) > 0.97
    with pytest.raises(GeometryError, match="'Tumour' lies outside the follow-up"):
        run(prior, scan(grid(centre=CENTRE + [0, 0, 300])))


def test_every_slice_says_where_it_is_what_it_was_compared_with_and_what_was_chosen(prior, followup):
    result = run(prior, followup)
    turned, order = canonical(followup)
    assert order.flips[0]
    (found,) = result.structures
    own = order.apply(found.segment.mask)
    indices = [s.index for s in found.slices]
    assert indices == sorted(indices)
    for one in found.slices:
        k = followup.shape[0] - 1 - one.index
        assert one.area_mm2 == pytest.approx(own[k].sum() * 2.2 * 1.8)
        assert [(c.kind, c.n_positive, c.n_negative) for c in one.candidates if c.kind == "parts"] == [("parts", 1, 2), ("parts", 2, 2)]
        if one.chosen is not None:
            assert one.distance == one.candidates[one.chosen].distance
            assert one.distance == min(c.distance for c in one.candidates if c.distance is not None)
        middle = turned.ras_of(np.array([[12.5, 15.5, k]]))[0]
        paired = (middle - prior.ijk_to_ras[:3, 3]) @ prior.ijk_to_ras[:3, 0] / 25
        assert one.reference_index == (None if not -0.5 < paired < 13.5 else round(paired))
        assert one.position_mm == pytest.approx(middle @ turned.ijk_to_ras[:3, 2] / 4.0)


def test_the_paper_preset_runs_through_whole_visits_on_the_priors_own_slices(prior, followup):
    model = FakeModel(cell=2)
    centred = Alignment("centre", "centre", centre_translation(prior, followup), 1.0, {}, (), 0.0)
    result = run(prior, followup, PAPER, model, alignment=centred)
    assert dice(mask_of(result), tumour(followup, SHIFT)) > 0.85
    native = canonical(prior)[0].array
    assert {image.shape for image in model.embedded} == {followup.shape[1:], native.shape[1:]}
    for one in result.structures[0].slices:
        assert {c.kind for c in one.candidates} == {"parts"} and one.reference_index is not None


def test_the_encoder_sees_each_distinct_slice_once_however_many_structures_share_it(prior, followup):
    masks = {"Tumour": tumour(prior), "Upper half": tumour(prior, [0, 0, 5], 0.7)}
    for settings in (CLINICAL, PAPER):
        model = FakeModel(cell=2)
        result = run(prior, followup, settings, model, masks)
        drawn = {s.index for structure in result.structures for s in structure.slices}
        seen = [(image.shape, image.tobytes()) for image in model.embedded]
        assert len(seen) == len(set(seen)) > len(drawn)


class CountingKMeans(parts_module.KMeans):
    fits = []

    def fit(self, features):
        self.fits.append((self.n_clusters, features.tobytes()))
        return super().fit(features)


def test_each_reference_is_clustered_once_for_each_part_count(prior, followup, monkeypatch):
    monkeypatch.setattr(parts_module, "KMeans", CountingKMeans)
    settings = replace(CLINICAL, n_positive=(1, 2, 3), n_negative=(1, 2, 4))
    for one in (settings, replace(PAPER, n_positive=(1, 2, 3), n_negative=(1, 2, 4))):
        monkeypatch.setattr(CountingKMeans, "fits", [])
        result = run(prior, followup, one, FakeModel(cell=2))
        assert {n for n, _ in CountingKMeans.fits} == {2, 3, 4}
        assert len(CountingKMeans.fits) == len(set(CountingKMeans.fits)) <= 4 * len(result.structures[0].slices)


def test_all_candidates_of_a_slice_with_the_same_number_of_points_are_decoded_in_one_call(prior, followup):
    model = FakeModel(cell=1)
    settings = replace(CLINICAL, n_positive=(1, 2, 3), n_negative=(1, 2), cascade_steps=2)
    result = run(prior, followup, settings, model)
    calls = [(prompts.points_xy.shape[:2]) for prompts in model.decoded]
    whole = [(1, 2)] * 2 + [(2, 3)] * 2 + [(2, 4)] * 2 + [(1, 5)] * 2
    counts = [len(s.candidates) for s in result.structures[0].slices]
    assert len(calls) == len(whole) * len(counts) and sorted(calls) == sorted(whole * len(counts))


def test_a_cancelled_run_keeps_the_slices_done_and_says_so(prior, followup):
    """It is asked once before the structure is tracked, and then before each slice."""
    whole = run(prior, followup)
    asked = []
    told = []
    result = run(prior, followup, cancelled=lambda: len(asked) >= 8 or asked.append(1), progress=lambda *what: told.append(what))
    assert not result.complete and any("stopped" in warning for warning in result.warnings)
    assert len(result.structures[0].slices) == 7 and ("slices", 6, len(whole.structures[0].slices)) in told
    done = [s.index for s in result.structures[0].slices]
    assert done == [s.index for s in whole.structures[0].slices][-7:]
    np.testing.assert_array_equal(mask_of(result)[done], mask_of(whole)[done])
    assert mask_of(result)[done].any() and not np.delete(mask_of(result), done, axis=0).any()


def test_a_run_stopped_at_once_says_that_there_is_nothing(prior, followup):
    with pytest.raises(Cancelled, match="followup was stopped before its first slice"):
        run(prior, followup, cancelled=lambda: True)


def test_a_structure_that_the_field_of_view_cuts_is_found_as_far_as_it_goes(prior):
    followup = scan(grid((9, 32, 17), centre=CENTRE + SHIFT + OBLIQUE @ [14, 0, 13]), SHIFT, seed=2)
    truth = tumour(followup, SHIFT)
    assert truth[-1].any() and truth[:, :, -1].any()
    result = run(prior, followup)
    assert dice(mask_of(result), truth) > 0.95
    assert any("field of view cuts 'Tumour'" in warning for warning in result.structures[0].warnings)


def test_a_slice_of_the_prior_without_contour_inside_the_structure_is_no_crash(followup):
    """Both visits on one grid; the contour of the middle slice was forgotten."""
    prior = scan(grid(), SHIFT, seed=3)
    mask = tumour(prior, SHIFT)
    middle = int(np.median(np.flatnonzero(mask.any(axis=(1, 2)))))
    mask[middle] = False
    for settings in (CLINICAL, PAPER):
        result = run(prior, followup, settings, masks={"Tumour": mask})
        rest = np.arange(len(mask)) != middle
        assert dice(mask_of(result)[rest], mask[rest]) > 0.9


def test_a_structure_of_one_voxel_is_kept_where_it_is(followup):
    prior = scan(grid(), SHIFT, seed=3)
    mask = np.zeros(prior.shape, bool)
    mask[8, 16, 12] = True
    assert tumour(prior, SHIFT)[8, 16, 12]
    for cell in (1, 4):
        result = run(prior, followup, model=FakeModel(cell), masks={"Seed": mask})
        assert mask_of(result)[8, 16, 12] and (cell == 1 or mask_of(result).sum() == 1)


def test_a_structure_smaller_than_a_cell_of_the_feature_grid_is_the_prior_with_a_flag(followup):
    prior = scan(grid(), SHIFT, seed=3)
    mask = np.zeros(prior.shape, bool)
    mask[6:10, 14:17, 11:14] = True
    result = run(prior, followup, model=FakeModel(cell=8), masks={"Cord": mask})
    np.testing.assert_array_equal(mask_of(result), mask)
    slices = {s.index: s for s in result.structures[0].slices}
    for k in range(6, 10):
        assert slices[k].distance is None and "not compared" in [flag.code for flag in slices[k].flags]


def test_a_structure_inside_another_overlaps_it_as_on_the_prior(prior, followup):
    masks = {"Tumour": tumour(prior), "Core": tumour(prior, scale=0.5)}
    cored = scan(grid(), SHIFT, seed=2, core=True)
    result = run(scan(prior, seed=1, core=True), cored, model=FakeModel(cell=1), masks=masks)
    assert dice(mask_of(result, 0), tumour(cored, SHIFT)) > 0.93 and dice(mask_of(result, 1), tumour(cored, SHIFT, 0.5)) > 0.9
    assert (mask_of(result, 0) & mask_of(result, 1)).sum() > 0.8 * mask_of(result, 1).sum()
    assert any("'Tumour' and 'Core' overlap, as they do on the prior" in warning for warning in result.warnings)


def test_the_extent_is_found_where_the_structure_grew_beyond_the_priors_end():
    """Both visits on one grid; the structure ends on slice 9 of the prior and on slice 10 of the follow-up."""
    prior, followup = scan(grid(), SHIFT, seed=3), scan(grid(), SHIFT, seed=2)
    truth, contour = tumour(followup, SHIFT), tumour(prior, SHIFT)
    for volume, mask, end in ((prior, contour, 10), (followup, truth, 11)):
        assert mask[end - 1].sum() > 50
        mask[end:] = False
        volume.array[end:] = np.minimum(volume.array[end:], 12)
    grown = run(prior, followup, masks={"Tumour": contour})
    np.testing.assert_array_equal(mask_of(grown).any(axis=(1, 2)), truth.any(axis=(1, 2)))
    assert dice(mask_of(grown), truth) > 0.97
    assert [s.index for s in grown.structures[0].slices if "extent end" in [f.code for f in s.flags]] == [10]
    fixed = run(prior, followup, replace(CLINICAL, extent_mm=0.0), masks={"Tumour": contour})
    assert mask_of(fixed)[9].any() and not mask_of(fixed)[10].any()


def test_only_the_structures_asked_for_are_propagated_by_name_or_id(prior, followup):
    masks = {"Tumour": tumour(prior), "Other": tumour(prior, scale=0.6)}
    for names in (["Other"], ["Segment_2"], ["Other", "Other"]):
        result = run(prior, followup, masks=masks, names=names)
        assert [s.segment.name for s in result.structures] == ["Other"] == list(result.aligned_masks)


def test_a_structure_named_by_its_name_and_its_id_is_propagated_once(prior, followup):
    assert len(run(prior, followup, names=["Tumour", "Segment_1"]).structures) == 1


def test_what_cannot_be_propagated_is_refused_in_a_sentence(prior, followup):
    with pytest.raises(StructureError, match="'Nothing' is empty on the prior"):
        run(prior, followup, masks={"Nothing": np.zeros(prior.shape, bool)})
    with pytest.raises(StructureError, match="no structure 'Heart'"):
        run(prior, followup, names=["Heart"])
    with pytest.raises(StructureError, match="no structure; give one"):
        propagate(prior, segmentation(prior), followup, FakeModel(), CLINICAL, alignment=in_place())
    elsewhere = Volume(prior.array, prior.ijk_to_ras + np.diag([0, 0, 0.2, 0]))
    with pytest.raises(StructureError, match="does not lie on the prior CT's grid"):
        propagate(elsewhere, segmentation(prior, Tumour=tumour(prior)), followup, FakeModel(), CLINICAL, alignment=in_place())


def test_two_runs_give_the_same_result(prior, followup):
    one, other = run(prior, followup), run(prior, followup)
    np.testing.assert_array_equal(mask_of(one), mask_of(other))
    assert [s.candidates for s in one.structures[0].slices] == [s.candidates for s in other.structures[0].slices]
