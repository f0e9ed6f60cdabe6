from contextlib import contextmanager

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SAM needs torch: pip install 'p2sam-slicer[sam]'")
pytest.importorskip("segment_anything", reason="SAM needs segment-anything: pip install 'p2sam-slicer[sam]'")

import torch.nn.functional as F  # noqa: E402
from segment_anything import SamPredictor  # noqa: E402

from p2sam.errors import DeviceError, InputError, SettingsError  # noqa: E402
from p2sam.models import sam_device, sam_embedding  # noqa: E402
from p2sam.models.base import Prompts  # noqa: E402
from p2sam.models.sam import SamModel, build_sam  # noqa: E402

H, W = 97, 150
FRAME, GRID, LOW = 224, 14, 56


@pytest.fixture(scope="module")
def predictor(small_sam, slices):
    one = SamPredictor(small_sam)
    one.set_image(slices[0])
    return one


@pytest.fixture(scope="module")
def embedding(sam_embeddings):
    return sam_embeddings[0]


@pytest.fixture
def disc():
    rows, columns = np.mgrid[:H, :W]
    return (rows - 40) ** 2 + (columns - 90) ** 2 < 20**2


def points_of(b=3, n=2, seed=0):
    rng = np.random.default_rng(seed)
    xy = rng.integers((0, 0), (W, H), (b, n, 2)).astype(np.float32)
    return Prompts(xy, np.tile(np.array([1, 0], np.int8)[:n], (b, 1)))


def with_box_and_mask(prompts, low_res):
    boxes = np.array([[10, 20, 60, 70], [0, 0, W - 1, H - 1], [80, 5, 120, 50]], np.float32)
    return Prompts(prompts.points_xy, prompts.labels, boxes_xyxy=boxes, mask_input=low_res)


def take(prompts, i):
    rows = (None if a is None else a[i : i + 1] for a in (prompts.boxes_xyxy, prompts.mask_input))
    boxes, masks = rows
    return Prompts(prompts.points_xy[i : i + 1], prompts.labels[i : i + 1], boxes_xyxy=boxes, mask_input=masks)


def test_the_embedding_is_that_of_sam_predictor(embedding, predictor):
    assert embedding.size_hw == (H, W) and embedding.grid_hw == (GRID, GRID) and embedding.low_res_hw == (LOW, LOW)
    np.testing.assert_allclose(embedding.features, predictor.features[0], atol=1e-4)


def test_two_slices_in_one_batch_are_the_same_as_two_singles(sam_model, sam_embeddings, slices):
    for i in range(2):
        single = sam_model.embed(slices[i : i + 1])[0]
        np.testing.assert_allclose(sam_embeddings[i].features, single.features, atol=1e-4)
    assert (sam_embeddings[0].features - sam_embeddings[1].features).abs().max() > 0.01


def test_slices_are_encoded_in_batches_of_the_given_size(small_sam, slices):
    sizes = []
    hook = small_sam.image_encoder.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    try:
        embeddings = SamModel(small_sam, max_batch=2).embed(np.concatenate([slices, slices[:1]]))
    finally:
        hook.remove()
    assert sizes == [2, 1] and len(embeddings) == 3


def test_a_decode_equals_sam_predictor_for_points_then_points_with_box_and_logits(sam_model, embedding, predictor):
    first = points_of()
    drawn = sam_model.decode(embedding, first)
    second = with_box_and_mask(first, drawn.low_res)
    for prompts, result in ((first, drawn), (second, sam_model.decode(embedding, second))):
        for i in range(len(prompts)):
            one = take(prompts, i)
            logits, iou, low_res = predictor.predict(
                one.points_xy[0], one.labels[0],
                None if one.boxes_xyxy is None else one.boxes_xyxy[0], one.mask_input, False, return_logits=True,
            )  # fmt: skip
            np.testing.assert_allclose(result.logits[i], logits[0], atol=1e-4)
            np.testing.assert_allclose(result.low_res[i], low_res[0], atol=1e-4)
            np.testing.assert_allclose(result.iou[i], iou[0], atol=1e-4)
    assert np.ptp(drawn.logits) > 0.01


def test_a_decode_of_several_candidates_equals_one_at_a_time(sam_model, embedding):
    prompts = with_box_and_mask(points_of(), sam_model.decode(embedding, points_of()).low_res)
    together = sam_model.decode(embedding, prompts)
    for i in range(len(prompts)):
        single = sam_model.decode(embedding, take(prompts, i))
        np.testing.assert_allclose(together.logits[i], single.logits[0], atol=1e-4)
        np.testing.assert_allclose(together.iou[i], single.iou[0], atol=1e-4)


