"""Structures come onto the CT's grid with their names, and go out so that 3D Slicer opens them."""

import errno
import gzip
import os
import re

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import new_dataset, write_rtstruct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from p2sam.errors import GeometryError, InputError, OutputError, StructureError
from p2sam.files.images import read_volume, write_volume
from p2sam.files.nrrd import read_nrrd_header
from p2sam.segmentation import Segment, Segmentation, distinct_color
from p2sam.files.segmentations import read_segmentation, write_segmentation
from p2sam.volume import Volume
from pydicom.uid import SegmentationStorage
from scipy.spatial.transform import Rotation
from test_volume import volumes

LIVER = "Segmentation category and type~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~Anatomic codes~^^~^^"
MATRIX = np.eye(4)
MATRIX[:3, :3] = Rotation.from_euler("xyz", [10, -25, 40], degrees=True).as_matrix() @ np.diag([0.7, -1.3, 2.9])
MATRIX[:3, 3] = [-101.3, 17.77, 1003.1]
SHAPE = (9, 16, 20)


def grid(shape=SHAPE, matrix=MATRIX):
    return Volume(np.zeros(shape, np.int16), matrix)


def box(*bounds, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*bound) for bound in bounds)] = True
    return mask


def two_structures(overlap):
    """A liver and a lesion, in Slicer's words; the lesion may lie inside the liver."""
    lesion = box((3, 6), (5, 9), (6, 10)) if overlap else box((3, 6), (5, 9), (14, 18))
    segments = (
        Segment("Liver, right lobe", box((1, 7), (3, 12), (4, 12)), "Segment_7", (0.8666, 0.51, 0.396), LIVER),
        Segment("lésion 1", lesion, "Segment_x", (1.0, 0.0, 0.25)),
    )
    return Segmentation(segments, MATRIX, SHAPE)


def label_map(volume, array, path):
    write_volume(Volume(array, volume.ijk_to_ras), path)
    return path


@pytest.mark.parametrize("overlap", [False, True])
def test_names_ids_colours_terminology_and_overlap_survive_a_round_trip(tmp_path, overlap):
    written = two_structures(overlap)
    write_segmentation(written, tmp_path / "s.seg.nrrd")
    back = read_segmentation(tmp_path / "s.seg.nrrd", grid())
    assert [(s.name, s.id, s.color_rgb, s.terminology) for s in back.segments] == [(s.name, s.id, s.color_rgb, s.terminology) for s in written.segments]
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(back.segments, written.segments))
    assert back.meta["warnings"] == ()
    assert len(read_nrrd_header(tmp_path / "s.seg.nrrd").sizes) == (4 if overlap else 3)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(volumes(), st.booleans())
def test_a_written_segmentation_has_the_grid_bit_for_bit(tmp_path, volume, overlap):
    masks = [volume.array % 3 == 0, volume.array % (2 if overlap else 3) == 1]
    segments = tuple(Segment(f"s{index}", mask, f"id{index}") for index, mask in enumerate(masks))
    path = tmp_path / "any.seg.nrrd"
    write_segmentation(Segmentation(segments, volume.ijk_to_ras, volume.shape), path)
    header = read_nrrd_header(path)
    assert np.array_equal(header.ijk_to_ras, volume.ijk_to_ras)
    assert header.sizes[-3:] == volume.shape[::-1]
    back = read_segmentation(path, volume)
    assert back.meta["warnings"] == () and np.array_equal(back.ijk_to_ras, volume.ijk_to_ras)
    assert all(np.array_equal(one.mask, other) for one, other in zip(back.segments, masks))


