"""Contours become the voxels whose centres they enclose, and nothing is dropped without a word."""

import numpy as np
import pydicom
import pytest
from dicom_files import FRAME, phantom_hu, write_rtstruct, write_series
from hypothesis import given, settings
from hypothesis import strategies as st
from p2sam.files.contours import fill_even_odd, fill_planes
from p2sam.errors import GeometryError, InputError, StructureError
from p2sam.files.images import read_volume
from p2sam.files.rtstruct import read_rtstruct
from p2sam.volume import Volume
from scipy import ndimage
from scipy.spatial.transform import Rotation

SHAPE = (7, 30, 40)
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [12, -20, 35], degrees=True).as_matrix() @ np.diag([0.9, -1.2, 3.0])
OBLIQUE[:3, 3] = [40.5, -80.25, 700.0]
SQUARE = [[4.5, 3.5], [14.5, 3.5], [14.5, 13.5], [4.5, 13.5]]


def grid(shape=SHAPE, matrix=OBLIQUE, **meta):
    return Volume(np.zeros(shape, np.int16), matrix, {"frame_of_reference_uid": FRAME, "patient_id": "P1", **meta})


def contour(points_ij, k, volume=None):
    """(n, 3) LPS of points given in voxels on slice k."""
    volume = volume or grid()
    points = np.column_stack([np.asarray(points_ij, float), np.full(len(points_ij), float(k))])
    return volume.ras_of(points) * [-1, -1, 1]


def circle(centre, radius, count=90):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])


def read(tmp_path, contours, volume=None, **how):
    return read_rtstruct(write_rtstruct(tmp_path / "rs.dcm", {"GTV": contours}, **how), volume or grid())


def slow_fill(polygons, shape):
    """Even-odd rule, one voxel centre after the other, by a ray to the right."""
    result = np.zeros(shape, bool)
    for y in range(shape[0]):
        for x in range(shape[1]):
            for polygon in polygons:
                for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0)):
                    if (y0 <= y) != (y1 <= y):
                        result[y, x] ^= bool(x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x)
    return result


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.floats(-4, 16), st.floats(-4, 13)), min_size=3, max_size=9), min_size=1, max_size=3))
def test_the_scanline_fill_agrees_with_a_ray_from_every_voxel(polygons):
    """Off the outline: self-crossing, nested, and reaching beyond the image on all sides."""
    polygons = [np.round(np.array(polygon), 3) + [0.0003, 0.0004] for polygon in polygons]
    shape = (10, 13)
    fast, slow = fill_even_odd(polygons, shape), slow_fill(polygons, shape)
    y, x = np.nonzero(fast != slow)
    for point in np.column_stack([x, y]):
        assert min(_distance(point, polygon) for polygon in polygons) < 1e-4


def _distance(point, polygon):
    start, step = polygon, np.roll(polygon, -1, axis=0) - polygon
    along = np.clip(((point - start) * step).sum(1) / np.maximum((step**2).sum(1), 1e-12), 0, 1)
    return np.linalg.norm(start + along[:, None] * step - point, axis=1).min()


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 7), st.integers(1, 5))
def test_an_outline_through_voxel_centres_counts_on_the_low_side_and_keeps_its_area(x, y, width, height):
    box = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)
    for polygon in (box, box[::-1], np.roll(box, 2, axis=0)):
        filled = fill_even_odd([polygon], (12, 14))
        assert filled.sum() == width * height
        assert filled[y : y + height, x : x + width].all()