def test_all_candidates_go_through_the_decoder_in_one_call(sam_model, small_sam, embedding):
    calls = []
    hook = small_sam.mask_decoder.register_forward_pre_hook(lambda *args: calls.append(1))
    try:
        sam_model.decode(embedding, points_of(b=7))
    finally:
        hook.remove()
    assert len(calls) == 1


def test_a_decode_gives_float32_arrays_of_the_slices_own_size(sam_model, embedding):
    drawn = sam_model.decode(embedding, points_of())
    assert drawn.logits.shape == (3, H, W) and drawn.low_res.shape == (3, LOW, LOW) and drawn.iou.shape == (3,)
    assert {array.dtype for array in (drawn.logits, drawn.low_res, drawn.iou)} == {np.dtype(np.float32)}


def test_the_low_resolution_logits_fed_back_change_the_mask(sam_model, embedding):
    first = points_of()
    drawn = sam_model.decode(embedding, first)
    again = sam_model.decode(embedding, Prompts(first.points_xy, first.labels, mask_input=drawn.low_res))
    flipped = sam_model.decode(embedding, Prompts(first.points_xy, first.labels, mask_input=-drawn.low_res))
    assert np.abs(again.logits - drawn.logits).max() > 1e-4
    assert np.abs(again.logits - flipped.logits).max() > 1e-4


def test_a_box_alone_and_a_mask_alone_are_prompts_too(sam_model, embedding, predictor):
    none = np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int8)
    box = np.array([[10, 20, 60, 70]], np.float32)
    drawn = sam_model.decode(embedding, Prompts(*none, boxes_xyxy=box))
    logits, _, low_res = predictor.predict(box=box[0], multimask_output=False, return_logits=True)
    np.testing.assert_allclose(drawn.logits[0], logits[0], atol=1e-4)
    masked = sam_model.decode(embedding, Prompts(*none, mask_input=drawn.low_res))
    wanted, _, _ = predictor.predict(mask_input=low_res, multimask_output=False, return_logits=True)
    np.testing.assert_allclose(masked.logits[0], wanted[0], atol=1e-4)


def test_features_at_a_mask_are_those_of_the_published_steps_in_row_order(embedding, predictor, disc):
    rgb = np.repeat(disc[..., None].astype(np.uint8) * 255, 3, axis=2)
    resized = torch.as_tensor(predictor.transform.apply_image(rgb)).permute(2, 0, 1)[None].float()
    padded = F.pad(resized, (0, FRAME - resized.shape[3], 0, FRAME - resized.shape[2]))
    grid = F.interpolate(padded - 127.5, (GRID, GRID), mode="bilinear")[0, 0] > 0
    wanted = predictor.features[0].permute(1, 2, 0)[grid]
    found = embedding.features_at(disc)
    assert len(wanted) > 5
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    np.testing.assert_array_equal(embedding.features_at(disc.astype(np.float32)), found)


def test_a_mask_with_nothing_in_it_has_no_features(embedding):
    assert embedding.features_at(np.zeros((H, W), bool)).shape == (0, 256)


