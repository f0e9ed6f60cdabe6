"""Prompts as Slicer markups: where they are, what they say, and what comes back after a person edited them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from p2sam.errors import InputError
from p2sam.files.markups import COLORS_RGB, GLYPHS, NEGATIVE, POSITIVE, markups_document, read_prompts, write_prompts
from visit_fixture import AWKWARD_NAME, TUMOUR_RAS, make_visit, slice_axis


@pytest.fixture(params=[{}, {"flips": (True, False, False)}, {"slice_last": True}], ids=["flipped", "otherwise flipped", "slices along I"])
def visit(request):
    return make_visit(**request.param)


def voxel_of(volume, ras):
    """(k, j, i) of the voxel in which a point lies."""
    ijk = volume.ras_to_ijk[:3, :3] @ ras + volume.ras_to_ijk[:3, 3]
    assert np.allclose(ijk, np.rint(ijk), atol=1e-3), "prompts of the fixture lie on voxel centres"
    return tuple(np.rint(ijk).astype(int)[::-1])


def test_every_prompt_becomes_one_control_point_in_the_file_of_its_label(visit, tmp_path):
    positive, negative = (read_prompts(path) for path in write_prompts(visit, tmp_path))
    results = [result for structure in visit.structures for result in structure.slices]
    assert len(positive) == sum(int((result.prompts.labels == 1).sum()) for result in results) > 20
    assert len(negative) == sum(int((result.prompts.labels == 0).sum()) for result in results) > 10
    assert {point.label for point in positive} == {POSITIVE} and {point.label for point in negative} == {NEGATIVE}


def test_positive_points_lie_inside_the_structure_and_negative_ones_outside_on_the_slice_they_name(visit, tmp_path):
    masks = {structure.segment.name: structure.segment.mask for structure in visit.structures}
    for path, inside in zip(write_prompts(visit, tmp_path), (True, False), strict=True):
        for point in read_prompts(path):
            voxel = voxel_of(visit.followup, point.position_ras)
            assert masks[point.structure][voxel] == inside
            assert voxel[slice_axis(visit.followup)] == point.slice_index


def test_the_file_is_in_lps_so_a_point_on_the_patients_left_has_a_positive_first_coordinate(visit):
    points = markups_document(visit.structures[:1], POSITIVE)["markups"][0]
    assert points["coordinateSystem"] == "LPS"
    mean = np.mean([point["position"] for point in points["controlPoints"]], axis=0)
    assert np.abs(mean - TUMOUR_RAS * [-1, -1, 1]).max() < 10


def test_labels_count_parts_from_one_and_slices_as_the_result_does(visit):
    result = visit.structures[0].slices[0]
    points = markups_document(visit.structures[:1], POSITIVE)["markups"][0]["controlPoints"]
    filled = next(result for result in visit.structures[0].slices if len(result.prompts))
    assert [point["label"] for point in points[:2]] == [f"{AWKWARD_NAME} p1 · slice {filled.index}", f"{AWKWARD_NAME} p2 · slice {filled.index}"]
    assert points[0]["description"] == "positive prompt; similarity 0.9100"
    assert len({point["id"] for point in points}) == len(points) and result.index <= filled.index


def test_reading_gives_back_part_structure_slice_and_similarity(visit, tmp_path):
    positive, _ = write_prompts(visit, tmp_path)
    read = {(point.structure, point.slice_index, point.part): point for point in read_prompts(positive)}
    for structure in visit.structures:
        for result in structure.slices:
            for row in np.flatnonzero(result.prompts.labels == 1):
                point = read[(structure.segment.name, result.index, int(result.prompts.parts[row]))]
                assert np.allclose(point.position_ras, result.prompts_ras[row], atol=1e-5)
                assert point.similarity == pytest.approx(float(result.prompts.similarity[row]), abs=1e-4)


def test_a_ras_file_and_a_file_with_old_coordinate_codes_are_read_with_the_right_sign(visit, tmp_path):
    path, _ = write_prompts(visit, tmp_path)
    expected = read_prompts(path)[0].position_ras
    document = json.loads(path.read_text(encoding="utf-8"))
    for code in ("RAS", 0):
        document["markups"][0]["coordinateSystem"] = code
        document["markups"][0]["controlPoints"][0]["position"] = list(expected)
        path.write_text(json.dumps(document), encoding="utf-8")
        assert np.allclose(read_prompts(path)[0].position_ras, expected)


def test_a_point_added_by_hand_takes_the_label_of_its_file_and_says_nothing_of_part_or_slice(tmp_path):
    path = tmp_path / "negative_prompts.mrk.json"
    point = {"id": "7", "label": "negative_prompts-7", "description": "", "position": [1.0, 2.0, 3.0], "positionStatus": "defined"}
    lost = {"id": "8", "label": "x", "position": [0.0, 0.0, 0.0], "positionStatus": "undefined"}
    path.write_text(json.dumps({"markups": [{"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": [point, lost]}]}))
    (read,) = read_prompts(path)
    assert read.label == NEGATIVE and read.part is None and read.slice_index is None and read.structure is None and read.similarity is None
    assert np.array_equal(read.position_ras, [-1.0, -2.0, 3.0])
    renamed = path.rename(tmp_path / "mine.mrk.json")
    with pytest.raises(InputError, match="positive or negative"):
        read_prompts(renamed)
    assert read_prompts(renamed, label=POSITIVE)[0].label == POSITIVE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "no Slicer markups"),
        ('{"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}', "'IJK'"),
        ('{"markups": [{"controlPoints": [{"label": "a"}]}]}', "no position"),
        ('{"markups": [{"controlPoints": [{"label": "a", "position": [1, 2]}]}]}', "three numbers"),
    ],
)
def test_a_file_that_is_not_a_list_of_points_is_refused_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "positive_prompts.mrk.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_prompts(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match="There is no prompts file"):
        read_prompts(tmp_path / "positive_prompts.mrk.json")


def open_in_slicer(path):
    """(scene, node, storage) as Slicer's own file reader makes them; the scene must outlive the node."""
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    scene = slicer.vtkMRMLScene()
    storage = slicer.vtkMRMLMarkupsJsonStorageNode()
    scene.AddNode(storage)
    node = storage.AddNewMarkupsNodeFromFile(str(path))
    assert isinstance(node, slicer.vtkMRMLMarkupsFiducialNode)
    return scene, node, storage


