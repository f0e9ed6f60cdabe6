import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from p2sam.adapt.export import write_weights
from p2sam.adapt.finetuning import Job, network_of
from p2sam.adapt.interactive import decode
from p2sam.adapt.material import Material
from p2sam.adapt.options import TrainingOptions
from p2sam.errors import InputError, WeightsError
from p2sam.metrics import dice
from p2sam.models import registry
from p2sam.models import weights as stored
from p2sam.models.base import Prompts
from p2sam.models.loading import load
from p2sam.models.sam_nano import build_sam_nano


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return network_of(Job(Material("synthetic"), tmp_path_factory.mktemp("n"), TrainingOptions(seed=3), frame=256))


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("w") / "sam_nano.safetensors", network.module, network, {"ct": {"positive": [1, 2], "negative": [4, 4]}})


def test_it_has_five_to_ten_million_parameters_and_ships_in_16_mb(network, weights):
    assert 5e6 < sum(p.numel() for p in network.module.parameters()) < 10e6
    assert weights.stat().st_size < 16e6


def test_its_file_loads_with_its_ranges_and_gives_nearly_the_same_masks(network, weights):
    model = load(weights)
    assert model.ranges == {"ct": {"positive": [1, 2], "negative": [4, 4]}} and model.normalisation == "imagenet"
    images = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        one, other = network.module.image_encoder(images), model._sam.image_encoder(images)
    assert one.shape == (1, 256, 32, 32)
    torch.testing.assert_close(one, other, atol=0.05, rtol=0.05)  # half precision


def test_one_point_on_a_slice_takes_less_than_half_a_second_of_one_core(weights):
    model = load(weights)
    image = np.random.default_rng(0).integers(0, 255, (1, 300, 512, 3), dtype=np.uint8)
    prompts = Prompts(np.array([[[200, 150]]], np.float32), np.ones((1, 1), np.int8))
    model.decode(model.embed(image)[0], prompts)
    taken = []
    for _ in range(3):
        began = time.process_time()  # of all threads: the core's time, however busy the machine
        found = model.decode(model.embed(image)[0], prompts)
        taken.append(time.process_time() - began)
    assert found.logits.shape == (1, 300, 512) and found.low_res.shape == (1, 128, 128)
    assert min(taken) < 0.5


def test_the_same_weights_are_trained_on_in_another_frame(network, weights, tmp_path):
    larger = network_of(Job(Material("synthetic"), tmp_path, TrainingOptions(), model=str(weights), frame=320)).module
    assert larger.image_encoder.img_size == int(larger.state_dict()["image_encoder.frame"]) == 320
    assert larger.prompt_encoder.image_embedding_size == (40, 40)
    torch.testing.assert_close(larger.image_encoder.neck[0].weight, network.module.image_encoder.neck[0].weight, atol=1e-3, rtol=1e-2)


def test_a_frame_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="steps of 64, not 100"):
        build_sam_nano(100)


def test_the_seed_decides_new_weights(tmp_path):
    def weight(seed):
        return network_of(Job(Material("synthetic"), tmp_path, TrainingOptions(seed=seed), frame=64)).module.image_encoder.neck[0].weight

    assert torch.equal(weight(1), weight(1)) and not torch.equal(weight(1), weight(2))


def test_shipped_weights_are_used_by_name_checked_and_not_removed(weights, tmp_path, monkeypatch):
    spec = replace(registry.SAM_NANO, sha256=stored.sha256_of(weights), size_bytes=weights.stat().st_size)
    monkeypatch.setattr(registry, "SHIPPED", tmp_path)
    monkeypatch.setattr(registry, "MODELS", tuple(spec if one is registry.SAM_NANO else one for one in registry.MODELS))
    assert not stored.is_present(spec)
    with pytest.raises(WeightsError, match="come with P2SAMSlicer, but .* is missing"):
        load("sam-nano")
    (tmp_path / "sam_nano.safetensors").write_bytes(weights.read_bytes())
    assert stored.is_present(spec) and not spec.needs_download
    model = load("sam-nano")
    assert (model.name, model.sha256) == ("sam_nano", spec.sha256)
    with pytest.raises(InputError, match="removed with it"):
        stored.remove(spec)
    (tmp_path / "sam_nano.safetensors").write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(WeightsError):
        load("sam-nano")


def test_the_shipped_weights_are_those_of_the_registry_and_draw_a_ball_from_a_box_and_from_a_point():
    """Of a slice that neither training nor the phantom has: what can be asked of weights at the least."""
    model = load("sam_nano")
    assert model.sha256 == registry.SAM_NANO.sha256 and registry.SAM_NANO.shipped.stat().st_size < 16e6
    rows, columns = np.ogrid[:300, :260]
    ball = (rows - 140) ** 2 + (columns - 120) ** 2 < 45**2
    slice_ = (60 + 120 * ball + np.random.default_rng(0).normal(0, 8, ball.shape)).clip(0, 255).astype(np.uint8)
    (embedding,) = model.embed(np.repeat(slice_[..., None], 3, 2)[None])
    nothing = np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int8)
    box = Prompts(*nothing, boxes_xyxy=np.array([[75, 95, 165, 185]], np.float32))
    point = Prompts(np.array([[[120, 140]]], np.float32), np.ones((1, 1), np.int8))
    drawn = [dice(ball, model.decode(embedding, one).logits[0] > 0) for one in (box, point)]
    assert drawn[0] > 0.75 and drawn[1] > 0.5, drawn


def test_a_new_one_expects_little_so_that_its_features_outlive_the_first_steps(network):
    images = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(8))
    none = torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.int32), None, None
    with torch.inference_mode():
        logits, _ = decode(network.module, network.module.image_encoder(images), *none)
    assert logits.mean() == pytest.approx(-2, abs=0.2) and (logits > 0).float().mean() < 0.15


def test_a_new_networks_points_read_the_image_where_they_lie(network):
    """Share of a point's attention within 24 pixels of it, which an even attention would give one part in 36."""
    sam, seen = network.module, []

    def note(attention, _inputs, given, _output):
        q, k = (attention._separate_heads(project(given[name]), attention.num_heads) for project, name in ((attention.q_proj, "q"), (attention.k_proj, "k")))
        seen.append(torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)[0, :, POINT])

    POINT = 2  # after the tokens of the overlap and of the mask
    hook = sam.mask_decoder.transformer.layers[1].cross_attn_token_to_image.register_forward_hook(note, with_kwargs=True)
    with torch.inference_mode():
        features = sam.image_encoder(torch.randn(1, 3, 256, 256))
        decode(sam, features, torch.tensor([[[70.0, 180.0]]]), torch.ones(1, 1, dtype=torch.int32), None, None)
    hook.remove()
    rows, columns = torch.meshgrid(torch.arange(32) * 8 + 4, torch.arange(32) * 8 + 4, indexing="ij")
    near = torch.hypot(columns - 70.0, rows - 180.0).flatten() < 24
    assert seen[0][:, near].sum(-1).mean() > 4 * near.float().mean()