@settings(max_examples=40)
@given(volumes(), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3), st.data())
def test_a_cropped_flipped_and_turned_grid_is_moved_voxel_by_voxel(tmp_path_factory, volume, axes, flips, data):
    """The same labels stored in any axis order, cropped to any box, come back exact and without a warning."""
    labels = (volume.array % 4).astype(np.int16)
    low = [data.draw(st.integers(0, size - 2)) for size in volume.shape]
    crop = tuple(slice(start, None) for start in low)
    stored = np.flip(labels[crop].transpose(axes), [axis for axis in range(3) if flips[axis]])
    matrix = np.eye(4)
    matrix[:3, 3] = volume.ras_of(np.array([low[::-1]], dtype=float))[0]
    for place in range(3):
        column = volume.ijk_to_ras[:3, 2 - axes[place]]
        matrix[:3, 2 - place] = -column if flips[place] else column
        matrix[:3, 3] += column * (stored.shape[place] - 1) * flips[place]
    path = tmp_path_factory.mktemp("labels") / "labels.nrrd"
    write_volume(Volume(np.ascontiguousarray(stored), matrix), path)
    if not stored.any():
        return
    expected = np.zeros_like(labels)
    expected[crop] = labels[crop]
    back = read_segmentation(path, volume)
    assert back.meta["warnings"] == ()
    for segment in back.segments:
        assert np.array_equal(segment.mask, expected == int(segment.name.split()[-1]))


def test_labels_of_a_label_map_get_names_ids_and_different_colours(tmp_path):
    array = np.zeros(SHAPE, np.uint8)
    array[2, 3:6], array[5, 3:6], array[7, :2] = 1, 4, 9
    back = read_segmentation(label_map(grid(), array, tmp_path / "l.nii.gz"), grid())
    assert back.names == ("label 1", "label 4", "label 9")
    assert [segment.id for segment in back.segments] == ["Segment_1", "Segment_4", "Segment_9"]
    assert len({segment.color_rgb for segment in back.segments}) == 3
    assert np.array_equal(back.segment("label 4").mask, array == 4)


def test_labels_stored_as_whole_floats_are_read(tmp_path):
    array = np.zeros(SHAPE, np.float32)
    array[2, 3:6] = 2
    assert read_segmentation(label_map(grid(), array, tmp_path / "l.nii"), grid()).names == ("label 2",)


def test_a_finer_grid_is_interpolated_with_a_warning(tmp_path):
    fine = MATRIX.copy()
    fine[:3, :3] = MATRIX[:3, :3] / [2, 2, 2]
    fine[:3, 3] -= MATRIX[:3, :3] @ np.full(3, 0.25)
    array = np.repeat(np.repeat(np.repeat(two_structures(False).segments[0].mask, 2, 0), 2, 1), 2, 2).astype(np.uint8)
    back = read_segmentation(label_map(grid(matrix=fine), array, tmp_path / "fine.nrrd"), grid())
    assert np.array_equal(back.segments[0].mask, two_structures(False).segments[0].mask)
    assert "interpolated" in back.meta["warnings"][0] and len(back.meta["warnings"]) == 1


@pytest.mark.parametrize("turn", [0, 7, 30])
@pytest.mark.parametrize("spacing", [[1.0, 1.0, 1.0], [0.8, 1.4, 3.0], [2.0, 0.9, 1.2]])
def test_a_sphere_keeps_its_place_and_size_through_interpolation(tmp_path, turn, spacing):
    source = np.eye(4)
    source[:3, :3] = Rotation.from_euler("zx", [turn, turn / 2], degrees=True).as_matrix() @ np.diag([1.5, -1.1, 2.0])
    source[:3, 3] = -source[:3, :3] @ [20, 26, 15]
    ijk = np.stack(np.indices((31, 53, 41))[::-1], -1).reshape(-1, 3)
    radius = np.linalg.norm(grid(matrix=source).ras_of(ijk) - [2, -3, 1], axis=1).reshape(31, 53, 41)
    target = np.diag([*spacing, 1.0])
    target[:3, 3] = [-25, -25, -25]
    shape = tuple(int(50 / step) for step in spacing[::-1])
    back = read_segmentation(label_map(grid(matrix=source), (radius < 14).astype(np.uint8), tmp_path / "s.nrrd"), grid(shape, target))
    kji = np.argwhere(back.segments[0].mask)
    volume = len(kji) * np.prod(spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * 14**3, rel=0.03)
    np.testing.assert_allclose(grid(shape, target).ras_of(kji[:, ::-1]).mean(axis=0), [2, -3, 1], atol=0.3)


