"""The small phantom patient, written once for all tests of a worker."""

import numpy as np
import pytest
from p2sam.files.images import read_volume, write_volume
from p2sam.phantom import write_phantom
from p2sam.volume import Volume


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """name -> path of the phantom's files, with voxels three times the usual."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), scale=3)


@pytest.fixture(scope="session")
def far_away(phantom, tmp_path_factory):
    """The first follow-up, two metres off."""
    volume = read_volume(phantom["followup1_ct"])
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += np.array([0.0, 0.0, 2000.0])
    path = tmp_path_factory.mktemp("far") / "far.nrrd"
    write_volume(Volume(volume.array, matrix), path)
    return path
