"""A device that runs out of memory: fewer at once, then the CPU, each step told, and the result as if it had had enough."""

import os

import numpy as np
import pytest
from fake_model import FakeModel
from p2sam.errors import DeviceError, InputError
from p2sam.models.base import Prompts
from p2sam.propagation import propagate
from p2sam_worker.elastic import ElasticModel
from p2sam_worker.protocol import decode
from p2sam_worker.verbs import model as model_verb
from p2sam_worker.verbs.case import open_case
from p2sam_worker.verbs.drawing import propagate as propagate_verb
from p2sam_worker.verbs.drawing import redraw
from talk import case_parameters


class SmallGpu(FakeModel):
    """Room for so many slices and candidates in one pass, and for so many passes in all."""

    device = "cuda:0"

    def __init__(self, most_slices=99, most_candidates=99, passes=10**9, error=None):
        super().__init__()
        self.max_batch, self.most_slices, self.most_candidates, self.passes = 4, most_slices, most_candidates, passes
        self.error = error or DeviceError("cuda:0 ran out of memory while encoding 4 slices. Close other programs.")

    def embed(self, images):
        for first in range(0, len(images), self.max_batch):
            self._pass(len(images[first : first + self.max_batch]), self.most_slices)
        return super().embed(images)

    def decode(self, embedding, prompts):
        self._pass(len(prompts), self.most_candidates)
        return super().decode(embedding, prompts)

    def _pass(self, count, most):
        self.passes -= 1
        if count > most or self.passes < 0:
            raise self.error


def elastic(gpu):
    warnings = []
    return ElasticModel(gpu, FakeModel, warnings.append), warnings


def images(count=4, seed=0):
    return np.repeat(np.random.default_rng(seed).integers(0, 255, (count, 12, 10, 1), dtype=np.uint8), 3, axis=3)


def prompts(count=3):
    points = np.tile(np.array([[[3.0, 2.0], [7.0, 9.0]]], np.float32), (count, 1, 1)) + np.arange(count)[:, None, None]
    return Prompts(points, np.tile(np.array([[1, 0]], np.int8), (count, 1)), boxes_xyxy=np.tile(np.array([[0, 0, 9, 11]], np.float32), (count, 1)))


def test_enough_memory_changes_nothing():
    model, warnings = elastic(SmallGpu())
    embeddings = model.embed(images())
    plain = FakeModel().embed(images())
    assert np.array_equal(model.decode(embeddings[1], prompts()).logits, FakeModel().decode(plain[1], prompts()).logits)
    mask = np.zeros((12, 10), bool)
    mask[3:8, 2:9] = True
    assert np.array_equal(embeddings[2].features_at(mask), plain[2].features_at(mask)) and embeddings[2].size_hw == (12, 10)
    assert (model.name, model.device, model.sha256, warnings) == ("fake", "cuda:0", None, [])


@pytest.mark.parametrize("error", [None, RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()])
def test_first_fewer_at_once(error):
    model, warnings = elastic(SmallGpu(most_slices=2, most_candidates=1, error=error))
    embeddings = model.embed(images())
    assert len(embeddings) == 4
    drawn = model.decode(embeddings[0], prompts())
    expected = FakeModel().decode(FakeModel().embed(images())[0], prompts())
    assert np.array_equal(drawn.logits, expected.logits) and np.array_equal(drawn.low_res, expected.low_res) and drawn.iou.shape == (3,)
    assert len(warnings) == 1 and "going on with 2 slice(s) and one candidate at a time" in warnings[0] and model.device == "cuda:0"


def test_then_the_cpu_with_what_was_encoded_before_made_again():
    gpu = SmallGpu(passes=1)
    gpu.max_batch = 4
    model, warnings = elastic(gpu)
    embeddings = model.embed(images())
    drawn = model.decode(embeddings[3], prompts())
    assert np.array_equal(drawn.logits, FakeModel().decode(FakeModel().embed(images())[3], prompts()).logits)
    assert model.device == "cpu" and model.generation == 1
    assert [("one candidate at a time" in one, "on the CPU, which is much slower" in one) for one in warnings] == [(True, False), (True, False), (False, True)]
    parts = np.array([[1.0, 0.0]], np.float32)
    assert np.array_equal(embeddings[0].similarity_peaks(parts).points_xy, FakeModel().embed(images())[0].similarity_peaks(parts).points_xy)


