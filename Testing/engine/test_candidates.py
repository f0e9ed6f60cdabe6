"""Candidates: one mask for each pair of part counts, in a cascade, many in one call."""

from dataclasses import replace

import numpy as np
import pytest
from fake_model import FakeModel
from p2sam.candidates import cascade, drawn_candidates, logit, prior_candidates
from p2sam.guide import Guide
from p2sam.models.base import MaskLogits, Prompts
from p2sam.prompts import PointPrompts
from p2sam.settings import preset

H, W = 14, 22
PAPER = preset("paper")
GUIDED = replace(preset("clinical"), cascade_steps=3, box_margin_mm=3.0, mask_prompt=True)


@pytest.fixture
def model():
    return FakeModel()


@pytest.fixture
def embedding(model):
    """Levels of 30, a block of 200 in rows 4..9 and columns 6..15."""
    grey = np.full((H, W), 30, np.uint8)
    grey[4:10, 6:16] = 200
    return model.embed(np.repeat(grey[None, ..., None], 3, axis=-1))[0]


def points(*xy, negative=()):
    n, m = len(xy), len(negative)
    all_xy = np.array([*xy, *negative], np.float32)
    return PointPrompts(all_xy, np.array([1] * n + [0] * m, np.int8), np.array([*range(n), *range(m)]), np.ones(n + m), np.ones((n + m, 2), np.float32))


@pytest.fixture
def guide():
    tracked = np.zeros((H, W), np.float32)
    tracked[3:9, 5:14] = 0.9
    return Guide(np.roll(tracked, 1, axis=1), tracked, (1.0, 1.5))


def test_candidates_with_the_same_number_of_points_are_decoded_in_one_call_of_each_step(model, embedding):
    prompts = {
        (1, 1): points((8, 6), negative=[(0, 0)]),
        (2, 0): points((8, 6), (9, 7)),
        (1, 2): points((8, 6), negative=[(0, 0), (20, 1)]),
        (2, 1): points((8, 6), (12, 8), negative=[(0, 0)]),
    }
    found = drawn_candidates(model, embedding, prompts, PAPER)
    assert [call.points_xy.shape for call in model.decoded] == 3 * [(2, 2, 2)] + 3 * [(2, 3, 2)]
    assert [(c.n_positive, c.n_negative) for c in found] == list(prompts)
    for candidate, counts in zip(found, prompts):
        assert candidate.prompts is prompts[counts] and candidate.kind == "parts"
        np.testing.assert_array_equal(candidate.mask, embedding.grey == 200)
        np.testing.assert_array_equal(candidate.features, embedding.features_at(embedding.grey == 200))


def test_the_cascade_is_points_then_the_logits_then_the_logits_and_the_box(model, embedding):
    prompts = {(1, 0): points((8, 6))}
    drawn_candidates(model, embedding, prompts, PAPER)
    first, second, third = model.decoded
    assert first.boxes_xyxy is None and first.mask_input is None
    assert second.boxes_xyxy is None and second.mask_input.shape == (1, *embedding.grid_hw)
    np.testing.assert_array_equal(third.boxes_xyxy, [[6, 4, 15, 9]])
    assert (third.mask_input > 0).sum() == 3 * 5
    for one in model.decoded:
        np.testing.assert_array_equal(one.points_xy, [[[8, 6]]])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_cascade_has_as_many_steps_as_the_settings_say(model, embedding, steps):
    drawn_candidates(model, embedding, {(1, 0): points((8, 6))}, replace(PAPER, cascade_steps=steps))
    assert len(model.decoded) == steps


def test_a_guide_gives_its_box_and_its_mask_to_the_first_step(model, embedding, guide):
    drawn_candidates(model, embedding, {(1, 0): points((8, 6))}, GUIDED, guide)
    first, second, third = model.decoded
    np.testing.assert_array_equal(first.boxes_xyxy, [[5 - 2, 3 - 3, 13 + 2, 8 + 3]])
    np.testing.assert_array_equal(first.mask_input[0], embedding.mask_prompt(guide.tracked))
    np.testing.assert_array_equal(second.boxes_xyxy, first.boxes_xyxy)
    assert (second.mask_input[0] != first.mask_input[0]).any()
    np.testing.assert_array_equal(third.boxes_xyxy, [[6, 4, 15, 9]])


def test_without_a_mask_prompt_and_a_margin_the_guide_leaves_the_first_step_alone(model, embedding, guide):
    drawn_candidates(model, embedding, {(1, 0): points((8, 6))}, replace(GUIDED, mask_prompt=False, box_margin_mm=-1), guide)
    assert model.decoded[0].boxes_xyxy is None and model.decoded[0].mask_input is None


class NothingAt(FakeModel):
    """Draws nothing for a candidate whose first point lies at the origin."""

    def decode(self, embedding, prompts):
        drawn = super().decode(embedding, prompts)
        empty = (prompts.points_xy[:, 0] == 0).all(axis=1)
        return MaskLogits(*(np.where(empty.reshape(-1, *[1] * (a.ndim - 1)), -7, a) for a in (drawn.logits, drawn.low_res, drawn.iou)))


def test_a_candidate_that_is_empty_before_the_last_step_has_no_box_and_keeps_what_it_has(embedding):
    model = NothingAt()
    xy = np.array([[[8, 6]], [[0, 0]], [[9, 7]]], np.float32)
    drawn = cascade(model, embedding, Prompts(xy, np.ones((3, 1), np.int8), np.ones((3, 1, 2), np.float32)), PAPER)
    np.testing.assert_array_equal(model.decoded[2].points_xy[:, 0], [[8, 6], [9, 7]])
    assert (drawn.logits[1] == -7).all() and (drawn.logits[[0, 2]] > 0).any(axis=(1, 2)).all()


def test_where_every_candidate_is_empty_the_last_step_is_left_out(embedding):
    model = NothingAt()
    (found,) = drawn_candidates(model, embedding, {(1, 0): points((0, 0))}, PAPER)
    assert len(model.decoded) == 2 and not found.mask.any() and found.features.shape == (0, 2)


def test_what_lies_out_of_reach_is_taken_away_and_its_features_too(model, embedding):
    reach = np.zeros((H, W), bool)
    reach[:, :10] = True
    (found,) = drawn_candidates(model, embedding, {(1, 0): points((8, 6))}, PAPER, None, reach)
    np.testing.assert_array_equal(found.mask, (embedding.grey == 200) & reach)
    assert len(found.features) == 3 * 2


def test_the_priors_are_candidates_the_tracked_one_only_where_it_differs(embedding, guide):
    aligned, tracked = prior_candidates(embedding, guide)
    assert (aligned.kind, tracked.kind) == ("aligned prior", "tracked prior") and len(tracked.prompts) == 0
    np.testing.assert_array_equal(aligned.mask, guide.aligned >= 0.5)
    np.testing.assert_array_equal(tracked.features, embedding.features_at(guide.tracked))
    (only,) = prior_candidates(embedding, Guide(guide.aligned, guide.aligned.copy(), guide.spacing_mm))
    assert only.kind == "aligned prior"


def test_logits_are_finite_odd_and_count_one_half_as_foreground():
    p = np.array([0, 0.2, 0.5, 0.8, 1], np.float32)
    found = logit(p)
    assert np.isfinite(found).all() and (found > 0).tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(found[[0, 1]], -found[[4, 3]], rtol=1e-3)
    np.testing.assert_allclose(1 / (1 + np.exp(-found[1:4])), p[1:4], atol=1e-5)