def test_foreground_and_background_share_the_grid_but_for_cells_at_exactly_half(embedding):
    left = np.zeros((H, W), bool)
    left[:, : W // 2] = True
    cells = len(embedding.features_at(left)) + len(embedding.features_at(~left))
    assert cells == GRID * 9  # 97 of 150 rows of the frame are slice: 9.05 of 14 rows of cells, the rest is padding


def test_features_under_logits_are_those_where_the_resized_logits_are_positive(embedding, predictor):
    low_res = np.random.default_rng(0).normal(size=(LOW, LOW)).astype(np.float32)
    grid = F.interpolate(torch.from_numpy(low_res)[None, None], (GRID, GRID), mode="bilinear")[0, 0] > 0
    np.testing.assert_allclose(
        embedding.features_under(low_res), predictor.features[0].permute(1, 2, 0)[grid], atol=1e-4
    )


def similarity_of(predictor, part):
    unit = predictor.features[0] / predictor.features[0].norm(dim=0)
    part = torch.from_numpy(part / np.linalg.norm(part))
    grid = (part @ unit.reshape(256, -1)).reshape(1, 1, GRID, GRID)
    grid = F.interpolate(grid, scale_factor=4, mode="bilinear")
    return predictor.model.postprocess_masks(grid, predictor.input_size, predictor.original_size)[0, 0].numpy()


def test_similarity_peaks_are_those_of_the_published_steps(embedding, predictor, disc):
    features = embedding.features_at(disc)
    parts = np.stack([features.mean(0), features[0], -features[-1]])
    found = embedding.similarity_peaks(parts)
    assert found.points_xy.dtype == found.scores.dtype == np.float32
    for part, xy, score in zip(parts, found.points_xy, found.scores, strict=True):
        similarity = similarity_of(predictor, part)
        assert similarity[int(xy[1]), int(xy[0])] == pytest.approx(similarity.max(), abs=1e-5)
        assert score == pytest.approx(similarity.max(), abs=1e-5)


def test_dissimilarity_is_least_of_the_mean_of_the_maps(embedding, predictor, disc):
    parts = embedding.features_at(disc)[:4]
    found = embedding.dissimilarity_peak(parts)
    mean = np.mean([similarity_of(predictor, part) for part in parts], axis=0)
    x, y = found.points_xy[0].astype(int)
    assert mean[y, x] == pytest.approx(mean.min(), abs=1e-5)
    assert found.scores[0] == pytest.approx(mean.min(), abs=1e-5)
    assert found.points_xy.shape == (1, 2)


def test_many_parts_are_the_same_as_each_alone(embedding):
    parts = np.random.default_rng(1).normal(size=(sam_embedding._PARTS_AT_ONCE + 3, 256)).astype(np.float32)
    together = embedding.similarity_peaks(parts)
    singly = [embedding.similarity_peaks(part[None]) for part in parts]
    assert together.points_xy.shape == (sam_embedding._PARTS_AT_ONCE + 3, 2)
    assert len(np.unique(together.scores)) > sam_embedding._PARTS_AT_ONCE
    np.testing.assert_allclose(together.scores, np.concatenate([one.scores for one in singly]), atol=1e-6)


def test_no_parts_have_no_peaks(embedding):
    assert embedding.similarity_peaks(np.zeros((0, 256), np.float32)).points_xy.shape == (0, 2)
    with pytest.raises(InputError, match="at least one part"):
        embedding.dissimilarity_peak(np.zeros((0, 256), np.float32))


def flat(embedding):
    """The same features everywhere: every pixel is equally similar."""
    features = torch.ones_like(embedding.features)
    return type(embedding)(features, embedding.size_hw, embedding.low_res_hw, embedding.input_hw, embedding.model)


def test_of_equally_similar_pixels_the_first_in_row_order_is_taken():
    ties = torch.zeros(2, 12)
    ties[0, [3, 5, 11]] = 1
    assert sam_embedding._first_maximum(ties).tolist() == [3, 0]


def test_a_weight_of_one_pixel_moves_the_point_there_and_leaves_the_score_the_plain_cosine(embedding, predictor, disc):
    part = embedding.features_at(disc).mean(0, keepdims=True)
    weight = np.zeros((H, W), np.float32)
    weight[61, 33] = 0.25
    found = embedding.similarity_peaks(part, weight)
    assert found.points_xy.tolist() == [[33, 61]]
    assert found.scores[0] == pytest.approx(similarity_of(predictor, part[0])[61, 33], abs=1e-5)


def test_a_weight_decides_between_equal_similarities_and_ties_go_to_the_first_row(embedding):
    weight = np.full((H, W), 0.5, np.float32)
    weight[[50, 30, 30], [10, 99, 40]] = 1
    found = flat(embedding).similarity_peaks(np.ones((1, 256), np.float32), weight)
    assert found.points_xy.tolist() == [[40, 30]]
    assert found.scores[0] == pytest.approx(1, abs=1e-5)


def test_a_weight_of_one_everywhere_changes_nothing(embedding, disc):
    parts = embedding.features_at(disc)[:3]
    plain, weighted = embedding.similarity_peaks(parts), embedding.similarity_peaks(parts, np.ones((H, W)))
    np.testing.assert_allclose(plain.scores, weighted.scores, atol=1e-6)


def test_a_mask_prompt_seen_at_the_original_size_is_the_mask(embedding, disc):
    low_res = embedding.mask_prompt(disc.astype(np.float32))
    assert low_res.shape == (LOW, LOW) and low_res.dtype == np.float32 and np.abs(low_res).max() < 7
    seen = embedding._to_original(torch.from_numpy(low_res)[None])[0].numpy() > 0
    assert 2 * (seen & disc).sum() / (seen.sum() + disc.sum()) > 0.95


def test_a_mask_prompt_is_accepted_by_the_decoder(sam_model, embedding, disc):
    prompts = points_of(b=1)
    mask = embedding.mask_prompt(disc.astype(np.float32))[None]
    with_mask = sam_model.decode(embedding, Prompts(prompts.points_xy, prompts.labels, mask_input=mask))
    assert np.abs(with_mask.logits - sam_model.decode(embedding, prompts).logits).max() > 1e-4


def test_medsam_sees_each_slice_between_its_own_least_and_greatest_value(small_sam, slices):
    seen = []
    hook = small_sam.image_encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    try:
        dim = (slices[1] // 2).astype(np.uint8)
        SamModel(small_sam, normalisation="minmax", max_batch=2).embed(np.stack([slices[0], dim]))
    finally:
        hook.remove()
    valid = seen[0][:, :, : round(FRAME * H / W), :]
    assert [(float(one.min()), float(one.max())) for one in valid] == [(0, 1), (0, 1)]
    assert float(seen[0][:, :, round(FRAME * H / W) + 1 :].abs().max()) == 0


@pytest.mark.parametrize(
    "images",
    [np.zeros((H, W, 3), np.uint8), np.zeros((1, H, W, 3), np.float32), np.zeros((1, H, W, 1), np.uint8)],
    ids=["no batch", "float", "one channel"],
)
def test_images_of_another_form_are_refused_with_their_shape_and_type(sam_model, images):
    with pytest.raises(InputError, match=r"must be \(B, H, W, 3\) uint8; these are \(.*97"):
        sam_model.embed(images)


def test_no_images_have_no_embeddings(sam_model):
    assert sam_model.embed(np.zeros((0, H, W, 3), np.uint8)) == []


def test_prompts_that_do_not_belong_together_are_refused(sam_model, embedding):
    good = points_of()
    with pytest.raises(InputError, match=r"labels has shape \(3, 1\).*3 candidates of 2 points need \(3, 2\)"):
        sam_model.decode(embedding, Prompts(good.points_xy, good.labels[:, :1]))
    with pytest.raises(InputError, match=r"boxes_xyxy has shape \(1, 4\)"):
        sam_model.decode(embedding, Prompts(good.points_xy, good.labels, boxes_xyxy=np.zeros((1, 4))))
    with pytest.raises(InputError, match=r"mask_input has shape \(3, 97, 150\).*need \(3, 56, 56\)"):
        sam_model.decode(embedding, Prompts(good.points_xy, good.labels, mask_input=np.zeros((3, H, W))))
    with pytest.raises(InputError, match="at least one candidate"):
        sam_model.decode(embedding, Prompts(np.zeros((2, 0, 2)), np.zeros((2, 0))))


def test_masks_weights_and_parts_of_another_shape_are_refused(embedding):
    with pytest.raises(InputError, match=r"mask has shape \(150, 97\), the slice \(97, 150\)"):
        embedding.features_at(np.zeros((W, H), bool))
    with pytest.raises(InputError, match=r"weight has shape"):
        embedding.similarity_peaks(np.ones((1, 256)), np.ones((W, H)))
    with pytest.raises(InputError, match=r"Parts have shape \(1, 12\); .* need \(n, 256\)"):
        embedding.similarity_peaks(np.ones((1, 12)))
    with pytest.raises(InputError, match=r"logits have shape \(97, 150\)"):
        embedding.features_under(np.zeros((H, W)))


def test_the_model_says_what_it_is_and_holds_no_image(small_sam, slices):
    model = SamModel(small_sam, "sam_vit_b", device="auto" if not torch.cuda.is_available() else "cpu", sha256="ab")
    before = set(vars(model))
    model.embed(slices[:1])
    assert (model.name, model.device, model.sha256) == ("sam_vit_b", "cpu", "ab")
    assert set(vars(model)) == before


def test_features_stay_on_the_device_and_numpy_comes_out(embedding, disc):
    assert isinstance(embedding.features, torch.Tensor) and embedding.features.dtype == torch.float32
    found = embedding.features_at(disc)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32 and found.flags.c_contiguous


@pytest.mark.parametrize(("name", "words"), [("cuda:7", "sees . CUDA devices"), ("gpu", "is not a device")])
def test_a_device_that_is_not_there_is_said(small_sam, name, words):
    with pytest.raises(DeviceError, match=words):
        SamModel(small_sam, device=name)


def test_places_are_told_to_the_decoder_in_whole_floats_whatever_the_precision(sam_model, embedding, monkeypatch):
    """Under mixed precision a point at 1000 of 1024 would be told to within four pixels."""
    under = []

    @contextmanager
    def mixed(*_):
        under.append("mixed")
        yield
        under.pop()

    seen = {}
    monkeypatch.setattr("p2sam.models.sam.autocast", mixed)
    parts = {"prompt": sam_model._sam.prompt_encoder, "mask": sam_model._sam.mask_decoder}
    hooks = [part.register_forward_pre_hook(lambda *_, name=name: seen.update({name: bool(under)})) for name, part in parts.items()]
    sam_model.decode(embedding, points_of())
    for hook in hooks:
        hook.remove()
    assert seen == {"prompt": False, "mask": True}


def test_settings_outside_their_range_are_refused(small_sam):
    with pytest.raises(SettingsError, match="needs a CUDA device, not cpu"):
        SamModel(small_sam, precision="bfloat16")
    with pytest.raises(SettingsError, match="precision = 'int8' is unknown"):
        SamModel(small_sam, precision="int8")
    with pytest.raises(SettingsError, match="max_batch = 0"):
        SamModel(small_sam, max_batch=0)
    with pytest.raises(SettingsError, match="normalisation = 'z' is unknown"):
        SamModel(small_sam, normalisation="z")
    with pytest.raises(InputError, match="vit_x"):
        build_sam("vit_x")


def test_running_out_of_memory_is_a_sentence_with_the_way_out(small_sam, slices, monkeypatch):
    def exhausted(batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    model = SamModel(small_sam)
    monkeypatch.setattr(small_sam.image_encoder, "forward", exhausted)
    with pytest.raises(DeviceError, match="cpu ran out of memory while encoding 1 slices.*max_batch"):
        model.embed(slices[:1])


def test_another_fault_of_the_network_is_not_called_memory():
    with pytest.raises(RuntimeError, match="shapes"), sam_device.device_errors(torch.device("cpu"), "drawing"):
        raise RuntimeError("shapes cannot be multiplied")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_features_points_and_masks_are_those_of_the_cpu(small_sam, slices, sam_embeddings, disc):
    import copy

    model = SamModel(copy.deepcopy(small_sam), device="cuda", max_batch=2)
    half = SamModel(copy.deepcopy(small_sam), device="cuda", precision="bfloat16", max_batch=2)
    for other, tolerance in ((model, 1e-2), (half, 0.3)):
        one = other.embed(slices)[0]
        assert one.features.is_cuda and one.features.dtype == torch.float32
        assert (one.features.cpu() - sam_embeddings[0].features).abs().max() < tolerance
        assert np.isfinite(other.decode(one, points_of()).logits).all()
        assert one.similarity_peaks(one.features_at(disc)[:2]).points_xy.shape == (2, 2)


def test_the_true_vit_b_takes_1024_pixels_as_sam_predictor_gives_them_and_draws_what_it_draws(slices):
    torch.manual_seed(0)
    sam = build_sam("vit_b")
    sam.image_encoder.blocks = sam.image_encoder.blocks[:3]  # of twelve, with the first that looks at the whole image: the rest takes long and shows nothing new
    seen = []
    sam.image_encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    embedding = SamModel(sam, max_batch=1).embed(slices[:1])[0]
    predictor = SamPredictor(sam)
    resized = torch.as_tensor(predictor.transform.apply_image(slices[0])).permute(2, 0, 1)[None]
    np.testing.assert_array_equal(seen[0], sam.preprocess(resized))
    assert embedding.grid_hw == (64, 64) and embedding.low_res_hw == (256, 256)
    predictor.features, predictor.is_image_set = embedding.features[None], True
    predictor.original_size, predictor.input_size = (H, W), tuple(resized.shape[-2:])
    prompts = points_of(b=2)
    drawn = SamModel(sam).decode(embedding, prompts)
    for i in range(2):
        logits, _, low_res = predictor.predict(
            prompts.points_xy[i], prompts.labels[i], multimask_output=False, return_logits=True
        )
        np.testing.assert_allclose(drawn.logits[i], logits[0], atol=1e-4)
        np.testing.assert_allclose(drawn.low_res[i], low_res[0], atol=1e-4)
