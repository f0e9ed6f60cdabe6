"""One of two processes of a training, as torchrun starts them: `two_processes.py FOLDER`."""

import sys
from pathlib import Path

import torch
from tiny_task import FRAME, Discs, make_tiny_sam

from p2sam.adapt.batch import Frame
from p2sam.adapt.options import TrainingOptions
from p2sam.adapt.processes import processes
from p2sam.adapt.trainable import freeze_what_is_not_trained
from p2sam.adapt.training import Data, Training

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    options = TrainingOptions(epochs=2, batch_size=2, clicks=1, logits_only=1, accumulate=2)
    with processes("cpu") as (mine, device):
        sam = make_tiny_sam()
        freeze_what_is_not_trained(sam)
        Training(sam, Frame(FRAME), Data(Discs(8), Discs(2, seed=1)), options, folder, torch.device(device), mine).run()
        total = sum(float(p.double().sum()) for p in sam.parameters())
        (folder / f"sum{mine.rank}.txt").write_text(repr(total))
