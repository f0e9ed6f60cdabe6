"""Each reader on a miniature in the true public layout."""

import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
from dicom_files import phantom_hu, write_rtstruct, write_series  # noqa: E402
from seg_object import write_seg  # noqa: E402

from p2sam.adapt.augment import augmented  # noqa: E402
from p2sam.adapt.batch import Example  # noqa: E402
from p2sam.adapt.datasets import ct_folder, ct_list, kvasir_seg, nsclc_radiomics, slices_of  # noqa: E402
from p2sam.adapt.material import Material, sources_of  # noqa: E402
from p2sam.adapt.split import read_split, split_of, write_split  # noqa: E402
from p2sam.adapt.stored import LabelledSlice, store  # noqa: E402
from p2sam.errors import InputError, StructureError  # noqa: E402
from p2sam.files.images import read_volume, write_volume  # noqa: E402
from p2sam.files.segmentations import read_segmentation, write_segmentation  # noqa: E402
from p2sam.segmentation import Segment, Segmentation  # noqa: E402

SHAPE = (6, 10, 14)


def gtv(extra=0):
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 3:7, 4 : 9 + extra] = True
    return mask


def contours(first=2, last=4):
    """A square of millimetres on each of three slices of `write_series`."""
    square = np.array([[-9, 34], [-5, 34], [-5, 39], [-9, 39]], float)
    return [np.column_stack([square, np.full(4, -100.0 + 3 * k)]) for k in range(first, last + 1)]


@pytest.fixture(scope="module")
def nsclc(tmp_path_factory):
    """Two patients as TCIA's retriever lays them out: one with SEG and RTSTRUCT, one with RTSTRUCT alone; and a LICENSE."""
    root = tmp_path_factory.mktemp("NSCLC-Radiomics")
    (root / "LICENSE").write_text("CC BY-NC 3.0")
    for patient, has_seg in (("LUNG1-001", True), ("LUNG1-002", False)):
        study = root / patient / "09-18-2008-StudyID-NA-69331"
        write_series(study / "0.000000-NA-82046", phantom_hu(SHAPE), PatientID=patient)
        (study / "3.000000-NA-78236").mkdir()
        write_rtstruct(study / "3.000000-NA-78236" / "1-1.dcm", {"GTV-1": contours(), "Spinal-Cord": contours()}, patient=patient)
        if has_seg:
            (study / "300.000000-Segmentation-9.554").mkdir()
            lung = np.zeros(SHAPE, bool)
            lung[1:6, 2:8, 3:12] = True
            named = {("Lung", "Lung-Left"): lung, ("Neoplasm, Primary", "GTV-1"): gtv()}
            write_seg(study / "300.000000-Segmentation-9.554" / "1-1.dcm", named, patient=patient)
    return root


def test_nsclc_radiomics_gives_the_slices_of_gtv_1(nsclc):
    cases = nsclc_radiomics(nsclc)
    assert [case.patient for case in cases] == ["LUNG1-001", "LUNG1-002"]
    assert "Segmentation" in str(cases[0].segmentation) and "78236" in str(cases[1].segmentation)
    slices = list(slices_of(cases))
    assert [one.patient for one in slices] == ["LUNG1-001"] * 3 + ["LUNG1-002"] * 3
    first = slices[0]
    assert first.image.shape == first.mask.shape == SHAPE[1:] and first.image.dtype == np.uint8
    assert np.array_equal(first.mask, gtv()[2])
    assert abs(int(np.median(first.image[first.mask])) - (40 + 910) * 255 / 1500) < 4, "tissue in the window -910 to 590"


def test_a_structure_that_no_case_has_is_named(nsclc):
    with pytest.raises(StructureError, match="None of 2 cases has a structure 'GTV-9'"):
        list(slices_of(nsclc_radiomics(nsclc), "GTV-9"))
    with pytest.raises(InputError, match="no folder LUNG1"):
        nsclc_radiomics(nsclc / "LUNG1-001")


