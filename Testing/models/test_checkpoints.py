import argparse
import collections
import copy
import dataclasses
import hashlib
import importlib.util
import pickle
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="checkpoints need torch: pip install 'p2sam-slicer[sam]'")
pytest.importorskip("segment_anything", reason="checkpoints need segment-anything: pip install 'p2sam-slicer[sam]'")

from p2sam.errors import DeviceError, InputError, SettingsError, WeightsError  # noqa: E402
from p2sam.models import checkpoints, loading, registry, sam_lora  # noqa: E402


@pytest.fixture
def toy_size(monkeypatch):
    """Lets the toy encoder pass for a ViT-B, so that a file is small."""
    monkeypatch.setitem(checkpoints._SAM_SIZES, (48, 2), "vit_b")


@pytest.fixture
def state(toy_sam, toy_size):
    return {name: tensor.clone() for name, tensor in toy_sam.state_dict().items()}


def layers(state):
    names = [f"image_encoder.blocks.{i}.attn.{part}" for i in range(2) for part in ("qkv", "proj")]
    assert all(f"{name}.weight" in state for name in names)
    return names


def timm_names(state):
    """As timm names the encoder: `mlp.fc1` and `mlp.fc2`; the decoder's own MLPs keep their names."""
    return {
        name.replace("mlp.lin", "mlp.fc") if name.startswith("image_encoder.") else name: tensor
        for name, tensor in state.items()
    }


def lora_of(state, rank=2, seed=0):
    """loralib's matrices beside qkv (three projections that share a weight) and proj."""
    generator = torch.Generator().manual_seed(seed)
    matrices = {}
    for layer in layers(state):
        out, width = state[f"{layer}.weight"].shape
        groups = 3 if layer.endswith("qkv") else 1
        matrices[f"{layer}.lora_A"] = torch.randn(groups * rank, width, generator=generator)
        matrices[f"{layer}.lora_B"] = torch.randn(out, rank, generator=generator) / 10
    return matrices


def effective(state, matrices, rank=2, alpha=1):
    """The weights that a network with these matrices works with, written out block by block."""
    result = dict(state)
    for layer in layers(state):
        a, b = matrices[f"{layer}.lora_A"], matrices[f"{layer}.lora_B"]
        weight = state[f"{layer}.weight"].clone()
        groups = len(a) // rank
        size = len(weight) // groups
        for g in range(groups):
            weight[g * size : (g + 1) * size] += alpha / rank * b[g * size : (g + 1) * size] @ a[g * rank : (g + 1) * rank]
        result[f"{layer}.weight"] = weight
    return result


def training_run(state):
    """The dict that the authors' training script saves, options and a numpy score included."""
    return {
        "model": state, "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]},
        "lr_scheduler": {"base_values": [1e-4]}, "epoch": 30, "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(sam_type="vit_b", lora=True), "result": np.float64(0.8),
    }  # fmt: skip


def saved(tmp_path, content, name="checkpoint.pth"):
    file = tmp_path / name
    torch.save(content, file)
    return file


def assert_same(found, wanted, tolerance=0.0):
    assert set(found) == set(wanted)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=tolerance)


def test_metas_and_medsams_plain_state_dict_is_read_as_it_is(state, toy_sam, tmp_path):
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, collections.OrderedDict(state)))
    assert checkpoint.architecture == "vit_b" and checkpoint.notes == ()
    assert_same(checkpoint.state, state)
    checkpoints.load_into(toy_sam, checkpoint)


def test_the_authors_file_of_a_training_run_with_timms_names_is_read(state, toy_sam, tmp_path):
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, training_run(timm_names(state))))
    assert checkpoint.architecture == "vit_b"
    assert_same(checkpoint.state, state)
    checkpoints.load_into(toy_sam, checkpoint)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_training_wrappers_are_taken_off(state, tmp_path, prefix):
    wrapped = {prefix + name: tensor for name, tensor in timm_names(state).items()}
    assert_same(checkpoints.read_checkpoint(saved(tmp_path, {"model": wrapped})).state, state)