def test_half_a_voxel_of_shift_neither_grows_nor_shrinks_a_structure(tmp_path):
    shifted = MATRIX.copy()
    shifted[:3, 3] += MATRIX[:3, :3] @ [0.5, 0.5, 0.5]
    mask = two_structures(False).segments[0].mask
    back = read_segmentation(label_map(grid(matrix=shifted), mask.astype(np.uint8), tmp_path / "l.nrrd"), grid())
    extent = [np.ptp(axis) + 1 for axis in np.nonzero(back.segments[0].mask)]
    assert extent == [6, 9, 8]


def test_a_structure_that_reaches_beyond_the_ct_is_cut_with_a_warning(tmp_path):
    write_segmentation(two_structures(False), tmp_path / "s.seg.nrrd")
    small = grid((9, 16, 8))
    back = read_segmentation(tmp_path / "s.seg.nrrd", small)
    assert np.array_equal(back.segments[0].mask, two_structures(False).segments[0].mask[:, :, :8])
    assert any("'Liver, right lobe' has" in text and "cut off" in text for text in back.meta["warnings"])
    assert any("'lésion 1'" in text and "does not reach the CT" in text for text in back.meta["warnings"])


def test_a_segmentation_beside_the_ct_is_refused(tmp_path):
    write_segmentation(two_structures(False), tmp_path / "s.seg.nrrd")
    away = MATRIX.copy()
    away[:3, 3] += 500
    with pytest.raises(GeometryError, match="lie outside the CT"):
        read_segmentation(tmp_path / "s.seg.nrrd", grid(matrix=away))


def test_only_the_structures_asked_for_are_read_by_name_or_id(tmp_path):
    write_segmentation(two_structures(True), tmp_path / "s.seg.nrrd")
    assert read_segmentation(tmp_path / "s.seg.nrrd", grid(), ("lésion 1",)).names == ("lésion 1",)
    assert read_segmentation(tmp_path / "s.seg.nrrd", grid(), ("Segment_7",)).names == ("Liver, right lobe",)
    with pytest.raises(StructureError, match="no structure 'spleen' in .*it has: Liver, right lobe, lésion 1"):
        read_segmentation(tmp_path / "s.seg.nrrd", grid(), ("spleen",))


def test_a_file_of_an_old_slicer_has_one_layer_for_each_segment(tmp_path):
    path = tmp_path / "old.seg.nrrd"
    masks = [segment.mask for segment in two_structures(True).segments]
    lps = np.diag([-1.0, -1, 1, 1]) @ MATRIX
    vectors = ["(" + ",".join(repr(float(value)) for value in lps[:3, column]) + ")" for column in range(4)]
    pairs = "".join(f"Segment{index}_ID:=S{index}\nSegment{index}_Name:=part {index}\nSegment{index}_Color:=1 0 0\n" for index in (0, 1))
    header = f"NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 20 16 9\nspace directions: none {' '.join(vectors[:3])}\nkinds: list domain domain domain\nencoding: gzip\nspace origin: {vectors[3]}\n{pairs}\n"
    path.write_bytes(header.encode() + gzip.compress(np.stack(masks, -1).astype(np.uint8).tobytes()))
    back = read_segmentation(path, grid())
    assert back.names == ("part 0", "part 1")
    assert all(np.array_equal(one.mask, other) for one, other in zip(back.segments, masks))


def test_a_layer_axis_at_the_end_is_read_as_well(tmp_path):
    write_segmentation(two_structures(True), tmp_path / "s.seg.nrrd")
    header = read_nrrd_header(tmp_path / "s.seg.nrrd")
    data = (tmp_path / "s.seg.nrrd").read_bytes()
    text = data[: header.data_offset].decode()
    directions = header.fields["space directions"]
    text = text.replace(directions, directions.removeprefix("none ") + " none").replace("sizes: 2 20 16 9", "sizes: 20 16 9 2").replace("list domain domain domain", "domain domain domain list")
    voxels = np.frombuffer(gzip.decompress(data[header.data_offset :]), np.uint8).reshape(*SHAPE, 2)
    (tmp_path / "t.seg.nrrd").write_bytes(text.encode() + gzip.compress(np.moveaxis(voxels, -1, 0).tobytes()))
    back = read_segmentation(tmp_path / "t.seg.nrrd", grid())
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(back.segments, two_structures(True).segments))


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan])
def test_an_image_given_as_segmentation_is_refused(tmp_path, value):
    array = np.zeros(SHAPE, np.float32)
    array[1] = value
    sitk.WriteImage(Volume(array, MATRIX).to_sitk(), str(tmp_path / "ct.nrrd"))
    with pytest.raises(InputError, match="label map"):
        read_segmentation(tmp_path / "ct.nrrd", grid())


