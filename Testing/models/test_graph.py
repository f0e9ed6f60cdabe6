"""`graph`, the built-in model, behind the protocol that every model fulfils."""

import numpy as np
import pytest
from p2sam.models import graph as graph_module
from p2sam.models.base import Prompts
from p2sam.models.graph import GraphModel, multi_scale
from p2sam.parts import part_features, unit_norm

H, W = 70, 110
LARGE = (140, 600)
"""A slice whose longer side is beyond the feature grid's, so that a cell is several pixels."""


def scene(shape=(H, W), seed=0, centre=(0.45, 0.4)):
    """Tissue of 150 in lung of 20 with noise, and an ellipse of 190; (H, W, 3) uint8 and the ellipse."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    mask = ((rows / shape[0] - centre[0]) / 0.2) ** 2 + ((columns / shape[1] - centre[1]) / 0.15) ** 2 < 1
    grey = np.where(columns > 0.75 * shape[1], 20.0, 150.0)
    grey[mask] = 190
    grey += np.random.default_rng(seed).normal(0, 4, shape)
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=-1), mask


@pytest.fixture(scope="module")
def model():
    return GraphModel()


@pytest.fixture(scope="module")
def image():
    return scene()[0]


@pytest.fixture(scope="module")
def mask():
    return scene()[1]


@pytest.fixture(scope="module")
def embedding(model, image):
    return model.embed(image[None])[0]


def prompts_for(embedding, mask, xy, labels, **more):
    """Points with the mean feature of the structure for positive ones, of the rest for negative ones."""
    means = [part_features(embedding.features_at(region), 1)[0] for region in (~mask, mask)]
    features = np.array([[means[label] for label in row] for row in labels], np.float32)
    return Prompts(np.array(xy, np.float32), np.array(labels, np.int8), features, **more)


@pytest.fixture(scope="module")
def prompts(embedding, mask):
    xy = [[(44, 31), (5, 5)], [(40, 35), (100, 60)], [(50, 30), (10, 60)]]
    boxes = np.array([[20, 10, 70, 55], [25, 15, 64, 50], [0, 0, W - 1, H - 1]], np.float32)
    low_res = np.repeat(embedding.mask_prompt(mask.astype(np.float32))[None], 3, axis=0)
    return prompts_for(embedding, mask, xy, [[1, 0]] * 3, boxes_xyxy=boxes, mask_input=low_res)


def row_of(prompts, i):
    arrays = (prompts.points_xy, prompts.labels, prompts.part_features, prompts.boxes_xyxy, prompts.mask_input)
    return Prompts(*(None if a is None else a[i : i + 1] for a in arrays))


def test_slices_in_one_batch_are_the_same_as_single_ones(model, image):
    other = scene(seed=5)[0]
    for single, batched in zip((image, other), model.embed(np.stack([image, other]))):
        alone = model.embed(single[None])[0]
        np.testing.assert_array_equal(alone.features_at(np.ones((H, W), bool)), batched.features_at(np.ones((H, W), bool)))
        assert alone.size_hw == batched.size_hw == (H, W)


def test_candidates_drawn_together_equal_those_drawn_alone(model, embedding, prompts):
    together = model.decode(embedding, prompts)
    assert together.logits.shape == (3, H, W) and together.logits.dtype == np.float32 and np.isnan(together.iou).all()
    for i in range(3):
        alone = model.decode(embedding, row_of(prompts, i))
        np.testing.assert_array_equal(alone.logits[0], together.logits[i])
        np.testing.assert_array_equal(alone.low_res[0], together.low_res[i])


def test_two_models_draw_the_same(image, mask, prompts):
    drawn = [model.decode(model.embed(image[None])[0], prompts).logits for model in (GraphModel(), GraphModel())]
    np.testing.assert_array_equal(*drawn)


def test_features_under_a_mask_come_in_row_order_and_none_under_an_empty_one(embedding, mask):
    whole = embedding.features_at(np.ones((H, W), bool))
    np.testing.assert_array_equal(embedding.features_at(mask), whole[mask.ravel()])
    np.testing.assert_array_equal(embedding.features_at(mask.astype(np.float32) * 0.8), whole[mask.ravel()])
    assert whole.shape == (H * W, graph_module.CHANNELS) and whole.dtype == np.float32
    assert embedding.features_at(np.zeros((H, W), bool)).shape == (0, graph_module.CHANNELS)
    assert embedding.grid_hw == (H, W)


def test_the_cosine_of_two_features_is_close_to_a_gaussian_kernel_of_their_levels(embedding, image):
    levels = multi_scale(image[..., 0].astype(np.float32)).reshape(H * W, -1)
    some = np.random.default_rng(1).choice(H * W, 300, replace=False)
    features = unit_norm(embedding.features_at(np.ones((H, W), bool))[some])
    kernel = np.exp(-((levels[some, None] - levels[some]) ** 2).sum(axis=-1) / 2)
    cosine = features @ features.T
    assert np.abs(cosine - kernel).mean() < 0.12
    assert np.corrcoef(cosine.ravel(), kernel.ravel())[0, 1] > 0.9


def test_a_part_is_found_where_it_was_taken_from(embedding):
    places = [(12, 30), (44, 31), (100, 50)]
    parts = []
    for x, y in places:
        here = np.zeros((H, W), bool)
        here[y, x] = True
        parts.append(unit_norm(embedding.features_at(here))[0])
    found = embedding.similarity_peaks(np.array(parts))
    np.testing.assert_array_equal(found.points_xy, places)
    np.testing.assert_allclose(found.scores, 1, atol=1e-5)


def test_of_equally_good_pixels_the_first_in_row_order_is_taken(model):
    flat = model.embed(np.full((1, 30, 44, 3), 90, np.uint8))[0]
    part = unit_norm(flat.features_at(np.ones((30, 44), bool))[:1])
    np.testing.assert_array_equal(flat.similarity_peaks(part).points_xy, [[0, 0]])
    weight = np.zeros((30, 44), np.float32)
    weight[7:, 13:] = 0.6
    np.testing.assert_array_equal(flat.similarity_peaks(part, weight).points_xy, [[13, 7]])


def test_a_weight_moves_the_point_and_leaves_the_score_a_cosine(embedding, mask):
    part = part_features(embedding.features_at(mask), 1)
    weight = np.zeros((H, W), np.float32)
    weight[50:60, 90:105] = 0.5
    (x, y), = embedding.similarity_peaks(part, weight).points_xy.astype(int)
    assert weight[y, x] > 0
    here = np.zeros((H, W), bool)
    here[y, x] = True
    assert embedding.similarity_peaks(part, weight).scores[0] == pytest.approx(
        float((unit_norm(embedding.features_at(here)) @ part.T)[0, 0]), abs=1e-5
    )


def test_the_least_similar_pixel_is_least_similar_on_average(embedding, mask):
    parts = part_features(embedding.features_at(mask), 3)
    features = unit_norm(embedding.features_at(np.ones((H, W), bool)))
    mean = (features @ parts.T).mean(axis=1)
    found = embedding.dissimilarity_peak(parts)
    assert found.points_xy.shape == (1, 2) and found.scores[0] == pytest.approx(mean.min(), abs=1e-5)


def test_the_structure_is_drawn(model, embedding, mask, prompts):
    for i, drawn in enumerate(model.decode(embedding, prompts).logits > 0):
        overlap = 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum())
        assert overlap > 0.95, i


def test_without_a_mask_prompt_the_parts_and_the_box_find_the_structure(model, embedding, mask, prompts):
    bare = Prompts(prompts.points_xy, prompts.labels, prompts.part_features, prompts.boxes_xyxy)
    drawn = model.decode(embedding, bare).logits[0] > 0
    assert 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum()) > 0.85


def test_nothing_is_drawn_outside_the_box(model, embedding, prompts):
    small = np.array([[38, 25, 50, 40]] * 3, np.float32)
    boxed = Prompts(prompts.points_xy, prompts.labels, prompts.part_features, small, prompts.mask_input)
    rows, columns = np.nonzero(model.decode(embedding, boxed).logits[0] > 0)
    assert rows.min() >= 25 and rows.max() <= 40 and columns.min() >= 38 and columns.max() <= 50


def test_a_positive_point_is_inside_and_a_negative_one_outside_whatever_the_image_says(model, embedding, mask):
    """The positive point lies in the background, the negative one in the middle of the structure."""
    prompts = prompts_for(embedding, mask, [[(15, 60), (44, 31)]], [[1, 0]])
    logits = model.decode(embedding, prompts).logits[0]
    assert logits[60, 15] > 0 and logits[31, 44] < 0
    assert logits[31, 36] > 0 and logits[20, 10] < 0


def test_a_mask_prompt_is_the_logit_of_the_probability_and_comes_back(embedding):
    probability = np.linspace(0, 1, H * W, dtype=np.float32).reshape(H, W)
    low_res = embedding.mask_prompt(probability)
    assert np.isfinite(low_res).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-low_res)), probability, atol=2e-3)
    np.testing.assert_array_equal(embedding.features_under(low_res), embedding.features_at(probability > 0.5))


def test_a_mask_prompt_moves_the_result_towards_it(model, mask):
    """On an image that shows nothing, the mask prompt is all there is."""
    flat = model.embed(np.full((1, H, W, 3), 120, np.uint8))[0]
    prompts = Prompts(np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int8), None, None, flat.mask_prompt(0.02 + 0.96 * mask)[None])
    drawn = model.decode(flat, prompts).logits[0] > 0
    assert 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum()) > 0.95


@pytest.fixture(scope="module")
def large(model):
    """(embedding, structure, what is drawn of it) on a slice of several pixels a cell."""
    image, mask = scene(LARGE)
    one = model.embed(image[None])[0]
    rows, columns = np.nonzero(mask)
    box = np.array([[columns.min() - 9, rows.min() - 9, columns.max() + 9, rows.max() + 9]], np.float32)
    middle = columns.mean(), rows.mean()
    return one, mask, model.decode(one, prompts_for(one, mask, [[middle, (5, 5)]], [[1, 0]], boxes_xyxy=box))


def test_a_large_slice_has_coarser_cells_and_answers_in_pixels(large):
    one, mask, _ = large
    assert one.size_hw == LARGE and one.stride > 1
    assert one.grid_hw == tuple(-(-n // one.stride) for n in LARGE)
    assert len(one.features_at(mask)) == pytest.approx(mask.sum() / one.stride**2, rel=0.05)
    (x, y), = one.similarity_peaks(part_features(one.features_at(mask), 1)).points_xy.astype(int)
    assert mask[y, x]


def test_on_a_large_slice_the_structure_is_drawn_at_full_size(large):
    one, mask, decoded = large
    drawn = decoded.logits[0] > 0
    assert drawn.shape == LARGE and 2 * (drawn & mask).sum() / (drawn.sum() + mask.sum()) > 0.93
    assert len(one.features_under(decoded.low_res[0])) == pytest.approx(drawn.sum() / one.stride**2, rel=0.05)


def test_on_a_large_slice_what_is_drawn_is_not_shifted(large):
    _, mask, decoded = large
    found, true = (np.argwhere(m).mean(axis=0) for m in (decoded.logits[0] > 0, mask))
    assert np.abs(found - true).max() < 0.4


def test_a_box_at_the_slices_border_or_of_one_pixel_is_drawn(model, embedding, mask):
    for box in ([0, 0, 8, 8], [W - 6, H - 4, W - 1, H - 1], [44, 31, 44, 31]):
        prompts = prompts_for(embedding, mask, [[(44, 31), (5, 5)]], [[1, 0]], boxes_xyxy=np.array([box], np.float32))
        logits = model.decode(embedding, prompts).logits[0]
        assert np.isfinite(logits).all() and not (logits[:31, :44] > 0)[20:].any()
