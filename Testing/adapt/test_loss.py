import math

import pytest
import torch

from p2sam.adapt.loss import dice_of, losses, overlap, prototype_loss
from p2sam.adapt.schedule import rate_at


def square(size=8, begin=2, end=6):
    mask = torch.zeros(1, size, size, dtype=torch.bool)
    mask[:, begin:end, begin:end] = True
    return mask


def test_a_sure_and_right_mask_costs_nothing_and_a_wrong_one_much():
    truth = square()
    sure = torch.where(truth, 20.0, -20.0)
    right = losses(sure, truth, torch.ones(1))
    wrong = losses(-sure, truth, torch.ones(1))
    assert right.total < 1e-3 and wrong.total > 20
    assert right.iou == 0 and wrong.iou == 1


def test_focal_and_dice_are_the_published_formulas():
    truth = square(4, 0, 2)  # 4 of 16 pixels
    found = losses(torch.zeros(1, 4, 4), truth, torch.full((1,), 0.25))
    assert float(found.focal) == pytest.approx((0.25 * 4 + 0.75 * 12) / 16 * 0.25 * math.log(2))
    assert float(found.dice) == pytest.approx(1 - (2 * 2 + 1) / (8 + 4 + 1))
    assert float(found.iou) == pytest.approx(0.0625)  # logits of 0 are no mask: overlap 0
    assert float(found.total) == pytest.approx(20 * float(found.focal) + float(found.dice) + float(found.iou))


def test_overlap_and_dice_of_nothing_with_nothing_are_one():
    nothing = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert overlap(nothing, nothing) == 1 and dice_of(nothing, nothing) == 1
    assert float(overlap(square(8, 2, 6), square(8, 4, 8))) == pytest.approx(4 / 28)
    assert float(dice_of(square(8, 2, 6), square(8, 4, 8))) == pytest.approx(0.25)


def test_the_rate_rises_over_a_tenth_and_falls_as_half_a_cosine():
    rates = [rate_at(step, 100, 1e-4) for step in range(100)]
    assert rates[0] == pytest.approx(1e-5) and rates[9] == pytest.approx(1e-4) == max(rates)
    assert rates[55] == pytest.approx(5e-5) and 0 < rates[99] < 1e-6
    assert all(a >= b for a, b in zip(rates[10:], rates[11:]))


def test_features_that_tell_objects_apart_have_a_small_prototype_loss():
    truth = torch.zeros(3, 32, 32, dtype=torch.bool)
    truth[0, :16], truth[1, 16:, :16], truth[2, 4, 4] = True, True, True
    owner = torch.tensor([0, 1, 1])
    features = torch.randn(2, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    told = features.clone()
    told[0, :, :4], told[0, :, 4:] = torch.eye(6)[0][:, None, None], torch.eye(6)[1][:, None, None]
    told[1] = torch.eye(6)[2][:, None, None]
    told[1, :, 4:, :4] = torch.eye(6)[3][:, None, None]
    assert prototype_loss(told, truth, owner) < 0.01 < 0.3 < prototype_loss(features, truth, owner)
    assert prototype_loss(told, truth[2:], owner[2:]) == 0, "a mask of less than half a cell says nothing of features"
    features.requires_grad_()
    prototype_loss(features, truth, owner).backward()
    assert features.grad.abs().sum() > 0 and torch.isfinite(features.grad).all()
