"""However the visits are stored, sliced and turned, the patient is the same: must-hold 5."""

import numpy as np
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st
from p2sam.propagation import propagate
from p2sam.volume import Volume, canonical
from scipy.spatial.transform import Rotation
from small_visit import CENTRE, CLINICAL, SHIFT, dice, grid, in_place, scan, segmentation, stored, tumour

SHAPE = (12, 26, 34)
storage = st.tuples(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
some = settings(max_examples=12, deadline=None, derandomize=True)


@st.composite
def grids(draw):
    """Any rotation, axes stored in any order and direction, and a field of view of about 60 x 80 x 64 mm or more."""
    turn = Rotation.from_euler("xyz", [draw(st.floats(-180, 180)) for _ in range(3)], degrees=True).as_matrix()
    spacing = np.array([draw(st.floats(1.3, 2.6)), draw(st.floats(1.3, 2.6)), draw(st.floats(3.0, 4.5))])
    shape = np.ceil(np.array([64, 76, 70]) / spacing).astype(int)[::-1]
    volume = grid(tuple(shape), spacing, turn, CENTRE + SHIFT / 2)
    return stored(volume, *draw(storage))[0]


def run(prior, mask, followup):
    return propagate(prior, segmentation(prior, Tumour=mask), followup, FakeModel(cell=1), CLINICAL, alignment=in_place())


PRIOR = scan(grid(SHAPE), seed=1)
FOLLOWUP = scan(grid(SHAPE), SHIFT, seed=2)
RESULT = run(PRIOR, tumour(PRIOR), FOLLOWUP)


def physical(slices):
    """What a slice says, whatever number it has."""
    return sorted(
        (round(s.position_mm, 6), s.chosen, round(s.area_mm2, 6), [c.kind for c in s.candidates], np.round(s.prompts_ras, 6).tolist())
        for s in slices
    )


@some
@given(storage, storage)
def test_permuted_and_flipped_files_give_the_same_voxels_points_and_choices(prior_storage, followup_storage):
    prior, mask = stored(PRIOR, *prior_storage, tumour(PRIOR))
    followup, expected = stored(FOLLOWUP, *followup_storage, RESULT.structures[0].segment.mask)
    found = run(prior, mask, followup)
    np.testing.assert_array_equal(found.structures[0].segment.mask, expected)
    assert physical(found.structures[0].slices) == physical(RESULT.structures[0].slices)


def test_the_result_that_all_others_are_compared_with_is_right():
    assert dice(RESULT.structures[0].segment.mask, tumour(FOLLOWUP, SHIFT)) > 0.97


@some
@given(grids(), grids())
def test_on_any_pair_of_grids_the_structure_is_found_where_it_is_in_the_patient(prior_grid, followup_grid):
    prior, followup = scan(prior_grid, seed=1), scan(followup_grid, SHIFT, seed=2)
    before = followup.ijk_to_ras.copy()
    result = run(prior, tumour(prior), followup)
    (found,) = result.structures
    truth = tumour(followup, SHIFT)
    assert found.segment.mask.shape == truth.shape and dice(found.segment.mask, truth) > 0.93
    assert result.followup is followup and np.array_equal(followup.ijk_to_ras, before)


@some
@given(grids(), grids())
def test_every_prompt_lies_in_the_patient_where_it_lies_on_its_slice(prior_grid, followup_grid):
    prior, followup = scan(prior_grid, seed=1), scan(followup_grid, SHIFT, seed=2)
    turned, order = canonical(followup)
    points = 0
    for one in run(prior, tumour(prior), followup).structures[0].slices:
        ijk = (one.prompts_ras - followup.ijk_to_ras[:3, 3]) @ np.linalg.inv(followup.ijk_to_ras[:3, :3]).T
        np.testing.assert_allclose(ijk, np.rint(ijk), atol=1e-6)
        kji = np.rint(ijk).astype(int)[:, ::-1]
        k = len(turned.array) - 1 - one.index if order.flips[0] else one.index
        columns, rows = one.prompts.points_xy.astype(int).T
        np.testing.assert_array_equal(followup.array[tuple(kji.T)], turned.array[k, rows, columns])
        assert (kji[:, order.axes[0]] == one.index).all()
        points += len(kji)
    assert points > 10


@some
@given(st.floats(-180, 180), st.floats(-180, 180), st.tuples(*[st.floats(-300, 300)] * 3))
def test_turning_and_shifting_the_whole_patient_changes_nothing(a, b, shift):
    """Both visits by one rigid motion; the slices stay the same pixels, so where axes tie the storage decides."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xz", [a, b], degrees=True).as_matrix()
    motion[:3, 3] = shift
    prior, followup = (Volume(v.array, motion @ v.ijk_to_ras) for v in (PRIOR, FOLLOWUP))
    found = run(prior, tumour(PRIOR), followup).structures[0].segment.mask
    assert dice(found, RESULT.structures[0].segment.mask) > 0.99