def test_a_cpu_without_memory_is_an_error_that_says_what_to_do():
    class Full(FakeModel):
        def decode(self, embedding, given):
            raise MemoryError("Unable to allocate 3 GiB")

    model = ElasticModel(SmallGpu(passes=1), Full, lambda text: None)
    embeddings = model.embed(images())
    with pytest.raises(DeviceError, match="close other programs, choose fewer structures, or use a smaller model"):
        model.decode(embeddings[0], prompts())


def test_another_error_is_passed_on():
    model, warnings = elastic(SmallGpu(passes=0, error=RuntimeError("cuDNN error: mapping failed")))
    with pytest.raises(RuntimeError, match="mapping failed"):
        model.embed(images())
    model, _ = elastic(SmallGpu(passes=0, error=InputError("Images must be (B, H, W, 3) uint8")))
    with pytest.raises(InputError):
        model.embed(images())
    assert warnings == []


def test_a_whole_propagation_goes_on_where_the_gpu_gives_up_halfway(ask, patient, monkeypatch):
    prior, segmentation, followup, settings = patient
    monkeypatch.setattr(model_verb, "load", lambda name, device, **_: FakeModel() if device == "cpu" else SmallGpu(most_slices=2, passes=25))
    assert ask(model_verb.load_model, model="sam_vit_b", device="cuda:0")["device"] == "cuda:0"
    ask(open_case, **case_parameters(prior, segmentation, followup, ask.job, settings))
    result = ask(propagate_verb, case="one")["result"]
    expected = propagate(prior, segmentation, followup, FakeModel(), settings)
    for one, structure in zip(result["structures"], expected.structures):
        assert structure.segment.mask.any() and np.array_equal(ask.job.load_array(one["mask"], mask=True), structure.segment.mask)
    warnings = [one["message"] for one in ask.said if one["event"] == "warning"]
    assert len(warnings) == 3 and "2 slice(s)" in warnings[0] and "1 slice(s)" in warnings[1] and "on the CPU" in warnings[2]
    assert result["provenance"]["model"]["device"] == "cpu" and ask.session.model.told()["device"] == "cpu"
    slice_ = result["structures"][0]["slices"][2]
    given = {key: [point[name] for point in slice_["points"]] for key, name in (("points_ras", "ras"), ("labels", "label"), ("parts", "part"))}
    assert ask(redraw, case="one", structure="GTV", index=slice_["index"], **given)["slice"]["area_mm2"] > 0


def test_settings_that_are_not_sent_follow_the_model_and_the_counts_that_its_checkpoint_brings(ask, patient, monkeypatch):
    prior, segmentation, followup, settings = patient
    own = {"ct": {"positive": [1, 2], "negative": [3, 3]}}

    def opened(name, ranges, sent):
        model = FakeModel()
        model.ranges = ranges
        monkeypatch.setattr(model_verb, "load", lambda *_, **__: model)
        assert ask(model_verb.load_model, model=name, device=f"cpu {bool(ranges)}")["ranges"] == ranges
        parameters = case_parameters(prior, segmentation, followup, ask.job, settings)
        ask(open_case, **{**parameters, "settings": sent})
        found = ask.session.cases.get("one").settings
        return found.n_positive, found.n_negative, found.cascade_steps

    sent = {"alignment": "none", "track_mm": 0.0}
    assert opened("sam_vit_b", None, sent) == ((1, 2), (45,), 3)
    assert opened("sam_vit_b", own, sent) == ((1, 2), (3,), 3)
    assert opened("sam_vit_b", own, {**sent, "n_negative": [7], "cascade_steps": 1}) == ((1, 2), (7,), 1)
    assert opened("graph", None, sent) == ((1, 2, 3), (2,), 1)


def test_a_model_that_does_not_fit_its_device_is_loaded_on_the_cpu_with_a_warning(ask, monkeypatch):
    def load(name, device, **_):
        if device != "cpu":
            raise DeviceError("cuda:0 ran out of memory while loading sam_vit_h. Close other programs that use it.")
        return FakeModel()

    monkeypatch.setattr(model_verb, "load", load)
    assert ask(model_verb.load_model, model="sam_vit_h", device="auto")["device"] == "cpu"
    assert "does not fit into the memory of auto; it is loaded on the CPU" in ask.said[-1]["message"]


@pytest.mark.skipif(os.name != "posix", reason="limits are POSIX's")
def test_running_out_of_main_memory_is_a_sentence():
    from p2sam_worker.failure import described

    told = described(MemoryError(), "propagate")
    assert told["message"] == "The computer ran out of memory during 'propagate'; close other programs, choose fewer structures, or use a smaller model."
    assert told["kind"] == "MemoryError"