def test_a_classifier_head_and_saved_pixel_means_are_left_out(state, tmp_path):
    more = {**state, "image_encoder.head.fc.weight": torch.zeros(5, 256), "pixel_mean": torch.zeros(3, 1, 1)}
    assert_same(checkpoints.read_checkpoint(saved(tmp_path, {"model": more})).state, state)


def test_our_own_form_keeps_its_ranges_and_its_normalisation(state, tmp_path):
    own = {
        "format": "p2sam-1", "architecture": "vit_b", "state_dict": state, "lora": None,
        "ranges": {"ct": {"positive": [1, 3], "negative": [1, 1]}}, "normalisation": "minmax",
    }  # fmt: skip
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, own))
    assert checkpoint.ranges == {"ct": {"positive": [1, 3], "negative": [1, 1]}}
    assert checkpoint.normalisation == "minmax"
    assert_same(checkpoint.state, state)


def test_lora_that_is_not_merged_is_added_to_the_weights(state, tmp_path):
    matrices = lora_of(state)
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, {"model": timm_names({**state, **matrices})}))
    assert_same(checkpoint.state, effective(state, matrices), 1e-5)
    assert checkpoint.notes == ("LoRA of 4 layers was added to the weights (as the file's form says).",)


def test_the_authors_file_is_saved_after_validation_so_its_lora_is_in_the_weights_already(state, tmp_path):
    matrices = lora_of(state)
    merged = effective(state, matrices)
    file = saved(tmp_path, training_run(timm_names({**merged, **matrices})))
    checkpoint = checkpoints.read_checkpoint(file)
    assert_same(checkpoint.state, merged)
    assert "was already in the weights" in checkpoint.notes[0]
    again = checkpoints.read_checkpoint(file, lora="unmerged")
    assert_same(again.state, effective(merged, matrices), 1e-5)


@pytest.mark.parametrize("merged", [True, False])
def test_with_the_weights_before_fine_tuning_at_hand_merged_lora_is_told_from_unmerged(state, tmp_path, merged):
    matrices = lora_of(state)
    wanted = effective(state, matrices)
    file = saved(tmp_path, {"model": timm_names({**(wanted if merged else state), **matrices})})
    before = saved(tmp_path, state, "sam_vit_b.pth")
    checkpoint = checkpoints.read_checkpoint(file, bases={"vit_b": before, "vit_l": tmp_path / "not there"})
    assert_same(checkpoint.state, wanted, 1e-5)
    assert "by comparison" in checkpoint.notes[0]
    assert ("already" in checkpoint.notes[0]) is merged


def test_our_own_form_says_its_alpha_and_whether_lora_is_merged(state, tmp_path):
    matrices = lora_of(state, rank=4)
    own = {"format": "p2sam-1", "model": {**state, **matrices}, "lora": {"alpha": 8, "merged": False}}
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, own))
    assert_same(checkpoint.state, effective(state, matrices, rank=4, alpha=8), 1e-4)


def test_lora_that_does_not_fit_its_weight_is_named(state):
    matrices = lora_of(state)
    matrices["image_encoder.blocks.1.attn.proj.lora_B"] = torch.zeros(5, 2)
    with pytest.raises(WeightsError, match=r"blocks\.1\.attn\.proj .*B \(5, 2\)\) does not fit its weight \(48, 48\)"):
        sam_lora.fold_lora({**state, **matrices})
    del matrices["image_encoder.blocks.1.attn.proj.lora_B"]
    with pytest.raises(WeightsError, match=r"blocks\.1\.attn\.proj lacks its lora_B"):
        sam_lora.fold_lora({**state, **matrices})
    with pytest.raises(SettingsError, match="lora = 'maybe'"):
        sam_lora.fold_lora(state, "maybe")


def shapes_of_an_encoder(width, depth, trunk=""):
    prefix = f"image_encoder.{trunk}"
    blocks = {f"{prefix}blocks.{i}.norm1.weight": torch.zeros(width) for i in range(depth)}
    return {f"{prefix}patch_embed.proj.weight": torch.zeros(width, 3, 1, 1), **blocks}


@pytest.mark.parametrize(
    ("width", "depth", "architecture"), [(768, 12, "vit_b"), (1024, 24, "vit_l"), (1280, 32, "vit_h")]
)
def test_the_size_of_sam_is_found_from_the_shapes(width, depth, architecture):
    assert checkpoints.architecture_of(shapes_of_an_encoder(width, depth)) == architecture


