"""`p2sam finetune` from end to end, and `p2sam propagate --model` with every form of weights."""

import argparse
import json

import numpy as np
import pytest
import torch
from tiny_task import make_tiny_sam

from p2sam.adapt import material, synthetic
from p2sam.adapt.curve import read_curve
from p2sam.adapt.export import write_weights
from p2sam.adapt.finetuning import Job, network_of
from p2sam.adapt.options import TrainingOptions
from p2sam.cli import main
from p2sam.models import checkpoints, sam
from p2sam.models.checkpoints import read_checkpoint
from p2sam.models.loading import load
from p2sam.phantom import write_phantom

QUICK = ["--epochs", "1", "--device", "cpu", "--set", "clicks=1", "--set", "logits_only=1", "--set", "masks=2"]


@pytest.fixture(autouse=True)
def small_measures(monkeypatch):
    for name in ("SYNTHETIC_VALIDATION", "SYNTHETIC_TEST"):
        monkeypatch.setattr(material, name, 3)
    monkeypatch.setattr(synthetic, "PHANTOM_SHARE", 0.0)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("phantom"), scale=4.0)


def propagated(phantom, output, model, capsys, *more):
    given = ["--prior", phantom["prior_ct"], "--segmentation", phantom["prior_segmentation"], "--followup", phantom["followup1_ct"]]
    options = ["--output", output, "--structure", "GTV", "--alignment", "centre", "--model", model, "--device", "cpu", "--json", *more]
    capsys.readouterr()
    code = main(list(map(str, ["propagate", *given, *options])))
    told = json.loads(capsys.readouterr().out)
    assert code == 0, told["error"]
    return told


def test_a_new_nano_learns_from_synthetic_images_and_propagates(tmp_path, phantom, capsys):
    command = ["finetune", "--synthetic", "--frame", "64", "--images", "4", "--half", "--json", "--output", str(tmp_path / "t"), *QUICK]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["steps"] == 1 and record["base"]["frame"] == 64 and set(record["test"]) == {"none", "point", "box", "mean"}
    weights = tmp_path / "t" / "model.safetensors"
    assert weights.stat().st_size < 16e6 and read_checkpoint(weights).ranges == record["ranges"]["saved"]
    assert [row["step"] for row in read_curve(tmp_path / "t" / "curve.csv")] == ["1"]
    told = propagated(phantom, tmp_path / "p", weights, capsys)
    low, high = record["ranges"]["saved"]["ct"]["positive"]
    assert told["settings"]["n_positive"] == list(range(low, high + 1)) and told["model"]["name"] == "model"
    assert propagated(phantom, tmp_path / "q", weights, capsys, "--set", "n_positive=2", "--set", "n_negative=0")["settings"]["n_positive"] == [2]


def test_a_training_is_not_overwritten_and_resumes(tmp_path, capsys):
    command = ["finetune", "--synthetic", "--frame", "64", "--images", "4", "--output", str(tmp_path / "t"), *QUICK]
    assert main(command) == 0 and main(command) == 2
    assert "holds a training already; give --resume" in capsys.readouterr().err
    command[command.index("--epochs") + 1] = "2"
    assert main([*command, "--resume"]) == 0
    assert [row["epoch"] for row in read_curve(tmp_path / "t" / "curve.csv")] == ["0", "1"]


