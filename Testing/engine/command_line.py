"""Running the command line in tests, in this process, and the scans it is run on."""

import numpy as np
from dicom_files import FRAME as DICOM_FRAME
from dicom_files import write_series
from p2sam.cli import main
from p2sam.files.images import read_volume
from p2sam.volume import LPS_TO_RAS

__all__ = ["DICOM_FRAME", "base", "lines", "run", "write_dicom"]


def base(phantom, output):
    """The arguments of a small run: one structure, one follow-up."""
    return [
        "propagate", "--prior", phantom["prior_ct"], "--segmentation", phantom["prior_segmentation"],
        "--followup", phantom["followup1_ct"], "--structure", "GTV", "--output", output,
    ]  # fmt: skip


def run(arguments, capfd):
    """(exit code, stdout, stderr) of a command, with what native libraries print."""
    capfd.readouterr()
    code = main([str(one) for one in arguments])
    return code, *capfd.readouterr()


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def write_dicom(folder, path, **tags):
    """An axial, unflipped volume file as a DICOM series; returns the folder."""
    volume = read_volume(path)
    lps = LPS_TO_RAS @ volume.ijk_to_ras
    assert np.allclose(lps[:3, :3], np.diag(volume.spacing_mm))
    write_series(folder, volume.array, spacing=tuple(volume.spacing_mm), origin=tuple(lps[:3, 3]), **tags)
    return folder