def test_slicer_opens_both_files_with_positions_labels_and_distinct_colours(visit, tmp_path):
    assert max(abs(a - b) for a, b in zip(COLORS_RGB[POSITIVE], COLORS_RGB[NEGATIVE], strict=True)) > 0.5
    for path, label in zip(write_prompts(visit, tmp_path), (POSITIVE, NEGATIVE), strict=True):
        _scene, node, _ = open_in_slicer(path)
        expected = read_prompts(path)
        assert node.GetNumberOfControlPoints() == len(expected)
        display = node.GetDisplayNode()
        assert np.allclose(display.GetSelectedColor(), COLORS_RGB[label], atol=1e-6)
        assert display.GetGlyphTypeAsString(display.GetGlyphType()) == GLYPHS[label]
        assert not display.GetSliceProjection()
        for number, point in enumerate(expected):
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPosition(number, position)
            assert np.allclose(position, point.position_ras, atol=1e-5)
            assert node.GetNthControlPointLabel(number) == f"{point.structure} p{point.part + 1} · slice {point.slice_index}"


def test_a_point_moved_and_saved_in_slicer_is_read_where_it_was_put(visit, tmp_path):
    path, _ = write_prompts(visit, tmp_path)
    before = read_prompts(path)
    _scene, node, storage = open_in_slicer(path)
    node.SetNthControlPointPosition(1, [-3.5, 4.5, 5.5])
    saved = tmp_path / "saved" / "positive_prompts.mrk.json"
    saved.parent.mkdir()
    storage.SetFileName(str(saved))
    assert storage.WriteData(node)
    after = read_prompts(saved)
    assert np.allclose(after[1].position_ras, [-3.5, 4.5, 5.5])
    assert (after[1].structure, after[1].part, after[1].slice_index) == (before[1].structure, before[1].part, before[1].slice_index)
    assert np.allclose(after[0].position_ras, before[0].position_ras, atol=1e-5)


def test_a_visit_without_points_gives_files_that_slicer_opens_empty(visit, tmp_path):
    bare = replace(visit, structures=())
    for path in write_prompts(bare, tmp_path):
        assert read_prompts(path) == []
        _scene, node, _ = open_in_slicer(path)
        assert node.GetNumberOfControlPoints() == 0
