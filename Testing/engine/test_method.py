"""P2SAM on one slice, with a fake model: fit on the prior, predict on the follow-up."""

from dataclasses import replace

import numpy as np
import pytest
from fake_model import FakeModel
from p2sam.encoding import SliceEncoder
from p2sam.guide import Guide
from p2sam.method import P2SAM
from p2sam.settings import preset
from p2sam.slices import window_to_rgb

H, W = 30, 44
PAPER = replace(preset("paper"), n_positive=(1, 2), n_negative=(1, 2))
CLINICAL = replace(preset("clinical"), n_positive=(1, 2), n_negative=(1,), reach_mm=8.0, prior_sigma_mm=4.0, pool_slices=0)


def rgb(grey):
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)


def scene(top, left, seed=0):
    """A body of about 90 in air of 2; a block of 12 x 16 with a bright half of about 190 and a brighter one of about 220."""
    random = np.random.default_rng(seed)
    grey = np.full((H, W), 2.0)
    grey[2:-2, 3:-3] = 90 + random.integers(-3, 4, (H - 4, W - 6))
    grey[top : top + 12, left : left + 16] = 190 + random.integers(-3, 4, (12, 16))
    grey[top : top + 12, left + 8 : left + 16] += 30
    mask = np.zeros((H, W), bool)
    mask[top : top + 12, left : left + 16] = True
    return grey, mask


def test_both_parts_of_a_moved_block_are_found_and_retrieved():
    (prior, mask), (followup, truth) = scene(6, 8), scene(12, 20, seed=1)
    found = P2SAM(FakeModel(), PAPER).fit(rgb(prior), mask).predict(rgb(followup))
    assert [(c.n_positive, c.n_negative) for c in found.candidates] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert found.candidate.n_positive == 2 and found.distances[found.chosen] == min(found.distances)
    np.testing.assert_array_equal(found.mask, truth)
    assert not np.array_equal(found.candidates[0].mask, truth)


def test_a_reference_without_the_structure_gives_an_empty_mask_and_no_crash():
    prior, _ = scene(6, 8)
    for settings in (PAPER, replace(PAPER, negatives="least similar", n_negative=(1,))):
        found = P2SAM(FakeModel(), settings).fit(rgb(prior), np.zeros((H, W), bool)).predict(rgb(prior))
        assert found.candidates == () and found.candidate is None
        assert found.logits.shape == (H, W) and not found.mask.any()


def test_a_structure_smaller_than_a_cell_keeps_the_tracked_prior():
    prior, _ = scene(6, 8)
    small = np.zeros((H, W), bool)
    small[11, 17] = True
    guide = Guide(small.astype(np.float32), np.roll(small, 1, axis=1).astype(np.float32), (1.0, 1.0))
    found = P2SAM(FakeModel(cell=4), CLINICAL).fit(rgb(prior), small).predict(rgb(prior), guide)
    assert found.candidate.kind == "tracked prior" and found.distances[found.chosen] is None
    np.testing.assert_array_equal(found.mask, guide.tracked >= 0.5)


def test_the_guide_keeps_a_twin_of_the_structure_out():
    """The same block stands twice in the follow-up; only one of them is near the prior."""
    prior, mask = scene(4, 5)
    followup = np.minimum(prior, 90)
    followup[4:16, 24:40], followup[5:17, 6:22] = prior[mask].reshape(12, 16), prior[mask].reshape(12, 16)
    guide = Guide(mask.astype(np.float32), mask.astype(np.float32), (1.0, 1.0))
    guided = P2SAM(FakeModel(), CLINICAL).fit(rgb(prior), mask).predict(rgb(followup), guide)
    drawn = [c for c in guided.candidates if c.kind == "parts"]
    assert drawn and all(c.prompts.points_xy[c.prompts.labels == 1, 0].max() < 22 for c in drawn)
    assert all(c.mask[5:17, 6:22].any() and not c.mask[:, 31:].any() for c in drawn)
    free = P2SAM(FakeModel(), replace(PAPER, n_positive=(2,))).fit(rgb(prior), mask).predict(rgb(followup))
    assert free.mask[:, 31:].any()


def test_the_priors_stand_first_among_the_candidates_where_the_settings_say_so():
    prior, mask = scene(6, 8)
    guide = Guide(mask.astype(np.float32), np.roll(mask, 1, axis=0).astype(np.float32), (1.0, 1.0))
    fitted = P2SAM(FakeModel(), CLINICAL).fit(rgb(prior), mask)
    kinds = [c.kind for c in fitted.predict(rgb(prior), guide).candidates]
    assert kinds == ["aligned prior", "tracked prior", "parts", "parts"]
    without = P2SAM(FakeModel(), replace(CLINICAL, prior_candidates=False)).fit(rgb(prior), mask)
    assert {c.kind for c in without.predict(rgb(prior), guide).candidates} == {"parts"}


def test_a_fit_on_embeddings_equals_a_fit_on_the_image():
    (prior, mask), (followup, _) = scene(6, 8), scene(12, 20, seed=1)
    model = FakeModel()
    one = P2SAM(model, PAPER).fit(rgb(prior), mask).predict(rgb(followup))
    embeddings = model.embed(np.stack([rgb(prior), rgb(followup)]))
    other = P2SAM(model, PAPER).fit_embeddings(embeddings[:1], [mask]).predict_embedding(embeddings[1])
    assert one.distances == other.distances
    np.testing.assert_array_equal(one.logits, other.logits)


@pytest.fixture
def volume():
    return np.random.default_rng(0).uniform(-1000, 700, (5, 6, 9))


def test_each_slice_is_encoded_once_while_it_is_kept_and_repeats_are_served(volume):
    model = FakeModel()
    encoder = SliceEncoder(model, (-910, 590), lambda key: volume[key])
    first = encoder.embeddings([3, 1, 3])
    assert len(model.embedded) == 2 and first[0] is first[2]
    assert encoder.embeddings([1])[0] is first[1]
    encoder.keep_only([1])
    assert encoder.embeddings([1])[0] is first[1] and len(model.embedded) == 2
    assert encoder.embeddings([3])[0] is not first[0] and len(model.embedded) == 3
    np.testing.assert_array_equal(model.embedded[0], window_to_rgb(volume[3], (-910, 590))[..., 0])


def test_slices_of_different_size_are_encoded_apart(volume):
    slices = {"a": volume[0], "b": volume[1, :, :4], "c": volume[2]}
    encoder = SliceEncoder(FakeModel(), (-910, 590), slices.__getitem__)
    assert [e.size_hw for e in encoder.embeddings(["a", "b", "c"])] == [(6, 9), (6, 4), (6, 9)]


def test_the_window_is_clipped_scaled_and_rounded_into_three_equal_channels():
    hu = np.array([[-2000.0, -910, -160], [590, 3000, np.nan]])
    image = window_to_rgb(hu, (-910, 590))
    assert image.shape == (2, 3, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(image[..., 0], [[0, 0, 128], [255, 255, 0]])
    assert (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
