"""The output folder: whole or not at all, and every file of it opens."""

import csv
import errno
import hashlib
import json
from dataclasses import replace

import numpy as np
import p2sam.files.output as output
import pytest
import SimpleITK as sitk
from p2sam.errors import InputError, OutputError
from p2sam.files.output import check_output_folder, write_visit
from p2sam.files.provenance import sha256_of
from p2sam.files.segmentations import read_segmentation
from visit_fixture import AWKWARD_NAME, TUMOUR_RAS, make_visit

ALWAYS = {"segmentation.seg.nrrd", "positive_prompts.mrk.json", "negative_prompts.mrk.json", "slices.csv", "provenance.json", "report.html"}


@pytest.fixture(scope="module")
def visit():
    return make_visit()


def names_in(folder):
    return {file.name for file in folder.iterdir()}


def test_a_visit_is_written_with_all_its_files_and_nothing_beside_them(visit, tmp_path):
    folder = write_visit(visit, tmp_path / "out" / "visit2")
    assert names_in(folder) == ALWAYS
    assert names_in(tmp_path / "out") == {"visit2"}


def test_metrics_and_transform_are_written_where_they_are_given(visit, tmp_path):
    transform = sitk.TranslationTransform(3, (1.0, 2.0, 3.0))
    folder = write_visit(visit, tmp_path / "a", metrics_rows=[{"structure": AWKWARD_NAME, "dice": 0.9}], transform=transform)
    assert names_in(folder) == ALWAYS | {"metrics.csv", "transform.h5"}
    assert sitk.ReadTransform(str(folder / "transform.h5")).TransformPoint((0.0, 0.0, 0.0)) == (1.0, 2.0, 3.0)
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"structure": AWKWARD_NAME, "dice": "0.9"}]


def test_the_provenance_names_versions_model_alignment_and_the_hash_of_every_input_and_output(visit, tmp_path):
    ct = tmp_path / "ct.nrrd"
    ct.write_bytes(b"voxels")
    series = tmp_path / "series"
    (series / "deep").mkdir(parents=True)
    (series / "b.dcm").write_bytes(b"2")
    (series / "deep" / "a.dcm").write_bytes(b"1")
    folder = write_visit(visit, tmp_path / "out", inputs={"followup_ct": ct, "prior_ct": series})
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert told["model"] == "graph" and told["preset"] == "clinical" and told["settings"] is None and told["complete"] is True
    assert told["alignment"]["used"] == "rigid" and told["seconds"] == 12.5
    assert told["versions"]["numpy"] == np.__version__ and "python" in told["versions"]
    assert told["inputs"]["followup_ct"] == {"path": str(ct), "sha256": hashlib.sha256(b"voxels").hexdigest()}
    listing = f"{hashlib.sha256(b'2').hexdigest()}  b.dcm\n{hashlib.sha256(b'1').hexdigest()}  deep/a.dcm\n"
    assert told["inputs"]["prior_ct"]["sha256"] == hashlib.sha256(listing.encode()).hexdigest()
    assert told["files"] == {name: sha256_of(folder / name) for name in ALWAYS - {"provenance.json"}}


def test_numbers_that_json_does_not_know_become_null_and_arrays_lists(visit, tmp_path):
    odd = {"quality": float("nan"), "matrix": np.eye(2), "counts": (np.int64(2), np.float32(0.5))}
    folder = write_visit(replace(visit, alignment=odd), tmp_path / "out")
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["alignment"]
    assert told == {"quality": None, "matrix": [[1.0, 0.0], [0.0, 1.0]], "counts": [2, 0.5]}


def test_an_input_that_is_gone_writes_nothing(visit, tmp_path):
    with pytest.raises(InputError, match="cannot be read any more"):
        write_visit(visit, tmp_path / "out", inputs={"prior_ct": tmp_path / "gone.nrrd"})
    assert names_in(tmp_path) == set()


def test_an_earlier_result_is_replaced_only_when_asked(visit, tmp_path):
    folder = write_visit(visit, tmp_path / "out", metrics_rows=[{"dice": 1.0}])
    with pytest.raises(OutputError, match="earlier result"):
        write_visit(visit, folder)
    assert "metrics.csv" in names_in(folder)
    write_visit(visit, folder, overwrite=True)
    assert names_in(folder) == ALWAYS and names_in(tmp_path) == {"out"}


