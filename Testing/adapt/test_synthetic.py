import numpy as np
import pytest

from p2sam.adapt import shapes, synthetic
from p2sam.adapt.synthetic import LEAST_AREA, MOST_AREA, SyntheticSlices, objects_of


@pytest.fixture
def no_phantom(monkeypatch):
    """The phantom takes a second to make."""
    monkeypatch.setattr(synthetic, "PHANTOM_SHARE", 0.0)


def test_a_sample_is_the_same_whenever_it_is_asked_for(no_phantom):
    one, other = SyntheticSlices(10, 96, seed=4), SyntheticSlices(10, 96, seed=4)
    later, again = one.example(7), [other.example(i) for i in (3, 7)][1]
    assert np.array_equal(later.image, again.image) and np.array_equal(later.masks, again.masks)


def test_epochs_seeds_and_streams_share_no_image(no_phantom):
    images = [SyntheticSlices(10, 64, seed=s, stream=t).example(0, e).image.tobytes() for s in (0, 1) for t in (0, 1, 2) for e in (0, 1)]
    assert len(set(images)) == len(images)


def test_images_have_three_equal_channels_and_masks_of_a_sensible_size(no_phantom):
    source = SyntheticSlices(60, 128, masks=3, seed=1)
    sizes, counts = set(), []
    for example in map(source.example, range(60)):
        sizes.add(example.image.shape[:2])
        counts.append(len(example.masks))
        assert example.image.dtype == np.uint8 and max(example.image.shape[:2]) == 128
        assert np.ptp(example.image, axis=2).max() == 0
        share = example.masks.mean(axis=(1, 2))
        assert ((share >= LEAST_AREA) & (share <= MOST_AREA)).all()
    assert len(sizes) > 5 and (128, 128) in sizes and max(counts) == 3


@pytest.mark.parametrize("scene", shapes.SCENES)
def test_every_scene_has_several_labels(scene):
    for seed in range(5):
        random = np.random.default_rng(seed)
        labels = np.zeros((90, 120), np.uint8)
        scene(random, labels, *shapes.warped_grid(random, labels.shape))
        assert len(np.unique(labels)) >= 2


@pytest.mark.parametrize("shape", sorted(set(shapes.SHAPES), key=lambda shape: shape.__name__))
def test_every_shape_is_drawn_at_some_place(shape):
    random = np.random.default_rng(0)
    areas = [shape(random, *shapes.warped_grid(random, (90, 120))).mean() for _ in range(20)]
    assert max(areas) > 0.005 and min(areas) < 0.5


def test_a_region_of_parts_is_taken_apart_most_of_the_time():
    region = np.zeros((50, 60), bool)
    region[5:15, 5:15] = region[30:40, 40:50] = True
    found = [objects_of(np.random.default_rng(seed), [region], 1)[0].sum() for seed in range(50)]
    assert set(found) == {100, 200} and found.count(100) > found.count(200)


def test_the_phantom_is_among_the_images(monkeypatch):
    monkeypatch.setattr(synthetic, "PHANTOM_SHARE", 1.0)
    monkeypatch.setattr(synthetic, "_PHANTOM_SCALE", 4.0)
    monkeypatch.setattr(synthetic, "_PHANTOM_SEEDS", 1)
    example = SyntheticSlices(5, 256).example(0)
    assert example.masks.any(axis=(1, 2)).all() and example.image.shape[:2] == example.masks.shape[1:]
