import torch

from p2sam.adapt import ranges
from p2sam.adapt.ranges import sampled, select_ranges
from p2sam.command.options import for_model
from p2sam.settings import preset


def drawn_by_counts(gain):
    """A stand-in for the decoder: how many rows of the truth it draws depends on the points' labels alone."""

    def drawn(sam, features, points, labels, boxes, size):
        share = gain(int((labels[0] == 1).sum()), int((labels[0] == 0).sum()))
        masks = torch.zeros(len(points), *size, dtype=torch.bool)
        masks[:, : round(share * size[0])] = True
        return masks

    return drawn


def test_the_numbers_of_points_are_raised_until_the_gain_is_marginal(tiny_sam, batch, monkeypatch):
    batch.truth[:] = True
    batch.valid[:] = True
    asked = []

    def gain(positive, negative):
        asked.append((positive, negative))
        return min(0.4 + 0.2 * positive, 0.8) if negative == 0 else {1: 0.9, 2: 1.0}.get(negative, 1.0)

    monkeypatch.setattr(ranges, "drawn", drawn_by_counts(gain))
    found = select_ranges(tiny_sam, [batch], torch.device("cpu"))
    assert asked == [(1, 0), (2, 0), (3, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert (found.positive, found.negative) == ((1, 2), (2, 2))
    assert found.saved() == {"ct": {"positive": [1, 2], "negative": [2, 2]}}
    assert found.positive_dice[1] < found.positive_dice[2] and found.negative_dice[3] == found.negative_dice[2]


def test_where_no_point_helps_one_positive_and_no_negative_are_kept(tiny_sam, batch, monkeypatch):
    monkeypatch.setattr(ranges, "drawn", drawn_by_counts(lambda positive, negative: 0.5))
    found = select_ranges(tiny_sam, [batch], torch.device("cpu"))
    assert (found.positive, found.negative) == ((1, 1), (0, 0))


def test_points_are_sampled_inside_and_more_of_them_begin_with_the_fewer():
    regions = torch.zeros(2, 20, 30, dtype=torch.bool)
    regions[0, 3:6, 10:12] = regions[1, 15:, :4] = True

    def points(count):
        return sampled(regions, count, torch.Generator().manual_seed(5)).long()

    many = points(40)
    for region, places in zip(regions, many):
        assert region[places[:, 1], places[:, 0]].all()
    assert len({tuple(place) for place in many[0].tolist()}) == 6 and torch.equal(points(3), many[:, :3])


def test_propagate_takes_the_ranges_of_the_checkpoint_unless_told_otherwise():
    saved = {"ct": {"positive": [1, 4], "negative": [5, 5]}}
    clinical = for_model(preset("clinical"), "model.pth", ())
    found = for_model(clinical, "model.pth", (), saved)
    assert (found.n_positive, found.n_negative, found.cascade_steps) == ((1, 2, 3, 4), (5,), 3)
    assert for_model(clinical, "model.pth", ("n_negative=7",), saved).n_negative == clinical.n_negative
    assert for_model(preset("paper"), "model.pth", (), saved) == preset("paper")
