import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SAM 2 needs torch: pip install 'p2sam-slicer[sam]'")
pytest.importorskip("sam2", reason="SAM 2 needs sam2: pip install 'p2sam-slicer[sam]'")

import torch.nn.functional as F  # noqa: E402
from sam2.sam2_image_predictor import SAM2ImagePredictor  # noqa: E402
from torchvision.transforms import Resize  # noqa: E402

from p2sam.errors import InputError, SettingsError  # noqa: E402
from p2sam.models.base import Prompts  # noqa: E402
from p2sam.models.sam2 import CONFIGS, Sam2Model, build_sam2_model  # noqa: E402

H, W = 97, 150


@pytest.fixture(scope="module")
def predictor(sam2_network, slices):
    one = SAM2ImagePredictor(sam2_network)
    with torch.inference_mode():
        one.set_image(slices[0])
    return one


@pytest.fixture(scope="module")
def embedding(sam2_embeddings):
    return sam2_embeddings[0]


@pytest.fixture
def disc():
    rows, columns = np.mgrid[:H, :W]
    return (rows - 40) ** 2 + (columns - 90) ** 2 < 20**2


def points_of(b=3, n=2):
    rng = np.random.default_rng(0)
    xy = rng.integers((0, 0), (W, H), (b, n, 2)).astype(np.float32)
    return Prompts(xy, np.tile(np.array([1, 0], np.int8)[:n], (b, 1)))


def test_the_embedding_is_the_one_that_sam2_predictor_gives_its_decoder(embedding, predictor):
    """One image alone against the same image in a batch of two: batch = single and adapter = predictor at once."""
    assert embedding.size_hw == (H, W) and embedding.grid_hw == (64, 64) and embedding.low_res_hw == (256, 256)
    np.testing.assert_allclose(embedding.features, predictor.get_image_embedding()[0], atol=1e-4)
    for ours, theirs in zip(embedding.high_res, predictor._features["high_res_feats"], strict=True):
        np.testing.assert_allclose(ours, theirs[0], atol=1e-4)


def test_two_slices_of_a_batch_are_not_mixed_up(sam2_embeddings):
    first, second = sam2_embeddings
    assert (first.features - second.features).abs().max() > 0.01


def test_decodes_equal_sam2_predictor_for_points_then_points_with_box_and_logits(sam2_model, embedding, predictor):
    first = points_of()
    drawn = sam2_model.decode(embedding, first)
    boxes = np.array([[10, 20, 60, 70], [0, 0, W - 1, H - 1], [80, 5, 120, 50]], np.float32)
    second = Prompts(first.points_xy, first.labels, boxes_xyxy=boxes, mask_input=drawn.low_res)
    for prompts, result in ((first, drawn), (second, sam2_model.decode(embedding, second))):
        for i in range(len(prompts)):
            logits, iou, low_res = predictor.predict(
                prompts.points_xy[i], prompts.labels[i],
                None if prompts.boxes_xyxy is None else prompts.boxes_xyxy[i],
                None if prompts.mask_input is None else prompts.mask_input[i : i + 1],
                multimask_output=False, return_logits=True,
            )  # fmt: skip
            np.testing.assert_allclose(result.logits[i], logits[0], atol=1e-4)
            np.testing.assert_allclose(result.low_res[i], low_res[0], atol=1e-4)
            np.testing.assert_allclose(result.iou[i], iou[0], atol=1e-4)
    assert np.ptp(drawn.logits) > 0.001
    assert drawn.logits.shape == (3, H, W) and drawn.low_res.shape == (3, 256, 256) and drawn.iou.shape == (3,)
    assert {array.dtype for array in (drawn.logits, drawn.low_res, drawn.iou)} == {np.dtype(np.float32)}


def test_a_mask_alone_draws_several_candidates_as_it_draws_each(sam2_model, embedding, disc):
    masks = np.stack([embedding.mask_prompt(one.astype(np.float32)) for one in (disc, ~disc)])
    none = np.zeros((2, 0, 2), np.float32), np.zeros((2, 0), np.int8)
    together = sam2_model.decode(embedding, Prompts(*none, mask_input=masks))
    for i in range(2):
        single = sam2_model.decode(embedding, Prompts(none[0][:1], none[1][:1], mask_input=masks[i : i + 1]))
        np.testing.assert_allclose(together.logits[i], single.logits[0], atol=1e-4)
    assert np.abs(together.logits[0] - together.logits[1]).max() > 1e-4