def test_a_dicom_seg_is_read_by_label_and_by_description_and_skips_slices(nsclc, tmp_path):
    volume = read_volume(next(nsclc.rglob("0.000000*")))
    path = next(nsclc.rglob("*Segmentation*")) / "1-1.dcm"
    found = read_segmentation(path, volume)
    assert found.names == ("Lung", "Neoplasm, Primary")
    assert np.array_equal(found.segment("GTV-1").mask, gtv()) and np.array_equal(found.segment("Neoplasm, Primary").mask, gtv())
    apart = np.zeros(SHAPE, bool)
    apart[1, 3:5, 4:6] = apart[2, 3:5, 4:6] = apart[5, 3:5, 4:6] = True
    write_seg(tmp_path / "s.dcm", {("Lesion", ""): apart})
    assert np.array_equal(read_segmentation(tmp_path / "s.dcm", volume).segment("Lesion").mask, apart)
    write_seg(tmp_path / "f.dcm", {("Lesion", ""): apart}, kind="FRACTIONAL")
    with pytest.raises(InputError, match="holds fractional segments"):
        read_segmentation(tmp_path / "f.dcm", volume)


@pytest.mark.parametrize("suffix", [".jpg"])
def test_kvasir_seg_gives_images_and_their_masks(tmp_path, suffix):
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "kavsir_bboxes.json").write_text("{}")
    wanted = {}
    for n, shape in enumerate([(40, 64), (52, 48)]):
        mask = np.zeros(shape, bool)
        mask[8:32, 8:40] = True
        picture = np.clip(60 + 120 * mask[..., None] + random.normal(0, 3, (*shape, 3)), 0, 255).astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(tmp_path / "images" / f"cju{n}{suffix}"))
        sitk.WriteImage(sitk.GetImageFromArray(np.repeat(mask[..., None] * np.uint8(255), 3, 2), isVector=True), str(tmp_path / "masks" / f"cju{n}{suffix}"))
        wanted[f"cju{n}"] = mask
    slices = list(kvasir_seg(tmp_path))
    assert [one.patient for one in slices] == ["cju0", "cju1"] and slices[0].image.shape == (40, 64, 3)
    for one in slices:
        assert (one.mask != wanted[one.name]).mean() < 0.01, "JPEG frays the edge a little"
    (tmp_path / "masks" / "cju1.jpg").unlink()
    with pytest.raises(InputError, match="no mask of the same name"):
        list(kvasir_seg(tmp_path))
    with pytest.raises(InputError, match="no images/ and masks/"):
        list(kvasir_seg(tmp_path / "images"))


def save_case(folder, stem, volume, mask):
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(volume, folder / f"{stem}.nrrd")
    write_segmentation(Segmentation((Segment("GTV-1", mask, "Segment_1"),), volume.ijk_to_ras, volume.shape), folder / f"{stem}.seg.nrrd")


def test_a_folder_of_ct_and_seg_nrrd_is_found_at_any_depth(nsclc, tmp_path):
    volume = read_volume(next(nsclc.rglob("0.000000*")))
    save_case(tmp_path / "p1" / "visit1", "ct", volume, gtv())
    save_case(tmp_path / "p1" / "visit2", "ct", volume, gtv(1))
    save_case(tmp_path, "p2", volume, gtv())
    dicom = tmp_path / "p3"
    write_series(dicom / "series", phantom_hu(SHAPE))
    write_segmentation(Segmentation((Segment("GTV-1", gtv(), "Segment_1"),), volume.ijk_to_ras, volume.shape), dicom / "drawn.seg.nrrd")
    cases = ct_folder(tmp_path)
    assert [(case.patient, case.ct.name) for case in cases] == [("p1", "ct.nrrd"), ("p1", "ct.nrrd"), ("p2", "p2.nrrd"), ("p3", "series")]
    assert len(list(slices_of(cases))) == 12
    write_volume(volume, dicom / "a.nrrd")
    write_volume(volume, dicom / "b.nrrd")
    (dicom / "series").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="2 scans and 0 DICOM series beside it"):
        ct_folder(tmp_path)


def test_a_list_names_scans_and_contours_relative_to_itself(nsclc, tmp_path):
    study = next(nsclc.glob("LUNG1-002/*"))
    rows = [f"A,{study}/0.000000-NA-82046,{study}/3.000000-NA-78236/1-1.dcm"]
    (tmp_path / "list.csv").write_text("patient,ct,segmentation\n" + "\n".join(rows), encoding="utf-8-sig")
    slices = list(slices_of(ct_list(tmp_path / "list.csv"), "Spinal-Cord"))
    assert [one.patient for one in slices] == ["A"] * 3 and all(one.mask.any() for one in slices)
    (tmp_path / "bad.csv").write_text("who,ct\n")
    with pytest.raises(InputError, match="needs a header with patient, ct and segmentation"):
        ct_list(tmp_path / "bad.csv")


