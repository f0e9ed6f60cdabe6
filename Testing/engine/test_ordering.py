"""The benchmark of the order of review: what it counts."""

import importlib.util
from pathlib import Path

import pytest
import SimpleITK as sitk
from p2sam.files.images import read_volume
from p2sam.files.output import write_visit
from p2sam.files.segmentations import write_segmentation
from p2sam.segmentation import Segmentation
from p2sam.volume import LPS_TO_RAS
from visit_fixture import make_visit

PLACE = Path(__file__).resolve().parents[1] / "benchmarks" / "ordering.py"


@pytest.fixture(scope="module")
def ordering():
    spec = importlib.util.spec_from_file_location("ordering", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_an_order_that_is_that_of_the_error_has_minus_one_and_the_opposite_one_plus_one(ordering):
    right = [(distance, 1 - distance / 10, distance > 6) for distance in (1.0, 3.0, 2.0, 7.0, 5.0, 4.0, 8.0, 6.0)]
    assert cells(ordering.row_of("v", "GTV", right)) == ["v", "GTV", "8", "-1.00", "1.00", "1.00"]
    assert cells(ordering.row_of("v", "GTV", [(-distance, dice, False) for distance, dice, _ in right])) == ["v", "GTV", "8", "+1.00", "0.00", "0.00"]


def test_the_written_files_of_a_visit_are_compared_slice_by_slice(ordering, tmp_path):
    visit = make_visit()
    write_visit(visit, tmp_path / "out")
    volume = visit.followup
    image = sitk.GetImageFromArray(volume.array)
    lps = LPS_TO_RAS @ volume.ijk_to_ras
    image.SetSpacing(volume.spacing_mm.tolist())
    image.SetDirection((lps[:3, :3] / volume.spacing_mm).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(tmp_path / "v_ct.nrrd"))
    known = Segmentation(tuple(one.segment for one in visit.structures), volume.ijk_to_ras, volume.array.shape)
    write_segmentation(known, tmp_path / "truth.seg.nrrd")
    assert read_volume(tmp_path / "v_ct.nrrd").shape == volume.shape
    found = dict(ordering.slices_of(tmp_path / "out", tmp_path / "truth.seg.nrrd", tmp_path / "v_ct.nrrd"))
    for structure in visit.structures:
        scored = [result for result in structure.slices if result.distance is not None]
        assert [dice for _distance, dice, _reason in found[structure.segment.name]] == [1.0] * len(scored)
        assert [reason for _distance, _dice, reason in found[structure.segment.name]] == [bool(result.flags) for result in scored]