def test_a_folder_with_other_files_is_never_touched(visit, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("words")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="did not write"):
            write_visit(visit, folder, overwrite=overwrite)
    assert names_in(folder) == {"chapter1.txt"} and names_in(tmp_path) == {"thesis"}


@pytest.mark.parametrize("name", ["provenance.json", "notes/provenance.json"])
def test_a_foreign_provenance_file_does_not_make_a_folder_ours(visit, tmp_path, name):
    file = tmp_path / "out" / name
    file.parent.mkdir(parents=True)
    file.write_text('{"application": "another"}')
    with pytest.raises(OutputError, match="did not write"):
        write_visit(visit, tmp_path / "out", overwrite=True)
    assert file.exists()


@pytest.mark.parametrize(("name", "text"), [("segmentation.seg.nrrd", "corrected by hand"), ("notes.txt", "seen with Dr B")])
def test_work_a_person_did_in_the_folder_is_not_overwritten(visit, tmp_path, name, text):
    folder = write_visit(visit, tmp_path / "out")
    (folder / name).write_text(text)
    with pytest.raises(OutputError, match=name):
        check_output_folder(folder, overwrite=True)
    with pytest.raises(OutputError, match="added or edited"):
        write_visit(visit, folder, overwrite=True)
    assert (folder / name).read_text() == text


def test_an_empty_folder_is_used_and_a_file_is_refused(visit, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").write_bytes(b"")
    assert names_in(write_visit(visit, tmp_path / "out")) == ALWAYS
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="not a folder"):
        write_visit(visit, tmp_path / "file", overwrite=True)


@pytest.mark.parametrize("step", ["write_segmentation", "write_prompts", "write_slices", "render_report", "_put_in_place"])
def test_a_full_disk_leaves_nothing_and_says_so(visit, tmp_path, monkeypatch, step):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output, step, full)
    with pytest.raises(OutputError, match="No space left on device.*nothing was left behind"):
        write_visit(visit, tmp_path / "made" / "for" / "it")
    assert names_in(tmp_path) == set()