def test_an_empty_label_map_is_refused(tmp_path):
    with pytest.raises(StructureError, match="every voxel is 0"):
        read_segmentation(label_map(grid(), np.zeros(SHAPE, np.uint8), tmp_path / "l.nrrd"), grid())


def test_a_segmentation_whose_structures_are_all_empty_is_refused(tmp_path):
    empty = Segmentation((Segment("GTV", np.zeros(SHAPE, bool), "S1"),), MATRIX, SHAPE)
    write_segmentation(empty, tmp_path / "s.seg.nrrd")
    with pytest.raises(StructureError, match=r"Every structure .* is empty \(GTV\)"):
        read_segmentation(tmp_path / "s.seg.nrrd", grid())


def test_a_file_cut_short_is_refused(tmp_path):
    write_segmentation(two_structures(True), tmp_path / "s.seg.nrrd")
    data = (tmp_path / "s.seg.nrrd").read_bytes()
    (tmp_path / "s.seg.nrrd").write_bytes(data[:-30])
    with pytest.raises(InputError, match="cut short"):
        read_segmentation(tmp_path / "s.seg.nrrd", grid())


def test_a_fractional_segmentation_is_refused_with_a_way_out(tmp_path):
    write_segmentation(two_structures(False), tmp_path / "s.seg.nrrd")
    data = (tmp_path / "s.seg.nrrd").read_bytes().replace(b"Representation:=Binary labelmap\n", b"Representation:=Fractional labelmap\n")
    (tmp_path / "f.seg.nrrd").write_bytes(data)
    with pytest.raises(InputError, match="'Fractional labelmap'; make 'Binary labelmap'"):
        read_segmentation(tmp_path / "f.seg.nrrd", grid())


def test_a_damaged_dicom_seg_ends_in_a_sentence(tmp_path):
    dataset = new_dataset(SegmentationStorage)
    dataset.Modality = "SEG"
    dataset.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="The DICOM SEG .* cannot be read"):
        read_segmentation(tmp_path / "seg.dcm", grid())


def test_a_folder_with_one_rtstruct_is_enough_and_with_none_or_two_is_refused(tmp_path):
    corners = grid().ras_of(np.array([[3, 3, 2], [9, 3, 2], [9, 9, 2], [3, 9, 2]])) * [-1, -1, 1]
    write_rtstruct(tmp_path / "a.dcm", {"GTV": [corners]})
    assert read_segmentation(tmp_path, grid()).names == ("GTV",)
    write_rtstruct(tmp_path / "b.dcm", {"GTV": [corners]})
    with pytest.raises(InputError, match=r"2 RTSTRUCT files \(a\.dcm, b\.dcm\)"):
        read_segmentation(tmp_path, grid())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="holds no RTSTRUCT"):
        read_segmentation(tmp_path / "other", grid())


def test_a_failing_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "s.seg.nrrd"
    path.write_text("the older result")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_segmentation(two_structures(True), path)
    assert path.read_text() == "the older result" and os.listdir(tmp_path) == ["s.seg.nrrd"]


def test_the_name_must_end_as_slicer_expects_and_something_must_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"must end in \.seg\.nrrd"):
        write_segmentation(two_structures(True), tmp_path / "s.nrrd")
    with pytest.raises(OutputError, match="no structure to write"):
        write_segmentation(Segmentation((), MATRIX, SHAPE), tmp_path / "s.seg.nrrd")