@pytest.mark.parametrize(
    ("width", "depth", "size"), [(96, 12, "tiny"), (96, 16, "small"), (112, 24, "base_plus"), (144, 48, "large")]
)
def test_the_size_and_version_of_sam2_are_found_from_the_shapes(width, depth, size):
    state = shapes_of_an_encoder(width, depth, "trunk.")
    assert checkpoints.architecture_of(state) == f"sam2_{size}"
    assert checkpoints.architecture_of({**state, "no_obj_embed_spatial": torch.zeros(1)}) == f"sam2.1_{size}"


def test_the_true_vit_b_is_recognised(small_sam):
    assert checkpoints.architecture_of(small_sam.state_dict()) == "vit_b"


@pytest.mark.skipif(not importlib.util.find_spec("sam2"), reason="SAM 2 needs sam2: pip install 'p2sam-slicer[sam]'")
def test_sam2s_own_networks_are_recognised_and_read_from_metas_form(sam2_network, tmp_path):
    from p2sam.models.sam2 import build_sam2_model

    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, {"model": sam2_network.state_dict()}))
    assert checkpoint.architecture == "sam2.1_tiny"
    checkpoints.load_into(sam2_network, checkpoint)
    older = build_sam2_model("sam2_tiny")
    assert checkpoints.architecture_of(older.state_dict()) == "sam2_tiny"
    with pytest.raises(WeightsError, match=r"3 unknown \(no_obj_embed_spatial"):
        checkpoints.load_into(older, checkpoint)


def test_something_else_than_sam_is_refused_with_what_it_holds():
    with pytest.raises(WeightsError, match=r"resnet\.pth is not a SAM or SAM 2 model.*conv1\.weight"):
        checkpoints.architecture_of({"conv1.weight": torch.zeros(1)}, "resnet.pth")
    with pytest.raises(WeightsError, match="width 192 with 12 blocks"):
        checkpoints.architecture_of(shapes_of_an_encoder(192, 12))


def test_missing_unknown_and_misshapen_weights_are_named(state, toy_sam, tmp_path):
    broken = dict(state)
    del broken["mask_decoder.iou_token.weight"]
    broken["extra.weight"] = torch.zeros(1)
    broken["image_encoder.neck.0.weight"] = torch.zeros(1, 1)
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, broken))
    with pytest.raises(WeightsError) as caught:
        checkpoints.load_into(toy_sam, checkpoint, "broken.pth")
    told = str(caught.value)
    assert "broken.pth does not fit vit_b" in told
    assert "1 missing (mask_decoder.iou_token.weight)" in told
    assert "1 unknown (extra.weight)" in told
    assert "1 of another shape (image_encoder.neck.0.weight (1, 1), not (256, 48, 1, 1))" in told


def test_only_the_first_few_names_are_told(state, toy_sam, tmp_path):
    encoder_only = {name: tensor for name, tensor in state.items() if name.startswith("image_encoder.")}
    checkpoint = checkpoints.read_checkpoint(saved(tmp_path, encoder_only))
    with pytest.raises(WeightsError, match=r"\d\d+ missing \(.*, \.\.\.\)") as caught:
        checkpoints.load_into(toy_sam, checkpoint)
    assert len(str(caught.value)) < 500


def test_a_name_that_the_shapes_deny_is_an_error(state, tmp_path):
    own = {"format": "p2sam-1", "architecture": "vit_h", "model": state}
    with pytest.raises(WeightsError, match="says it is vit_h.*shapes of vit_b"):
        checkpoints.read_checkpoint(saved(tmp_path, own))


def test_a_newer_form_of_ours_asks_for_an_update(state, tmp_path):
    with pytest.raises(WeightsError, match="p2sam-2.*Update"):
        checkpoints.read_checkpoint(saved(tmp_path, {"format": "p2sam-2", "model": state}))


class Trap:
    """Runs code when it is unpickled the unsafe way."""

    fired = []

    def __reduce__(self):
        return self.fired.append, (1,)