def test_a_full_disk_keeps_the_earlier_result(visit, tmp_path, monkeypatch):
    folder = write_visit(visit, tmp_path / "out")
    before = {name: sha256_of(folder / name) for name in ALWAYS}
    rename, calls = output.os.rename, []

    def fails_the_second_time(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(output.os, "rename", fails_the_second_time)
    with pytest.raises(OutputError, match="No space left"):
        write_visit(visit, folder, overwrite=True)
    assert {name: sha256_of(folder / name) for name in ALWAYS} == before and names_in(tmp_path) == {"out"}


def test_an_interruption_leaves_nothing(visit, tmp_path, monkeypatch):
    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "render_report", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_visit(visit, tmp_path / "out")
    assert names_in(tmp_path) == set()


def test_a_parent_that_is_a_file_is_an_output_error(visit, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not be written"):
        write_visit(visit, tmp_path / "file" / "out")


def open_segmentation(path):
    """(scene, node) in slicer-core: the scene must outlive the node."""
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    scene = slicer.vtkMRMLScene()
    node = slicer.vtkMRMLSegmentationNode()
    scene.AddNode(node)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return scene, node


def segment_centre_ras(segment):
    from vtk.util.numpy_support import vtk_to_numpy

    image = segment.GetRepresentation("Binary labelmap")
    shape = image.GetDimensions()[::-1]
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape) == segment.GetLabelValue()
    ijk = np.argwhere(voxels)[:, ::-1].mean(axis=0) + np.array(image.GetExtent()[::2])
    import vtk

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return np.array(matrix.MultiplyPoint((*ijk, 1.0)))[:3]


@pytest.mark.parametrize("arguments", [{}, {"flips": (True, False, False)}, {"slice_last": True}], ids=str)
def test_slicer_opens_the_segmentation_with_names_ids_colours_and_places(tmp_path, arguments):
    visit = make_visit(**arguments)
    folder = write_visit(visit, tmp_path / "out")
    _scene, node = open_segmentation(folder / "segmentation.seg.nrrd")
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    for number, structure in enumerate(visit.structures):
        segment = segmentation.GetNthSegment(number)
        assert segment.GetName() == structure.segment.name and segmentation.GetNthSegmentID(number) == structure.segment.id
        assert np.allclose(segment.GetColor(), structure.segment.color_rgb, atol=1e-6)
        expected = visit.followup.ras_of(np.argwhere(structure.segment.mask)[:, ::-1].mean(axis=0, keepdims=True))[0]
        assert np.allclose(segment_centre_ras(segment), expected, atol=0.01)
    assert np.linalg.norm(segment_centre_ras(segmentation.GetNthSegment(0)) - TUMOUR_RAS) < 3


def test_an_incomplete_result_is_marked_in_the_segmentation_the_provenance_and_the_report(tmp_path):
    folder = write_visit(make_visit(complete=False), tmp_path / "out")
    assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["complete"] is False
    assert "This result is incomplete" in (folder / "report.html").read_text(encoding="utf-8")
    assert b"P2SAMSlicer_Complete:=false" in (folder / "segmentation.seg.nrrd").read_bytes()[:5000]
    whole = write_visit(make_visit(), tmp_path / "whole")
    assert "This result is incomplete" not in (whole / "report.html").read_text(encoding="utf-8")
    assert b"P2SAMSlicer_Complete" not in (whole / "segmentation.seg.nrrd").read_bytes()[:5000]


def test_slicer_shows_the_segments_of_an_incomplete_result_as_in_progress(tmp_path):
    vtk = pytest.importorskip("vtk", reason="vtk is not installed")
    folder = write_visit(make_visit(complete=False), tmp_path / "out")
    _scene, node = open_segmentation(folder / "segmentation.seg.nrrd")
    for number in range(2):
        status = vtk.reference("")
        assert node.GetSegmentation().GetNthSegment(number).GetTag("Segmentation.Status", status)
        assert str(status) == "inprogress"
    assert np.allclose(segment_centre_ras(node.GetSegmentation().GetNthSegment(0)), TUMOUR_RAS, atol=3)


def tag_of(segment, name):
    import vtk

    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else None


def reviewed(visit, statuses):
    """The visit with the slices of its structures settled as the lists say, in their order."""
    entries = [
        {"structure": one.segment.name, "slice": result.index, "status": status}
        for one, wanted in zip(visit.structures, statuses)
        for result, status in zip(one.slices, wanted)
    ]
    return replace(visit, provenance={"review": {"slices": entries}})


def test_slicer_reads_the_status_of_the_review_and_that_it_is_for_research(tmp_path):
    visit = make_visit()
    tumour, cord = (len(one.slices) for one in visit.structures)
    for name, statuses, wanted in (
        ("open", [[], []], ["notstarted", "notstarted"]),
        ("begun", [["accepted"], ["edited"] * cord], ["inprogress", "inprogress"]),
        ("done", [["accepted"] * tumour, ["accepted"] * (cord - 1) + ["flagged"]], ["completed", "flagged"]),
    ):
        folder = write_visit(reviewed(visit, statuses), tmp_path / name)
        _scene, node = open_segmentation(folder / "segmentation.seg.nrrd")
        segments = [node.GetSegmentation().GetNthSegment(number) for number in range(2)]
        assert [tag_of(one, "Segmentation.Status") for one in segments] == wanted
        assert [one.GetName() for one in segments] == [one.segment.name for one in visit.structures]
        assert "P2SAM result for research use only, " in tag_of(segments[0], "P2SAM.Note")
        assert tag_of(segments[1], "P2SAM.Note").endswith(f"{cord} of {cord} slices reviewed" if name != "open" else "not reviewed")


def test_a_result_that_nobody_reviewed_says_so_in_its_segments_and_reads_back_the_same(tmp_path):
    visit = make_visit()
    folder = write_visit(visit, tmp_path / "out")
    _scene, node = open_segmentation(folder / "segmentation.seg.nrrd")
    segment = node.GetSegmentation().GetNthSegment(0)
    assert tag_of(segment, "P2SAM.Note") == "P2SAM result for research use only, not reviewed" and tag_of(segment, "Segmentation.Status") is None
    read = read_segmentation(folder / "segmentation.seg.nrrd", visit.followup)
    assert all(np.array_equal(one.mask, other.segment.mask) for one, other in zip(read.segments, visit.structures))