def test_a_box_alone_draws_what_sam2_predictor_draws(sam2_model, embedding, predictor):
    box = np.array([[10, 20, 60, 70]], np.float32)
    drawn = sam2_model.decode(embedding, Prompts(np.zeros((1, 0, 2)), np.zeros((1, 0)), boxes_xyxy=box))
    logits, _, _ = predictor.predict(box=box[0], multimask_output=False, return_logits=True)
    np.testing.assert_allclose(drawn.logits[0], logits[0], atol=1e-4)


def test_features_at_a_mask_stretch_it_as_the_slice_is_stretched(embedding, predictor, disc):
    stretched = Resize((1024, 1024))(torch.from_numpy(disc.astype(np.float32))[None])
    grid = F.interpolate(stretched[None], (64, 64), mode="bilinear")[0, 0] > 0.5
    wanted = predictor.get_image_embedding()[0].permute(1, 2, 0)[grid]
    assert len(wanted) > 100
    np.testing.assert_allclose(embedding.features_at(disc), wanted, atol=1e-4)


def test_every_cell_of_the_grid_is_slice_for_nothing_is_padded(embedding):
    assert len(embedding.features_at(np.ones((H, W), bool))) == 64 * 64


def test_features_under_logits_are_those_where_the_resized_logits_are_positive(embedding):
    low_res = -np.ones((256, 256), np.float32)
    low_res[:4, 4:12] = 1
    np.testing.assert_array_equal(embedding.features_under(low_res), embedding.features[:, 0, 1:3].T)


def test_similarity_peaks_are_the_greatest_cosines_of_the_map_at_the_slices_size(embedding, disc):
    parts = embedding.features_at(disc)[[0, 50]]
    found = embedding.similarity_peaks(parts)
    unit = F.normalize(embedding.features, dim=0)
    for part, xy, score in zip(parts, found.points_xy, found.scores, strict=True):
        grid = torch.einsum("c,chw->hw", torch.from_numpy(part / np.linalg.norm(part)), unit)[None, None]
        grid = F.interpolate(grid, scale_factor=4, mode="bilinear")
        similarity = F.interpolate(grid, (H, W), mode="bilinear")[0, 0].numpy()
        assert similarity[int(xy[1]), int(xy[0])] == pytest.approx(similarity.max(), abs=1e-5)
        assert score == pytest.approx(similarity.max(), abs=1e-5)
    weight = np.zeros((H, W), np.float32)
    weight[61, 33] = 1
    assert embedding.similarity_peaks(parts[:1], weight).points_xy.tolist() == [[33, 61]]


def test_a_mask_prompt_seen_at_the_original_size_is_the_mask(embedding, disc):
    low_res = embedding.mask_prompt(disc.astype(np.float32))
    assert low_res.shape == (256, 256)
    seen = embedding._to_original(torch.from_numpy(low_res)[None])[0].numpy() > 0
    assert 2 * (seen & disc).sum() / (seen.sum() + disc.sum()) > 0.97


def test_the_model_holds_no_image_after_embedding_and_decoding(sam2_model, embedding):
    sam2_model.decode(embedding, points_of(b=1))
    assert sam2_model._predictor._features is None
    assert not sam2_model._predictor._is_image_set


def test_settings_and_names_outside_their_range_are_refused(sam2_network):
    with pytest.raises(SettingsError, match="needs a CUDA device"):
        Sam2Model(sam2_network, precision="float16")
    with pytest.raises(SettingsError, match="max_batch = -1"):
        Sam2Model(sam2_network, max_batch=-1)
    with pytest.raises(InputError, match="sam2_giant.*sam2.1_large"):
        build_sam2_model("sam2_giant")


def test_every_configuration_is_packaged_with_sam2():
    import importlib.resources

    files = [importlib.resources.files("sam2") / config for config in CONFIGS.values()]
    assert len(files) == 8 and all(file.is_file() for file in files)