def test_a_file_that_would_run_code_is_not_opened(tmp_path):
    file = saved(tmp_path, {"model": Trap()})
    with pytest.raises(WeightsError, match="more than weights"):
        checkpoints.read_checkpoint(file)
    assert Trap.fired == []


@pytest.mark.parametrize("content", [b"", b"not a torch file at all", b"PK\x03\x04 cut short"], ids=["empty", "text", "zip"])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    file = tmp_path / "damaged.pth"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged\.pth .*Download it again"):
        checkpoints.read_checkpoint(file)


def test_a_cut_file_is_one_sentence(state, tmp_path):
    file = saved(tmp_path, {"model": state})
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match="Download it again"):
        checkpoints.read_checkpoint(file)


def test_files_without_weights_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="holds no weights, only epoch"):
        checkpoints.read_checkpoint(saved(tmp_path, {"epoch": 3}))
    with pytest.raises(WeightsError, match="holds a list"):
        checkpoints.read_checkpoint(saved(tmp_path, [1, 2]))
    with pytest.raises(WeightsError, match="There is no weights file"):
        checkpoints.read_checkpoint(tmp_path / "none.pth")


def test_safetensors_are_read_where_the_package_is(state, tmp_path):
    torch_files = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    torch_files.save_file(state, tmp_path / "model.safetensors")
    assert_same(checkpoints.read_checkpoint(tmp_path / "model.safetensors").state, state)


def test_safetensors_without_the_package_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="pip install safetensors"):
        checkpoints.read_checkpoint(tmp_path / "model.safetensors")


def test_a_pickle_of_older_python_objects_is_not_a_torch_file(tmp_path):
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(WeightsError):
        checkpoints.read_checkpoint(tmp_path / "old.pth")


@pytest.fixture
def small_network(toy_sam, monkeypatch):
    """`build_sam` gives the small network, so that a whole load is fast."""
    from p2sam.models import sam

    monkeypatch.setattr(sam, "build_sam", lambda architecture: copy.deepcopy(toy_sam))


def test_a_file_is_loaded_into_a_model_that_knows_its_name_and_checksum(state, tmp_path, cache, small_network):
    changed = {**state, "mask_decoder.iou_token.weight": torch.full((1, 256), 7.0)}
    file = saved(tmp_path, changed, "lung.pth")
    model = loading.load(file)
    assert (model.name, model.device) == ("lung", "cpu")
    assert model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert model.normalisation == "imagenet"
    assert float(model._sam.mask_decoder.iou_token.weight[0, 0]) == 7
    assert not model._sam.training


def test_medsams_file_is_known_by_its_name_and_normalised_as_it_was_trained(state, tmp_path, cache, small_network):
    assert loading.load(str(saved(tmp_path, state, "medsam_vit_b.pth"))).normalisation == "minmax"


def test_weights_that_are_not_on_this_machine_are_an_error_with_both_ways_to_get_them(cache):
    with pytest.raises(WeightsError, match=r"p2sam models download sam_vit_b \(375 MB\).*copy it to"):
        loading.load("sam_vit_b")


def test_unknown_names_files_and_devices_are_errors(cache, tmp_path, state, small_network):
    with pytest.raises(InputError, match="There is no model 'sam_vit_x'"):
        loading.load("sam_vit_x")
    with pytest.raises(InputError, match="no weights file none.pth"):
        loading.load("none.pth")
    with pytest.raises(DeviceError, match="cuda:9"):
        loading.load(saved(tmp_path, state), device="cuda:9")


def test_a_registered_name_over_another_architecture_is_refused(cache, tmp_path, state, small_network, monkeypatch):
    spec = dataclasses.replace(registry.find("sam_vit_l"), sha256=None, size_bytes=None)
    folder = cache / "models"
    folder.mkdir(parents=True)
    torch.save(state, folder / spec.filename)
    with pytest.raises(WeightsError, match="is a vit_b, not the vit_l of sam_vit_l"):
        loading.load(spec)


def test_a_missing_package_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(loading.importlib, "import_module", missing)
    with pytest.raises(WeightsError, match=r"needs the package torch.*pip install.*model graph"):
        loading._adapter("sam")