@pytest.mark.parametrize("permutation", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_square_fills_the_voxels_it_encloses_whatever_axis_the_file_stores_first(tmp_path, permutation, flip):
    matrix = OBLIQUE.copy()
    matrix[:3, :3] = OBLIQUE[:3, :3][:, permutation]
    shape = np.array(SHAPE[::-1])[list(permutation)]
    expected = np.zeros(SHAPE, bool)
    expected[2:4, 4:14, 5:15] = True
    expected = expected.transpose([2 - axis for axis in permutation[::-1]])
    if flip:
        matrix[:3, 3] += matrix[:3, 0] * (shape[0] - 1)
        matrix[:3, 0] *= -1
        expected = expected[:, :, ::-1]
    back = read(tmp_path, [contour(SQUARE, 2), contour(SQUARE, 3)], grid(tuple(shape[::-1]), matrix))
    assert np.array_equal(back.segments[0].mask, expected)
    assert back.meta["warnings"] == ()


def test_names_colours_and_numbers_of_the_structures_are_kept(tmp_path):
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV-1": [contour(SQUARE, 2)], "Cord ": [contour(circle((30, 20), 3), 2)]}, colors=[[255, 0, 51], [0, 128, 255]])
    back = read_rtstruct(path, grid())
    assert [(segment.name, segment.id) for segment in back.segments] == [("GTV-1", "ROI_1"), ("Cord", "ROI_2")]
    assert back.segments[0].color_rgb == (1.0, 0.0, 0.2) and back.segments[1].color_rgb == (0.0, 128 / 255, 1.0)
    assert back.meta["source"] == str(path)
    assert read_rtstruct(path, grid(), ("Cord",)).names == read_rtstruct(path, grid(), ("ROI_2",)).names == ("Cord",)
    with pytest.raises(StructureError, match="no structure 'Lung' in .*it has: GTV-1, Cord"):
        read_rtstruct(path, grid(), ("Cord", "Lung"))


def test_holes_islands_and_an_island_in_a_hole_come_out_right(tmp_path):
    rings = [circle((18, 15), radius) for radius in (12, 8, 4)] + [circle((36, 5), 3)]
    mask = read(tmp_path, [contour(ring, 3) for ring in rings]).segments[0].mask[3]
    y, x = np.indices(mask.shape)
    radius = np.hypot(x - 18, y - 15)
    sure = np.abs(radius[..., None] - [4, 8, 12]).min(-1) > 0.2
    island = np.hypot(x - 36, y - 5)
    sure &= np.abs(island - 3) > 0.2
    expected = ((radius < 12) & (radius > 8)) | (radius < 4) | (island < 3)
    assert np.array_equal(mask[sure], expected[sure])
    assert ndimage.label(mask)[1] == 3


@pytest.mark.parametrize("slit", [15.0, 15.3])
def test_a_keyhole_is_a_hole_and_its_slit_leaves_no_trace(tmp_path, slit):
    outer, inner = circle((18, slit), 12), circle((18, slit), 6)[::-1]
    keyhole = np.vstack([outer, outer[:1], inner[-1:], inner[:-1], inner[-1:]])
    one = read(tmp_path, [contour(keyhole, 3)]).segments[0].mask
    two = read(tmp_path, [contour(outer, 3), contour(inner, 3)]).segments[0].mask
    assert np.array_equal(one, two)
    assert not one[3, 15, 18] and one[3, 15, 27]


def test_contours_far_from_the_origin_fill_the_same_voxels(tmp_path):
    away = OBLIQUE.copy()
    away[:3, 3] += [3000.0, -2000.0, 5000.0]
    volume = grid(matrix=away)
    near = read(tmp_path, [contour(SQUARE, 3)]).segments[0].mask
    assert np.array_equal(read(tmp_path, [contour(SQUARE, 3, volume)], volume).segments[0].mask, near)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_decimals_of_a_file_do_not_decide_a_tie(seed):
    """An outline through voxel centres on a plane midway between slices, printed with errors up to 0.5 micrometres."""
    corners = [[5, 4], [15, 4], [15, 14], [5, 14]]
    noise = np.random.default_rng(seed).uniform(-5e-4, 5e-4, (3, 4, 3))
    contours = [contour(corners, k + 0.5) * [-1, -1, 1] + noise[k - 2] for k in (2, 3, 4)]
    mask, _ = fill_planes(contours, grid(), "GTV")
    expected = np.zeros(SHAPE, bool)
    expected[2:5, 4:14, 5:15] = True
    assert np.array_equal(mask, expected)


def test_a_finer_ct_takes_the_nearest_drawn_plane_and_says_so(tmp_path):
    fine = OBLIQUE.copy()
    fine[:3, 2] /= 3
    back = read(tmp_path, [contour(SQUARE, k) for k in (2, 3, 4)], grid((21, 30, 40), fine))
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == list(range(5, 14))
    assert "drawn every 3.00 mm, the CT has slices every 1.00 mm" in back.meta["warnings"][0]


def test_planes_drawn_on_every_second_slice_leave_no_stripes(tmp_path):
    back = read(tmp_path, [contour(SQUARE, k) for k in (1, 3, 5)])
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [0, 1, 2, 3, 4, 5]
    assert "drawn every 6.00 mm" in back.meta["warnings"][0]


def test_a_coarser_ct_takes_one_plane_a_slice_and_keeps_holes_and_volume(tmp_path):
    coarse = OBLIQUE.copy()
    coarse[:3, 2] *= 2
    contours = [contour(shape, k) for k in (0, 1, 2, 3, 4) for shape in (circle((18, 15), 10), circle((18, 15), 4))]
    back = read(tmp_path, contours, grid((4, 30, 40), coarse))
    same = read(tmp_path, contours)
    for index in (0, 1, 2):
        assert np.array_equal(back.segments[0].mask[index], same.segments[0].mask[2 * index])
    assert not back.segments[0].mask[3].any()


def test_contours_beside_the_slices_go_to_the_nearest_with_a_warning(tmp_path):
    back = read(tmp_path, [contour(SQUARE, k + 0.3) for k in (2, 3, 4)])
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [2, 3, 4]
    assert "up to 0.30 slices beside" in back.meta["warnings"][0]


def test_a_gap_in_the_drawing_stays_empty_and_is_reported(tmp_path):
    back = read(tmp_path, [contour(SQUARE, k) for k in (0, 1, 2, 5, 6)])
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [0, 1, 2, 5, 6]
    assert "2 slices between its first and last contour have none" in back.meta["warnings"][0]


def test_two_planes_far_apart_are_not_joined(tmp_path):
    back = read(tmp_path, [contour(SQUARE, 0), contour(SQUARE, 6)])
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [0, 6]


def test_what_lies_beyond_the_ct_is_cut_off_with_a_warning(tmp_path):
    contours = [contour(SQUARE, k) for k in (-2, -1, 0, 1)] + [contour(circle((0, 15), 5), 2)]
    back = read(tmp_path, contours)
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [0, 1, 2]
    assert back.segments[0].mask[2, 15, :5].all()
    text = " ".join(back.meta["warnings"])
    assert "2 of 5 drawn planes lie beyond the CT's slices" in text and "beyond the CT's field of view on 1 drawn planes" in text


def test_contours_wholly_beyond_the_ct_are_refused(tmp_path):
    with pytest.raises(GeometryError, match="covers a voxel of the CT"):
        read(tmp_path, [contour(SQUARE, 60)])


def test_planes_tilted_against_the_slices_are_refused(tmp_path):
    tilted = grid(matrix=OBLIQUE @ np.block([[Rotation.from_euler("x", 20, degrees=True).as_matrix(), np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    with pytest.raises(GeometryError, match="tilted against them"):
        read(tmp_path, [contour(SQUARE, 3, tilted)])


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_contours_that_enclose_nothing_are_skipped_with_a_warning(tmp_path, kind):
    path = write_rtstruct(tmp_path / "rs.dcm", {"seeds": [contour(SQUARE, 3)], "GTV": [contour(SQUARE, 4)]})
    dataset = pydicom.dcmread(path)
    dataset.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = kind
    dataset.save_as(path)
    back = read_rtstruct(path, grid())
    assert [segment.mask.sum() for segment in back.segments] == [0, 100]
    assert f"'seeds': 1 contour of type {kind} was skipped" in back.meta["warnings"][0]
    assert "no closed contour; it is empty" in back.meta["warnings"][1]
    with pytest.raises(StructureError, match=r"No structure .* has a closed contour \(seeds\)"):
        read_rtstruct(path, grid(), ("seeds",))


def test_a_contour_of_two_points_is_skipped_with_a_warning(tmp_path):
    back = read(tmp_path, [contour(SQUARE, 3), contour(SQUARE[:2], 4)])
    assert np.flatnonzero(back.segments[0].mask.any(axis=(1, 2))).tolist() == [3]
    assert "fewer than three points" in back.meta["warnings"][0]


def test_a_contour_that_stands_twice_does_not_erase_itself(tmp_path):
    turned = contour(SQUARE[::-1], 3)
    back = read(tmp_path, [contour(SQUARE, 3), turned])
    assert back.segments[0].mask.sum() == 100
    assert "stood twice" in back.meta["warnings"][0]


def test_crossing_contours_are_reported(tmp_path):
    back = read(tmp_path, [contour(SQUARE, 3), contour(np.add(SQUARE, 5), 3)])
    assert back.segments[0].mask.sum() == 200 - 2 * 25
    assert "two contours cross near slice 3" in back.meta["warnings"][0]


def test_a_structure_smaller_than_a_voxel_is_empty_with_a_warning(tmp_path):
    back = read(tmp_path, [contour(circle((10.5, 10.5), 0.2), 3), contour(circle((10.5, 10.5), 0.2), 4)] + [contour(SQUARE, 3)])
    assert back.segments[0].mask.any()
    mask, warnings = fill_planes([contour(circle((10.5, 10.5), 0.2), 3) * [-1, -1, 1]], grid(), "seed")
    assert not mask.any() and warnings == ["'seed' encloses no voxel centre: it is smaller than a voxel of the CT, and empty."]


def test_another_frame_of_reference_is_refused(tmp_path):
    with pytest.raises(InputError, match=rf"frame of reference 9\.9, the CT has {FRAME}"):
        read(tmp_path, [contour(SQUARE, 3)], frame="9.9")


def test_another_patient_is_refused(tmp_path):
    with pytest.raises(InputError, match="belong to patient 'P2', the CT to patient 'P1'"):
        read(tmp_path, [contour(SQUARE, 3)], patient="P2")


def test_a_ct_that_says_nothing_of_itself_is_taken_by_position(tmp_path):
    silent = Volume(np.zeros(SHAPE, np.int16), OBLIQUE)
    assert read(tmp_path, [contour(SQUARE, 3)], silent).segments[0].mask.sum() == 100


def test_contours_drawn_on_another_series_are_reported(tmp_path):
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV": [contour(SQUARE, 3)]})
    dataset = pydicom.dcmread(path)
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = "4.4"
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = FRAME, [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    dataset.save_as(path)
    assert "another image series (4.4)" in read_rtstruct(path, grid(series_uid="5.5")).meta["warnings"][0]
    assert read_rtstruct(path, grid(series_uid="4.4")).meta["warnings"] == ()


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize("damaged", [["1", "2", "3", "4"], ["1", "2", "3", "4", "5", "6", "7", "8", "nan"]])
def test_damaged_coordinates_are_refused(tmp_path, damaged):
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV": [contour(SQUARE, 3)]})
    dataset = pydicom.dcmread(path)
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = damaged
    dataset.save_as(path)
    with pytest.raises(InputError, match="contour of 'GTV'"):
        read_rtstruct(path, grid())


def test_a_file_cut_anywhere_is_refused_or_complete(tmp_path):
    """Either an error, or every voxel: a structure set that lost its end never passes for a smaller one."""
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV": [contour(circle((18, 15), 9), k) for k in (2, 3)], "Cord": [contour(circle((30, 20), 4), 2)]})
    data, full = path.read_bytes(), read_rtstruct(path, grid())
    refused = 0
    for kept in np.linspace(0, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:kept])
        try:
            back = read_rtstruct(path, grid())
        except InputError:
            refused += 1
            continue
        complete = all(np.array_equal(one.mask, other.mask) for one, other in zip(back.segments, full.segments))
        assert back.names == full.names and (complete or back.meta["warnings"]), f"cut after {kept} of {len(data)} bytes"
    assert refused > 50


def test_a_contour_with_another_number_of_points_than_it_says_is_reported(tmp_path):
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV": [contour(SQUARE, 3)]})
    dataset = pydicom.dcmread(path)
    dataset.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 9
    dataset.save_as(path)
    assert "says it has 9 points and holds 4" in read_rtstruct(path, grid()).meta["warnings"][0]


def test_a_ct_slice_given_as_rtstruct_is_refused(tmp_path):
    path = write_series(tmp_path, phantom_hu())[0]
    with pytest.raises(InputError, match="modality CT, not an RTSTRUCT"):
        read_rtstruct(path, grid())


def test_contours_meet_the_series_they_were_drawn_on(tmp_path):
    """From files alone: a box drawn around the tissue of a DICOM series selects just the tissue."""
    hu = phantom_hu()
    write_series(tmp_path / "ct", hu)
    volume = read_volume(tmp_path / "ct")
    outline = [[2.5, 1.5], [10.5, 1.5], [10.5, 7.5], [2.5, 7.5]]
    path = write_rtstruct(tmp_path / "rs.dcm", {"body": [contour(outline, k, volume) for k in range(6)]})
    assert np.array_equal(read_rtstruct(path, volume).segments[0].mask, hu > -500)


@pytest.mark.real
def test_lung1_001_has_the_known_volumes(shared_data):
    volume = read_volume(shared_data / "lung1-001" / "ct")
    back = read_rtstruct(shared_data / "lung1-001" / "rtstruct" / "1-1.dcm", volume)
    millilitres = {segment.name: segment.mask.sum() * np.prod(volume.spacing_mm) / 1000 for segment in back.segments}
    assert set(millilitres) == {"GTV-1", "Spinal-Cord", "Lung-Left", "Lung-Right"}
    assert millilitres["GTV-1"] == pytest.approx(156, rel=0.01)
    assert back.meta["warnings"] == ()
    lungs = back.segment("Lung-Left").mask | back.segment("Lung-Right").mask
    assert np.median(volume.array[lungs]) < -700


@pytest.mark.real
def test_contours_without_image_references_are_read(shared_data):
    folder = shared_data / "nsclc-phantom-pat2"
    volume = read_volume(folder)
    back = read_rtstruct(folder / "DCM_RS_00041.dcm", volume)
    assert back.names == ("GTV-1",)
    assert back.segments[0].mask.sum() * np.prod(volume.spacing_mm) / 1000 == pytest.approx(6.5, rel=0.01)
