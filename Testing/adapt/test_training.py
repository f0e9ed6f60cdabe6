import csv
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_task import Discs, make_tiny_sam

from p2sam.adapt.curve import COLUMNS, Curve, read_curve
from p2sam.adapt.loader import order_of
from p2sam.adapt.lora import add_lora
from p2sam.adapt.options import TrainingOptions
from p2sam.adapt.processes import Processes
from p2sam.adapt.state import STATE
from p2sam.adapt.trainable import freeze_what_is_not_trained, parameter_groups
from p2sam.adapt.training import CURVE, Data, Training, Watchers
from p2sam.errors import Cancelled, InputError, SettingsError

CPU = torch.device("cpu")
QUICK = TrainingOptions(epochs=3, batch_size=2, clicks=1, logits_only=1, learning_rate=1e-3)


def training(folder, frame, options=QUICK, count=6, resume=False, lora=False, measure=None, **watchers):
    folder.mkdir(exist_ok=True)
    sam = make_tiny_sam()
    freeze_what_is_not_trained(sam)
    if lora:
        torch.manual_seed(0)
        add_lora(sam, rank=2)
    data = Data(Discs(count), Discs(4, seed=9), measure)
    return Training(sam, frame, data, options, folder, CPU, watchers=Watchers(**watchers), resume=resume)


def rows(folder):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in read_curve(folder / CURVE)]


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("stop_at", [2, 4])
def test_a_resumed_run_equals_an_unbroken_one(tmp_path, frame, lora, stop_at):
    whole = training(tmp_path / "whole", frame, lora=lora)
    whole.run()
    broken = training(tmp_path / "broken", frame, lora=lora)
    broken.watchers = Watchers(stopped=lambda: broken.progress.step == stop_at)
    with pytest.raises(Cancelled, match=f"stopped at step {stop_at} of 9"):
        broken.run()
    torch.manual_seed(999)  # whatever else the new process does
    resumed = training(tmp_path / "broken", frame, lora=lora, resume=True)
    resumed.run()
    for (name, one), other in zip(whole.sam.state_dict().items(), resumed.sam.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert rows(tmp_path / "whole") == rows(tmp_path / "broken")
    assert (whole.progress.best, whole.progress.step) == (resumed.progress.best, resumed.progress.step)


def test_the_loss_falls_and_every_kind_of_prompt_gets_better(tmp_path, frame):
    options = replace(QUICK, epochs=14, batch_size=4, learning_rate=4e-3, drop_path=0.0)
    one = training(tmp_path / "t", frame, options, count=16)
    before = one.measured()
    one.run()
    losses = [float(row["loss"]) for row in rows(tmp_path / "t") if row["loss"]]
    after = one.measured()
    assert losses[-1] < 0.5 * losses[0]
    assert all(after[kind] > max(before[kind], 0.6) for kind in ("none", "point", "box")), (before, after)


def test_training_stops_when_it_has_not_been_better_for_long_enough(tmp_path, frame):
    one = training(tmp_path / "t", frame, replace(QUICK, epochs=50, patience=2, learning_rate=0.0))
    progress = one.run()
    assert progress.finished and progress.epoch == 3 and progress.best_epoch == 0


def test_a_finished_training_goes_on_with_more_epochs(tmp_path, frame):
    training(tmp_path / "t", frame, replace(QUICK, epochs=1)).run()
    progress = training(tmp_path / "t", frame, replace(QUICK, epochs=2), resume=True).run()
    assert progress.epoch == 2 and progress.step == 6


def test_accumulated_batches_make_one_step(tmp_path, frame):
    one = training(tmp_path / "t", frame, replace(QUICK, epochs=1, accumulate=2))
    assert one.batches == 3 and one.steps == 2
    assert one.run().step == 2


def test_half_precision_and_checkpointing_train_too(tmp_path, frame):
    options = replace(QUICK, epochs=1, precision="bfloat16", checkpointing=True, clip=1.0)
    assert training(tmp_path / "t", frame, options).run().best > -1


def test_another_option_is_not_resumed(tmp_path, frame):
    training(tmp_path / "t", frame, replace(QUICK, epochs=1)).run()
    with pytest.raises(InputError, match="begun with another clicks, learning_rate"):
        training(tmp_path / "t", frame, replace(QUICK, clicks=2, learning_rate=1e-5), resume=True)
    with pytest.raises(InputError, match="no training to resume"):
        training(tmp_path / "new", frame, resume=True)
    (tmp_path / "t" / STATE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="is damaged"):
        training(tmp_path / "t", frame, replace(QUICK, epochs=1), resume=True)


def test_the_curve_shows_over_fitting_where_the_training_slices_are_measured_too(tmp_path, frame):
    training(tmp_path / "t", frame, replace(QUICK, epochs=1), measure=Discs(2)).run()
    (row,) = [row for row in rows(tmp_path / "t") if row["dice_mean"]]
    assert row["train_dice_box"] and row["train_dice_none"] and row["dice_box"]


def test_a_curve_loses_what_lies_beyond_the_resume_and_a_line_cut_short(tmp_path):
    curve = Curve(tmp_path / "c.csv")
    for step in (20, 40, 60):
        curve.add({"step": step, "loss": 1 / step})
    with (tmp_path / "c.csv").open("a") as file:
        file.write("80,0,1")
    assert [row["step"] for row in read_curve(tmp_path / "c.csv")] == ["20", "40", "60"]
    Curve(tmp_path / "c.csv", resume_step=40)
    with (tmp_path / "c.csv").open() as file:
        assert [tuple(row)[:1] for row in csv.reader(file)] == [(COLUMNS[0],), ("20",), ("40",)]


def test_two_processes_share_an_epoch_without_doubles():
    shares = [order_of(10, 2, 0, 0, Processes(rank, 2)) for rank in (0, 1)]
    seen = [index for share in shares for part in share for index in part]
    assert len(seen) == len(set(seen)) == 8 and order_of(10, 2, 0, 0, Processes()) != order_of(10, 2, 0, 1, Processes())
    tiny = [order_of(3, 4, 0, 0, Processes(rank, 2)) for rank in (0, 1)]
    assert [[len(part) for part in share] for share in tiny] == [[4], [4]]


def test_what_decays_is_matrices_alone(tiny_sam):
    decaying, still = (group["params"] for group in parameter_groups(tiny_sam, 0.05))
    assert all(p.ndim > 1 for p in decaying)
    assert {id(tiny_sam.mask_decoder.iou_token.weight), id(tiny_sam.image_encoder.blocks[0].norm1.weight)} <= {id(p) for p in still}
    assert len(decaying) + len(still) == sum(p.requires_grad for p in tiny_sam.parameters())


def test_options_outside_their_range_are_refused():
    with pytest.raises(SettingsError, match="batch_size is 0"):
        TrainingOptions(batch_size=0)
    with pytest.raises(SettingsError, match="method is 'qlora'"):
        TrainingOptions(method="qlora")
    with pytest.raises(SettingsError, match="Unknown training option: momentum"):
        TrainingOptions.from_dict({"momentum": 0.9})


def test_two_processes_keep_equal_weights_and_write_one_state(tmp_path):
    script = Path(__file__).parent / "two_processes.py"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen([sys.executable, script, tmp_path], env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    told = [one.communicate(timeout=400)[1] for one in started]
    assert [one.returncode for one in started] == [0, 0], told
    sums = [(tmp_path / f"sum{rank}.txt").read_text() for rank in (0, 1)]
    assert sums[0] == sums[1]
    state = torch.load(tmp_path / STATE, weights_only=True)
    assert len(state["random"]) == 2 and state["progress"]["finished"]