def test_more_structures_than_a_byte_can_count_are_kept_apart(tmp_path):
    array = np.arange(9 * 16 * 20).reshape(SHAPE) % 300
    segments = tuple(Segment(f"s{value}", array == value, f"id{value}") for value in range(300))
    write_segmentation(Segmentation(segments, MATRIX, SHAPE), tmp_path / "s.seg.nrrd")
    back = read_segmentation(tmp_path / "s.seg.nrrd", grid())
    assert all(np.array_equal(segment.mask, array == value) for value, segment in enumerate(back.segments))


def test_a_name_that_two_structures_share_must_be_chosen_by_id():
    segments = (Segment("GTV", box((1, 2), (1, 2), (1, 2)), "a"), Segment("GTV", box((1, 3), (1, 2), (1, 2)), "b"))
    both = Segmentation(segments, MATRIX, SHAPE)
    with pytest.raises(StructureError, match="2 structures are named 'GTV'; choose one by its id: a, b"):
        both.segment("GTV")
    assert both.segment("b") is segments[1]
    with pytest.raises(StructureError, match="no structure 'PTV'"):
        both.segment("PTV")
    with pytest.raises(StructureError, match="same id"):
        Segmentation((segments[0], segments[0]), MATRIX, SHAPE)
    with pytest.raises(GeometryError, match="its grid has"):
        Segmentation(segments, MATRIX, (9, 20, 16))


def test_neighbouring_structures_get_colours_far_apart():
    colors = np.array([distinct_color(index) for index in range(40)])
    assert colors.min() >= 0 and colors.max() <= 1
    assert np.abs(np.diff(colors, axis=0)).max(axis=1).min() > 0.2


def opened_in_slicer(path):
    """{id: (name, colour, terminology, (n, 3) sorted RAS of its voxels)} as slicer-core reads the file."""
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    segmentation = node.GetSegmentation()
    found = {}
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        image, matrix, tag = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4(), vtk.mutable("")
        identity = segmentation.GetNthSegmentID(index)
        node.GetBinaryLabelmapRepresentation(identity, image)
        image.GetImageToWorldMatrix(matrix)
        low_i, high_i, low_j, high_j, low_k, high_k = image.GetExtent()
        voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(high_k - low_k + 1, high_j - low_j + 1, high_i - low_i + 1)
        ijk = np.argwhere(voxels > 0)[:, ::-1] + [low_i, low_j, low_k]
        to_ras = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        segment.GetTag("TerminologyEntry", tag)
        found[identity] = (segment.GetName(), segment.GetColor(), str(tag), ijk @ to_ras[:3, :3].T + to_ras[:3, 3])
    geometry = segmentation.GetConversionParameter("Reference image geometry")
    return found, geometry


@pytest.mark.parametrize("overlap", [False, True])
def test_slicer_opens_the_file_with_names_colours_terminology_and_positions(tmp_path, overlap):
    written = two_structures(overlap)
    write_segmentation(written, tmp_path / "s.seg.nrrd")
    found, geometry = opened_in_slicer(tmp_path / "s.seg.nrrd")
    assert list(found) == ["Segment_7", "Segment_x"]
    for segment in written.segments:
        name, color, terminology, ras = found[segment.id]
        assert name == segment.name
        assert terminology == segment.terminology if segment.terminology else "Tissue" in terminology  # Slicer's own default
        np.testing.assert_allclose(color, segment.color_rgb, atol=1e-6)
        expected = grid().ras_of(np.argwhere(segment.mask)[:, ::-1])
        assert ras.shape == expected.shape
        np.testing.assert_allclose(ras, expected, atol=1e-6)
    numbers = [float(part) for part in geometry.strip(";").split(";")]
    np.testing.assert_array_equal(np.reshape(numbers[:16], (4, 4)), MATRIX)
    assert numbers[16:] == [0, 19, 0, 15, 0, 8]