def test_patients_are_split_80_10_10_and_none_lies_on_both_sides(tmp_path):
    names = [f"LUNG1-{n:03d}" for n in range(1, 423)]
    split = split_of(names * 3, seed=1)
    assert (len(split.train), len(split.validation), len(split.test)) == (338, 42, 42)
    assert sorted({*split.train, *split.validation, *split.test}) == names
    assert split_of(reversed(names), seed=1) == split != split_of(names, seed=2)
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split
    (tmp_path / "bad.json").write_text('{"train": ["a"], "validation": ["a"], "test": []}')
    with pytest.raises(InputError, match="'a' is in two parts"):
        read_split(tmp_path / "bad.json")
    with pytest.raises(InputError, match="--split-by slice"):
        split_of(["one"] * 5)


def test_slices_are_stored_once_and_read_back_bit_for_bit(tmp_path):
    random = np.random.default_rng(0)
    grey, colour = random.integers(0, 255, (7, 13), dtype=np.uint8), random.integers(0, 255, (7, 13, 3), dtype=np.uint8)
    mask = random.random((7, 13)) > 0.5
    given = [LabelledSlice("p", "a", grey, mask), LabelledSlice("p", "b", colour, mask), LabelledSlice("p", "empty", grey, mask & False)]
    stored = store(given, tmp_path / "s")
    assert [one.name for one in stored] == ["a", "b"] and store([], tmp_path / "s") == stored
    for one, image in zip(stored, (np.repeat(grey[..., None], 3, 2), colour)):
        assert np.array_equal(one.read().image, image) and np.array_equal(one.read().masks[0], mask)
    with pytest.raises(InputError, match="No slice of the data set"):
        store([], tmp_path / "none")


def test_what_is_no_folder_or_no_table_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InputError, match="is a file; give the folder"):
        nsclc_radiomics(tmp_path / "file")
    with pytest.raises(InputError, match="is not a CSV table"):
        ct_list(tmp_path / "file")


def test_augmentation_moves_image_and_mask_together(tmp_path):
    mask = np.zeros((40, 60), bool)
    mask[10:20, 15:40] = True
    example = Example(np.repeat((50 + 150 * mask).astype(np.uint8)[..., None], 3, 2), mask[None])
    changed = [augmented(example, np.random.default_rng(seed)) for seed in range(30)]
    for one in changed:
        grey, inside = one.image[..., 0].astype(int), one.masks[0]
        assert one.image.shape == example.image.shape and grey[inside].mean() > grey[~inside].mean() + 60
    assert len({one.image.tobytes() for one in changed}) > 20
    edge = Example(example.image, np.pad(np.ones((1, 1, 1), bool), ((0, 0), (0, 39), (0, 59))))
    assert all(augmented(edge, np.random.default_rng(seed)).masks.any() for seed in range(30))


def test_the_split_and_the_slices_are_written_and_used_again(nsclc, tmp_path):
    said = []
    material = Material("nsclc", nsclc, unit="slice")
    first = sources_of(material, tmp_path, 64, 1, 0, said.append)
    assert (len(first.data.train), len(first.data.validation), len(first.test)) == (4, 1, 1)
    again = sources_of(material, tmp_path, 64, 1, 7, said.append)
    assert [one.name for one in again.data.train.slices] == [one.name for one in first.data.train.slices]


def test_the_prior_alone_is_measured_on_a_followup_or_on_what_is_held_out(nsclc, tmp_path):
    volume = read_volume(next(nsclc.rglob("0.000000*")))
    save_case(tmp_path / "scans", "prior", volume, gtv())
    save_case(tmp_path / "scans", "later", volume, gtv(2))
    paths = {stem: (tmp_path / "scans" / f"{stem}.nrrd", tmp_path / "scans" / f"{stem}.seg.nrrd") for stem in ("prior", "later")}
    alone = sources_of(Material("prior", paths["prior"][0], segmentation=paths["prior"][1]), tmp_path / "a", 64, 1, 0, str)
    assert (len(alone.data.train), len(alone.data.validation)) == (2, 1) and alone.data.measure is not None
    both = Material("prior", paths["prior"][0], segmentation=paths["prior"][1], followup=paths["later"][0], truth=paths["later"][1])
    seen = sources_of(both, tmp_path / "b", 64, 1, 0, str)
    assert (len(seen.data.train), len(seen.data.validation)) == (3, 3)
    assert seen.data.validation.example(0).masks.sum() > seen.data.measure.example(0).masks.sum()