def test_lora_on_one_prior_writes_an_adapter_and_shows_over_fitting(tmp_path, phantom, capsys):
    network = network_of(Job(material.Material("synthetic"), tmp_path, TrainingOptions(), frame=64))
    base = write_weights(tmp_path / "sam_nano.pth", network.module, network)
    given = {
        "--prior": phantom["prior_ct"], "--segmentation": phantom["prior_segmentation"], "--followup": phantom["followup1_ct"],
        "--truth": phantom["followup1_truth"], "--structure": "GTV", "--model": base, "--method": "lora", "--output": tmp_path / "one",
    }  # fmt: skip
    assert main(["finetune", *(str(part) for pair in given.items() for part in pair), *QUICK, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["trained_parameters"] < 0.1 * record["parameters"] and record["data"]["kind"] == "prior"
    rows = [row for row in read_curve(tmp_path / "one" / "curve.csv") if row["dice_mean"]]
    assert rows[0]["train_dice_point"] and rows[0]["dice_point"]
    adapter = tmp_path / "one" / "adapter.pth"
    assert adapter.stat().st_size < 1.5e6
    (tmp_path / "one" / "sam_nano.pth").write_bytes(base.read_bytes())
    merged, adapted = load(tmp_path / "one" / "model.pth"), load(adapter)
    images = np.random.default_rng(0).integers(0, 255, (1, 50, 64, 3), dtype=np.uint8)
    torch.testing.assert_close(merged.embed(images)[0].features, adapted.embed(images)[0].features, atol=0.02, rtol=0.02)


def authors(state):
    """As the authors' script saves it: names of timm, the optimiser, its options."""
    renamed = {name.replace(".mlp.lin", ".mlp.fc") if name.startswith("image_encoder.") else name: tensor for name, tensor in state.items()}
    return {"model": renamed, "optimizer": {}, "epoch": 3, "args": argparse.Namespace(lora=True), "result": np.float64(0.8)}


def with_lora(state):
    matrices = {}
    for layer in [name.removesuffix(".weight") for name in state if name.endswith(("attn.qkv.weight", "attn.proj.weight")) and name.startswith("image_encoder")]:
        rows, columns = state[f"{layer}.weight"].shape
        matrices[f"{layer}.lora_A"], matrices[f"{layer}.lora_B"] = torch.zeros(3 if layer.endswith("qkv") else 1, columns), torch.zeros(rows, 1)
    return state | matrices


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("authors_full.pth", authors),
        ("authors_lora.pth", lambda state: authors(with_lora(state))),
        ("medsam_vit_b.pth", lambda state: state),
        ("ours.pth", lambda state: {"format": "p2sam-1", "architecture": "vit_b", "model": state, "ranges": {"ct": {"positive": [2, 2], "negative": [1, 1]}}}),
    ],
)
def test_propagate_runs_with_every_form_of_weights(tmp_path, phantom, capsys, monkeypatch, name, form):
    """The form is the real one; the network has the parts of a ViT-B and few weights, so that it is quick."""
    monkeypatch.setitem(checkpoints._SAM_SIZES, (24, 2), "vit_b")
    monkeypatch.setitem(sam.sam_model_registry, "vit_b", lambda checkpoint: make_tiny_sam())
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "home"))
    torch.save(form(make_tiny_sam(seed=5).state_dict()), tmp_path / name)
    told = propagated(phantom, tmp_path / "p", tmp_path / name, capsys)
    assert told["model"]["name"] == name.removesuffix(".pth") and told["visits"][0]["complete"]
    assert told["settings"]["n_positive"] == ([2] if name == "ours.pth" else [1, 2, 3])
    assert load(tmp_path / name).normalisation == ("minmax" if name.startswith("medsam") else "imagenet")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "0 data sets were given"),
        (["--synthetic", "--kvasir", "."], "2 data sets were given"),
        (["--prior", "ct.nrrd"], "--prior and --segmentation belong together"),
        (["--synthetic", "--followup", "ct.nrrd"], "--followup and --truth belong together"),
        (["--synthetic", "--set", "batch_size=0"], "batch_size is 0"),
        (["--synthetic", "--set", "first=circle"], "first is circle"),
        (["--synthetic", "--set", "clicks"], "has no value"),
        (["--synthetic", "--frame", "100"], "steps of 64, not 100"),
        (["--synthetic", "--model", "graph"], "graph has no weights"),
        (["--synthetic", "--precision", "fp8"], "precision is 'fp8'"),
        (["--synthetic", "--split-by", "voxel"], "choose patient or slice"),
        (["--nsclc", "nowhere"], "no file or folder 'nowhere'"),
        (["--synthetic", "--split", "split.json"], "are not split"),
        (["--synthetic", "--epochs", "0"], "epochs is 0"),
        (["--synthetic", "--images", "0"], "--images"),
    ],
)
def test_what_cannot_be_trained_ends_in_a_sentence(tmp_path, capsys, given, sentence, monkeypatch):
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "home"))
    assert main(["finetune", "--device", "cpu", "--output", str(tmp_path / "o"), *given]) == 2
    err = capsys.readouterr().err
    assert sentence in err and "Traceback" not in err


def test_a_file_where_the_training_should_go_is_told_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "o").write_text("mine")
    assert main(["finetune", "--device", "cpu", "--synthetic", "--output", str(tmp_path / "o")]) == 5
    assert "cannot be made" in capsys.readouterr().err and (tmp_path / "o").read_text() == "mine"


def test_slices_of_another_data_set_are_not_trained_on(tmp_path, phantom, capsys):
    given = ["finetune", *QUICK, "--frame", "64", "--model", str(tmp_path / "tiny.pth"), "--output", str(tmp_path / "o"), "--prior", phantom["prior_ct"]]
    new = network_of(Job(material.Material("synthetic"), tmp_path, TrainingOptions(), frame=64))
    write_weights(tmp_path / "tiny.pth", new.module, new)
    given = [str(one) for one in [*given, "--segmentation", phantom["prior_segmentation"]]]
    assert main([*given, "--structure", "GTV"]) == 0
    capsys.readouterr()
    assert main([*given, "--structure", "Heart", "--resume"]) == 2
    assert "not of" in (err := capsys.readouterr().err) and "Heart" in err and "another --output" in err
