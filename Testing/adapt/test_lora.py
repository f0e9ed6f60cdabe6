import pytest
import torch

from p2sam.adapt.export import write_adapter, write_weights
from p2sam.adapt.lora import LoraLinear, add_lora, lora_layers, merge, merged_state, unmerge
from p2sam.adapt.trainable import counts, freeze_what_is_not_trained
from p2sam.errors import SettingsError, WeightsError
from p2sam.models.checkpoints import read_checkpoint
from p2sam.models.loading import load, load_network
from p2sam.models.sam_nano import build_sam_nano


def disturbed(sam):
    """LoRA that does something."""
    torch.manual_seed(1)
    for layer in lora_layers(sam):
        torch.nn.init.normal_(layer.lora_B, std=0.3)
    return sam


@pytest.fixture(scope="module")
def nano_file(tmp_path_factory):
    """Weights of a sam_nano with a frame of 64."""
    from p2sam.adapt.finetuning import Job, network_of
    from p2sam.adapt.material import Material
    from p2sam.adapt.options import TrainingOptions

    folder = tmp_path_factory.mktemp("nano")
    network = network_of(Job(Material("synthetic"), folder, TrainingOptions(), frame=64))
    return write_weights(folder / "nano.pth", network.module, network, {"ct": {"positive": [1, 2], "negative": [3, 3]}})


def test_untrained_lora_changes_nothing(tiny_sam, batch):
    before = tiny_sam.image_encoder(batch.images)
    add_lora(tiny_sam, rank=2)
    assert torch.equal(tiny_sam.image_encoder(batch.images), before)


def test_merged_the_output_is_the_same_and_unmerged_again(tiny_sam, batch):
    add_lora(tiny_sam, rank=2, alpha=3.0)
    disturbed(tiny_sam)
    before = tiny_sam.image_encoder(batch.images)
    state = merged_state(tiny_sam)
    merge(tiny_sam)
    torch.testing.assert_close(tiny_sam.image_encoder(batch.images), before, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(tiny_sam.state_dict()[name], tensor) for name, tensor in state.items())
    unmerge(tiny_sam)
    torch.testing.assert_close(tiny_sam.image_encoder(batch.images), before, atol=1e-5, rtol=1e-5)


def test_each_projection_of_qkv_has_its_own_matrices():
    layer = LoraLinear(torch.nn.Linear(4, 6), rank=1, groups=3)
    torch.nn.init.zeros_(layer.lora_B)
    x = torch.randn(5, 4)
    before = layer(x)
    with torch.no_grad():
        layer.lora_B[2:4] = 1  # the key's rows
    change = layer(x) - before
    torch.testing.assert_close(change[:, 2], x @ layer.lora_A[1])
    assert change[:, :2].abs().max() == change[:, 4:].abs().max() == 0


def test_a_second_lora_and_a_rank_of_nothing_are_refused(tiny_sam):
    with pytest.raises(SettingsError, match="rank of LoRA is 0"):
        add_lora(tiny_sam, rank=0)
    add_lora(tiny_sam)
    with pytest.raises(SettingsError, match="has LoRA already"):
        add_lora(tiny_sam)


def test_lora_trains_less_than_a_tenth_of_sam_nano():
    sam = build_sam_nano(64)
    freeze_what_is_not_trained(sam)
    add_lora(sam, rank=4, decoder=True)
    trained, every = counts(sam)
    assert trained < 0.1 * every


def test_lora_trains_less_than_a_tenth_of_vit_b_with_its_whole_decoder():
    from p2sam.models.sam import build_sam

    with torch.device("meta"):
        sam = build_sam("vit_b")
        freeze_what_is_not_trained(sam)
        add_lora(sam, rank=1)
    trained, every = counts(sam)
    assert every == 93_735_472 + sum(p.numel() for name, p in sam.named_parameters() if ".lora_" in name)
    assert trained < 0.05 * every


@pytest.mark.parametrize("decoder", [False, True])
def test_an_adapter_is_small_and_loads_upon_its_base(nano_file, tmp_path, decoder):
    network = load_network(nano_file)
    sam = network.module.requires_grad_(True)
    freeze_what_is_not_trained(sam)
    add_lora(sam, rank=2, decoder=decoder)
    disturbed(sam)
    for folder in ("with", "without"):
        (tmp_path / folder).mkdir()
    adapter = write_adapter(tmp_path / "with" / "adapter.pth", sam, network, {"ct": {"positive": [1, 3], "negative": [1, 1]}})
    whole = write_weights(tmp_path / "whole.pth", sam, network)
    assert adapter.stat().st_size < (0.1 if decoder else 0.35) * whole.stat().st_size
    (tmp_path / "with" / "nano.pth").write_bytes(nano_file.read_bytes())
    found, wanted = read_checkpoint(adapter), read_checkpoint(whole)
    assert found.ranges == {"ct": {"positive": [1, 3], "negative": [1, 1]}} and found.architecture == "sam_nano"
    for name, tensor in wanted.state.items():
        torch.testing.assert_close(found.state[name].float(), tensor.float(), atol=2e-3, rtol=2e-3)
    assert load(adapter).name == "adapter"
    (tmp_path / "without" / "adapter.pth").write_bytes(adapter.read_bytes())
    with pytest.raises(WeightsError, match="adapter of nano, whose weights"):
        load(tmp_path / "without" / "adapter.pth")


def test_without_lora_there_is_no_adapter(nano_file, tmp_path):
    network = load_network(nano_file)
    with pytest.raises(WeightsError, match="no adapter"):
        write_adapter(tmp_path / "a.pth", network.module, network)