def test_a_cropped_file_written_by_slicer_comes_back_on_the_ct(tmp_path):
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
    write_segmentation(two_structures(True), tmp_path / "s.seg.nrrd")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "s.seg.nrrd"))
    assert storage.ReadData(node)
    storage.SetCropToMinimumExtent(True)
    storage.SetFileName(str(tmp_path / "t.seg.nrrd"))
    assert storage.WriteData(node)
    assert read_nrrd_header(tmp_path / "t.seg.nrrd").sizes != read_nrrd_header(tmp_path / "s.seg.nrrd").sizes
    back = read_segmentation(tmp_path / "t.seg.nrrd", grid())
    assert back.meta["warnings"] == ()
    for segment in two_structures(True).segments:
        other = back.segment(segment.name)
        assert np.array_equal(other.mask, segment.mask)
        assert other.id == segment.id
        assert segment.terminology is None or other.terminology == segment.terminology


@pytest.mark.real
@pytest.mark.parametrize("name", ["Segmentation", "SegmentationOverlapping"])
def test_a_real_seg_nrrd_is_read_as_slicer_reads_it(shared_data, name):
    path = shared_data / "slicerio-ctchest" / f"{name}.seg.nrrd"
    volume = read_volume(shared_data / "slicerio-ctchest" / "CTChest4.nrrd")
    ours = read_segmentation(path, volume)
    found, _ = opened_in_slicer(path)
    assert [segment.id for segment in ours.segments] == list(found)
    assert ours.meta["warnings"] == ()
    for segment in ours.segments:
        title, color, terminology, ras = found[segment.id]
        assert (segment.name, segment.terminology) == (title, terminology)
        np.testing.assert_allclose(segment.color_rgb, color, atol=1e-6)
        np.testing.assert_allclose(ras, volume.ras_of(np.argwhere(segment.mask)[:, ::-1]), atol=1e-3)


@pytest.mark.real
def test_real_label_maps_lie_on_their_ct_even_where_stored_flipped(shared_data):
    folder = shared_data / "totalseg-example"
    first = read_segmentation(folder / "example_seg_fast_force_split.nii.gz", read_volume(folder / "example_ct.nii.gz"))
    second = read_segmentation(folder / "example_seg_dicom.nii.gz", read_volume(folder / "example_ct_dicom"))
    assert (len(first.segments), len(second.segments)) == (61, 31)
    assert first.meta["warnings"] == second.meta["warnings"] == ()


@pytest.mark.real
def test_the_flipped_label_map_covers_tissue_not_air(shared_data):
    folder = shared_data / "totalseg-example"
    volume = read_volume(folder / "example_ct_dicom")
    segmentation = read_segmentation(folder / "example_seg_dicom.nii.gz", volume)
    liver = segmentation.segment("label 5")
    assert 20 < volume.array[liver.mask].mean() < 180
    assert np.percentile(volume.array[liver.mask], 1) > -150


def test_voxels_that_no_segment_is_named_for_are_reported(tmp_path):
    write_segmentation(two_structures(False), tmp_path / "s.seg.nrrd")
    data = (tmp_path / "s.seg.nrrd").read_bytes()
    lines = [line for line in data.split(b"\n\n")[0].split(b"\n") if not line.startswith(b"Segment1_")]
    (tmp_path / "t.seg.nrrd").write_bytes(b"\n".join(lines) + b"\n\n" + data.split(b"\n\n", 1)[1])
    back = read_segmentation(tmp_path / "t.seg.nrrd", grid())
    assert back.names == ("Liver, right lobe",)
    assert "voxels of label 2 that no segment is named for" in back.meta["warnings"][0]


def test_a_colour_that_is_no_colour_is_replaced(tmp_path):
    path = tmp_path / "s.seg.nrrd"
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2, 3] = True
    write_segmentation(Segmentation((Segment("GTV", mask, "a"),), np.eye(4), mask.shape), path)
    header, _, voxels = path.read_bytes().partition(b"\n\n")
    damaged = re.sub(rb"Segment0_Color:=[^\n]*", b"Segment0_Color:=nan nan nan", header)
    assert damaged != header
    path.write_bytes(damaged + b"\n\n" + voxels)
    (segment,) = read_segmentation(path, Volume(np.zeros(mask.shape, np.int16), np.eye(4))).segments
    assert all(0 <= part <= 1 for part in segment.color_rgb)
