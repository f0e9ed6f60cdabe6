"""The report: the right slices in the right order, the right contours at the right places, and one safe file."""

import base64
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import p2sam.report.page as report
import p2sam.report.figures as report_figures
import pytest
import SimpleITK as sitk
from p2sam.errors import GeometryError
from p2sam.report import render_report, worst_first
from p2sam.report.chart import ticks
from p2sam.report.figures import frame_of, plane_letters
from p2sam.report.pixels import CODE_KNOTS, HU_KNOTS, WINDOWS, default_window, encode_png, outlines, shrink
from p2sam.report.text import escape, number
from p2sam.result import CandidateRecord, Flag
from p2sam.volume import canonical
from visit_fixture import AWKWARD_NAME, make_visit

VOID = {"meta", "br", "input", "image", "path", "circle", "rect", "fefuncr", "fefuncg", "fefuncb"}


def parse(page):
    """The page as a tree; it is XML after its first line."""
    return ElementTree.fromstring(page.split("\n", 1)[1])


def cards(tree):
    return {element.get("id"): element for element in tree.iter("details")}


def pages(visit, **arguments):
    return parse(render_report(visit, **arguments))


@pytest.fixture(scope="module")
def visit():
    return make_visit()


@pytest.fixture(scope="module")
def page(visit):
    rows = [{"visit": "visit2", "structure": AWKWARD_NAME, "method": "p2sam", "dice": 0.912, "surface_dice": None, "hd95_mm": 3.25, "tolerance_mm": 2.0}]
    return render_report(visit, visit.followup.array + 20, rows, {AWKWARD_NAME: visit.structures[0].segment.mask})


@pytest.fixture(scope="module")
def tree(page):
    return parse(page)


class Balance(HTMLParser):
    """Collects what a browser would have to repair."""

    def __init__(self):
        super().__init__()
        self.open, self.faults = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in VOID:
            self.faults.append(f"<{tag}/> is not void in HTML")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


def test_the_page_is_well_formed_as_html_and_as_xml(page):
    parser = Balance()
    parser.feed(page)
    assert parser.faults == [] and parser.open == []
    assert page.startswith("<!DOCTYPE html>\n") and parse(page).tag == "html"


def test_nothing_is_fetched_from_anywhere(page):
    outside = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "http" not in outside.replace("http-equiv", "") and "//" not in outside and "@import" not in outside and "url(" in outside
    assert set(re.findall(r"url\(([^)]*)\)", outside)) == {f"#f-{window.key}" for window in WINDOWS}
    references = re.findall(r'(?:href|src)="([^"]{0,30})', outside)
    assert references and all(reference.startswith(("#", "data:image/png;")) for reference in references)
    assert "default-src &#x27;none&#x27;" in outside


def test_research_use_is_said_once(page):
    assert page.lower().count("research use") == 1


def test_every_slice_of_every_structure_has_one_card(visit, tree):
    wanted = {f"c{place}-{result.index}" for place, structure in enumerate(visit.structures) for result in structure.slices}
    found = [element.get("id") for element in tree.iter("details")]
    assert set(found) == wanted and len(found) == len(wanted)


def test_cards_come_worst_first_flagged_by_severity_then_by_distance(visit, tree):
    found = [element.get("id") for element in tree.iter("details")]
    results = {f"c{place}-{result.index}": result for place, structure in enumerate(visit.structures) for result in structure.slices}
    flags = [bool(results[key].flags) for key in found]
    assert flags == sorted(flags, reverse=True) and sum(flags) > 2
    assert [flag.code for flag in results[found[0]].flags] == ["empty"]
    plain = [results[key].distance for key in found if not results[key].flags]
    assert plain == sorted(plain, reverse=True) and len(plain) > 5


def test_a_flag_that_the_report_does_not_know_comes_before_every_other(visit):
    structure = visit.structures[1]
    strange = replace(structure.slices[3], flags=(Flag("never_heard_of", "Something new."),))
    changed = replace(visit, structures=(visit.structures[0], replace(structure, slices=(*structure.slices[:3], strange, *structure.slices[4:]))))
    codes = [result.flags[0].code if result.flags else "" for _, result in worst_first(changed)]
    assert codes.index("never_heard_of") < codes.index("far_distance") < codes.index("")


def test_names_from_outside_are_text_and_never_markup(page, tree):
    assert "<b>GTV" not in page
    titles = [element.text for element in tree.iter("h3")]
    assert AWKWARD_NAME in titles
    assert escape("a\x00b\x1f<") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}&lt;"


def test_a_control_character_in_a_name_keeps_the_page_well_formed(visit):
    structure = visit.structures[1]
    renamed = replace(structure, segment=replace(structure.segment, name="Cord\x0b]]>'"))
    masks = {"Cord\x0b]]>'": visit.aligned_masks["Spinal-Cord"]}
    assert len(cards(pages(replace(visit, structures=(renamed,), aligned_masks=masks)))) == len(structure.slices)


LAYOUTS = [{}, {"flips": (True, False, False)}, {"slice_last": True}]


def polygons(card, kind):
    """The outlines of one class in the follow-up picture of a card, each (n, 2) in millimetres."""
    picture = next(element for element in card.iter("svg") if element.get("aria-label").startswith("Follow-up"))
    return [
        np.array([[float(value) for value in corner.split()] for corner in loop.split("L")])
        for path in picture.iter("path")
        if path.get("class") == kind
        for loop in path.get("d").strip("MZ").split("ZM")
    ]


def enclosed_mm2(polygon):
    x, y = polygon.T
    return abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_contour_of_a_card_is_that_of_its_own_slice(layout):
    visit = make_visit(**layout)
    found = cards(pages(visit))
    pixel_mm2 = float(np.prod(canonical(visit.followup)[0].spacing_mm[:2]))
    for place, structure in enumerate(visit.structures):
        for result in structure.slices:
            for kind, area_mm2 in (("result", result.area_mm2), ("prior", result.prior_area_mm2)):
                loops = polygons(found[f"c{place}-{result.index}"], kind)
                corners = sum(len(loop) for loop in loops)
                # The outline cuts an eighth of a pixel off each convex corner of the mask.
                assert abs(sum(map(enclosed_mm2, loops)) - area_mm2) <= corners * pixel_mm2 / 8 + 0.1


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_points_lie_in_millimetres_where_they_lie_in_the_patient_right_on_the_left_and_front_on_top(layout):
    visit = make_visit(**layout)
    found = cards(pages(visit))
    for result in visit.structures[0].slices:
        if not len(result.prompts):
            continue
        rings = [e for e in found[f"c0-{result.index}"].iter("circle") if e.get("class") is None]
        drawn = np.array([[float(ring.get("cx")), float(ring.get("cy"))] for ring in rings])
        patient = result.prompts_ras[result.prompts.labels == 1]
        step_drawn, step_patient = drawn[1] - drawn[0], patient[1] - patient[0]
        assert np.linalg.norm(step_drawn) == pytest.approx(np.linalg.norm(step_patient), abs=0.02)
        turned = np.degrees(np.arccos(step_drawn @ (-step_patient[:2]) / np.linalg.norm(step_drawn) / np.linalg.norm(step_patient)))
        assert turned < 16, "the plane is oblique by 13 degrees, and neither mirrored nor turned"


def test_positive_points_lie_inside_the_drawn_contour(visit, tree):
    shown = 0
    for result in visit.structures[0].slices:
        card = cards(tree)[f"c0-{result.index}"]
        loops = polygons(card, "result")
        for ring in [e for e in card.iter("circle") if e.get("class") is None]:
            x, y = float(ring.get("cx")), float(ring.get("cy"))
            crossings = 0
            for loop in loops:
                (x0, y0), (x1, y1) = loop.T, np.roll(loop, -1, axis=0).T
                cut = (y0 > y) != (y1 > y)
                crossings += int(np.sum(x < x0[cut] + (y - y0[cut]) * (x1 - x0)[cut] / (y1 - y0)[cut]))
            assert crossings % 2 == 1
            shown += 1
    assert shown > 8


def test_letters_name_the_patient_sides_and_say_where_a_plane_is_oblique():
    volume = canonical(make_visit().followup)[0]
    assert plane_letters(volume) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    turn = np.radians(30)
    matrix = np.diag([-1.0, -1.0, 3.0, 1.0])
    matrix[:2, :2] = -np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert plane_letters(replace(volume, ijk_to_ras=matrix))["right"] == "LP"


def test_the_frame_holds_masks_and_points_and_stays_inside_the_slice():
    volume = canonical(make_visit().followup)[0]
    mask = np.zeros(volume.array.shape, bool)
    mask[3, 50:55, 2:9] = True
    frame = frame_of(volume, [mask], np.array([[70.0, 40.0]]))
    assert frame.crop(mask[3]).sum() == mask.sum()
    assert frame.holds(np.array([[70.0, 40.0], [1e4, 0.0]])).tolist() == [True, False]
    assert 0 <= frame.rows.start < frame.rows.stop <= volume.array.shape[1]
    assert 0 <= frame.columns.start < frame.columns.stop <= volume.array.shape[2]


def test_each_point_of_a_chart_leads_to_a_card_and_flagged_and_empty_ones_differ_in_shape(visit, tree):
    links = [link for link in tree.iter("a") if link.get("data-mark")]
    assert {link.get("href")[1:] for link in links} == set(cards(tree)) and len(links) == len(cards(tree))
    shapes = {link.get("data-mark"): next(e for e in link if e.get("class", "").startswith("m-")) for link in links}
    assert set(shapes) == {"drawn", "flagged", "unscored"}
    assert shapes["drawn"].tag == "circle" and shapes["flagged"].get("d").endswith("Z") and not shapes["unscored"].get("d").endswith("Z")
    empty = next(link for link in links if link.get("data-mark") == "unscored")
    assert "no score; Nothing was found" in empty.find("title").text


def test_a_card_marks_the_chosen_candidate_and_gives_flag_and_reason(visit, tree):
    flagged = next(result for result in visit.structures[1].slices if result.flags)
    card = cards(tree)[f"c1-{flagged.index}"]
    (chosen,) = [row for row in card.iter("tr") if row.get("class") == "chosen"]
    assert [cell.text for cell in chosen][:2] == ["2 positive, 1 negative (chosen)", number(flagged.distance)]
    text = "".join(card.itertext())
    assert "far distance" in text and flagged.flags[0].reason in text and "aligned prior" in text
    assert "class" in card.attrib and "flagged" in card.get("class").split()


def test_a_slice_without_a_result_shows_dashes_and_not_numbers(visit, tree):
    empty = next(result for result in visit.structures[0].slices if result.chosen is None)
    text = "".join(cards(tree)[f"c0-{empty.index}"].itertext())
    assert "no score" in text and "no contour" in text and "Distance\N{EM DASH}" in text and "1 without a score (empty mask)." in text


def test_a_point_outside_the_picture_is_counted_in_the_caption(visit, monkeypatch):
    monkeypatch.setattr(report_figures, "SMALLEST_SIDE_MM", 30.0)
    monkeypatch.setattr(report_figures, "MARGIN_MM", 5.0)
    structure = visit.structures[1]
    result = structure.slices[0]
    far = result.prompts.points_xy.copy()
    far[2] = [0.0, 0.0]
    moved = replace(result, prompts=replace(result.prompts, points_xy=far))
    tree = pages(replace(visit, structures=(replace(structure, slices=(moved,)),)))
    assert "1 point outside the picture" in "".join(cards(tree)[f"c0-{result.index}"].itertext())
    assert not [e for e in tree.find(".//details").iter("g") if e.get("class") == "negative"]


def test_what_nobody_recorded_is_called_so(visit):
    bare = replace(visit, provenance={}, followup=replace(visit.followup, meta={}))
    facts = {e[0].text: e[1].text for e in pages(bare).iter("div") if len(e) == 2 and e[0].tag == "dt"}
    assert facts["Patient"] == facts["Model"] == facts["Preset"] == facts["Prior"] == facts["Follow-up"] == "not recorded"


def test_warnings_and_an_alignment_that_fell_back_are_said_first(tree):
    alert = next(e for e in tree.iter("div") if e.get("role") == "alert")
    lines = [item.text for item in alert.iter("li")]
    assert lines == ["Alignment 'deformable' was asked for, 'rigid' was used.", "Folding < 0; rigid kept.", "Two structures overlapped in 3 voxels."]


def test_an_incomplete_run_says_so_and_compares_no_volumes():
    tree = pages(make_visit(complete=False))
    assert "stopped before its end" in "".join(next(e for e in tree.iter("div") if e.get("role") == "alert").itertext())
    row = tree.find(".//tbody/tr")
    assert [cell.text for cell in row][3:6] == ["\N{EM DASH}"] * 3


def test_volumes_and_their_change_are_those_of_the_result(visit, tree):
    cells = [cell.text for cell in tree.find(".//tbody/tr")]
    structure = visit.structures[0]
    change = structure.volume_ml - structure.prior_volume_ml
    assert cells[1:3] == [number(structure.volume_ml), number(structure.prior_volume_ml)]
    assert cells[3] == number(change, signed=True) and cells[3].startswith("\N{MINUS SIGN}")
    assert cells[4] == number(100 * change / structure.prior_volume_ml, signed=True)
    assert cells[6:9] == [str(len(structure.slices)), str(sum(bool(r.flags) for r in structure.slices)), str(sum(r.area_mm2 == 0 for r in structure.slices))]


def test_a_structure_cut_by_the_field_of_view_shows_no_change_of_volume(visit, page):
    cord = replace(visit.structures[1], prior_volume_ml=44.7)
    tree = pages(replace(visit, structures=(cord,)))
    row = tree.find(".//tbody/tr")
    assert [row[1].text, row[2].text] == [number(cord.volume_ml), "44.7"]
    assert [row[3].text, row[4].text] == ["\N{EM DASH}"] * 2
    note = tree.findall(".//section/div/p[@class='note']")[1].text
    assert "cuts Spinal-Cord" in note and AWKWARD_NAME not in note


def test_a_structure_that_the_priors_scan_cuts_shows_no_change_of_volume(visit):
    tumour = visit.structures[0]
    told = pages(replace(visit, structures=(tumour,)))
    assert told.find(".//tbody/tr")[4].text != "\N{EM DASH}"
    cut = pages(replace(visit, structures=(replace(tumour, prior_is_part=True),)))
    assert [cell.text for cell in cut.find(".//tbody/tr")[3:5]] == ["\N{EM DASH}"] * 2
    assert any(f"The prior's scan cuts {AWKWARD_NAME}: the prior's volume" in "".join(note.itertext()) for note in cut.iter("p"))


def kept(result, *nearer):
    """The slice with its tracked prior kept at 1.68, and other candidates at these distances."""
    own = CandidateRecord("tracked prior", 0, 0, 1.68, result.area_mm2)
    return replace(result, candidates=(own, *(CandidateRecord(kind, 1, 1, distance, 80.0) for kind, distance in nearer)), chosen=0)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([("parts", 1.60)], ["A drawn candidate was nearer (1.60 against 1.68), but not by the 30 % that it takes to leave the tracked prior."]),
        ([("parts", 1.75)], []),
        ([("aligned prior", 1.61)], ["The aligned prior was nearer; beside the tracked prior it is scored for comparison only."]),
    ],
)
def test_a_candidate_that_was_nearer_than_the_chosen_one_is_explained(visit, others, said):
    cord = visit.structures[1]
    one = next(result for result in cord.slices if not result.flags)
    changed = replace(cord, slices=tuple(kept(result, *others) if result is one else result for result in cord.slices))
    tree = pages(replace(visit, structures=(visit.structures[0], changed), provenance={"settings": {"keep_margin": 0.3}}))
    card = cards(tree)[f"c1-{one.index}"]
    unused = "The points are those of the nearest drawn candidate; they were not used for this contour."
    assert [note.text for note in card.iter("p") if note.get("class") == "note"] == [*said, unused]
    facts = [element.text for element in card.iter("dt")]
    assert "Nearest other candidate" in facts and not any("best" in fact.lower() for fact in facts)


def test_a_chosen_candidate_that_was_removed_at_the_end_is_told_of(visit):
    cord = visit.structures[1]
    one = next(result for result in cord.slices if not result.flags)
    changed = replace(cord, slices=tuple(replace(result, area_mm2=0.0) if result is one else result for result in cord.slices))
    text = "".join(cards(pages(replace(visit, structures=(visit.structures[0], changed))))[f"c1-{one.index}"].itertext())
    assert "was removed: nothing of it is left on this slice" in text


def test_the_quality_of_the_alignment_is_given_with_its_scale(page):
    assert "quality 0.810 on a scale to 1, which is a perfect copy; below 0.4 is doubtful" in page


def test_what_the_shift_and_the_changes_are_measured_from_is_said(page):
    assert "Shift to aligned prior (mm)" in page and "not how far the structure moved in the patient" in page
    assert "Against the aligned prior" in page


def test_the_research_banner_is_at_the_top_and_on_each_printed_page(page):
    tree = parse(page)
    first = [element for element in tree.find("body") if element.tag != "svg"][0]
    assert first.get("class") == "banner" and "FOR RESEARCH USE ONLY." in "".join(first.itertext())
    style = "".join(tree.find("head/style").itertext())
    assert ".banner{display:table-header-group;break-inside:avoid}" in style[style.index("@media print") :]


def test_metrics_are_shown_only_where_a_truth_was_given(visit, page):
    rows = parse(page).findall(".//section")[1].findall(".//tr")
    assert [cell.text for cell in rows[0]] == ["Structure", "Method", "Dice", "Surface Dice at 2 mm", "95 % Hausdorff (mm)"]
    assert [cell.text for cell in rows[1]] == [AWKWARD_NAME, "p2sam", "0.912", "\N{EM DASH}", "3.25"]
    assert "Against the given truth" in page and 'class="truth"' in page
    bare = render_report(visit)
    assert "Against the given truth" not in bare and 'class="truth"' not in bare and "truth given" not in bare


def test_without_the_prior_ct_the_report_says_so(visit, page):
    assert "The prior CT was not handed to this report" in render_report(visit)
    assert "The prior CT was not handed to this report" not in page


def test_a_slice_that_the_prior_ct_does_not_reach_says_so(visit):
    tree = pages(visit, prior_on_followup=np.full(visit.followup.array.shape, np.nan, np.float32))
    assert all("does not reach this slice" in "".join(card.itertext()) for card in tree.iter("details"))


def test_an_array_on_another_grid_is_refused(visit):
    with pytest.raises(GeometryError, match="does not fit"):
        render_report(visit, visit.followup.array[1:])


def test_a_report_without_slices_or_structures_is_still_a_page(visit):
    none = replace(visit, structures=(replace(visit.structures[0], slices=()),))
    assert "No slice was segmented" in render_report(none) and "No slice was tried" in render_report(none)
    assert cards(pages(replace(visit, structures=()))) == {}


def test_where_pictures_would_be_too_many_the_worst_slices_keep_theirs_and_the_others_say_so(visit, monkeypatch):
    monkeypatch.setattr(report, "PICTURE_BYTES", 2 * 110 * 110 * 5 * report.BYTES_A_PIXEL + 1)
    tree = pages(visit)
    pictured = [len(list(card.iter("image"))) > 0 for card in tree.iter("details")]
    assert pictured == [True] * 5 + [False] * (len(pictured) - 5)
    assert "Picture left out" in "".join(list(tree.iter("details"))[-1].itertext())


def test_three_structures_of_sixty_slices_stay_below_fifteen_megabytes():
    noise = np.random.default_rng(0).normal(40, 25, (200, 200))
    side = report.picture_side(2 * 180)
    png = encode_png(np.clip(np.interp(shrink(noise, side), HU_KNOTS, CODE_KNOTS), 0, 255).astype(np.uint8))
    assert 2 * 180 * len(png) * 4 / 3 < 14.5e6
    assert side > 150


def test_png_pixels_come_back_as_they_went_in(tmp_path):
    grey = np.random.default_rng(1).integers(0, 256, (13, 7), np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(grey))
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.png"))), grey)


def test_the_embedded_picture_is_the_slice_itself_in_the_order_of_the_canonical_frame(visit, tree, tmp_path):
    volume, order = canonical(visit.followup)
    result = visit.structures[0].slices[0]
    k = len(volume.array) - 1 - result.index if order.flips[0] else result.index
    uri = cards(tree)[f"c0-{result.index}"].find(".//image").get("href")
    (tmp_path / "a.png").write_bytes(base64.b64decode(uri.split(",", 1)[1]))
    codes = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.png")))
    hu = np.interp(codes.astype(float), CODE_KNOTS, HU_KNOTS)
    shape = codes.shape
    best = min(
        (np.abs(np.clip(plane, *HU_KNOTS[::3]) - hu).max(), i)
        for i, slice_ in enumerate(volume.array)
        for plane in np.lib.stride_tricks.sliding_window_view(slice_, shape).reshape(-1, *shape)
    )
    assert best[1] == k and best[0] <= 12


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.key)
def test_a_window_shows_the_grey_that_a_console_would_within_five_levels(window):
    hu = np.linspace(-1024, 1300, 5000)
    codes = np.rint(np.interp(hu, HU_KNOTS, CODE_KNOTS)).astype(int)
    true = np.clip((hu - (window.level - window.width / 2)) / window.width, 0, 1)
    assert np.abs(window.grey_of_code()[codes] - true).max() <= 5 / 255


def test_the_lung_window_is_chosen_in_lung_and_soft_tissue_elsewhere():
    mask = np.zeros((9, 40, 40), bool)
    mask[3:6, 15:25, 15:25] = True
    assert default_window(np.where(mask, 40, -800), mask).key == "lung"
    assert default_window(np.full(mask.shape, 40), mask).key == "soft"
    assert default_window(np.full(mask.shape, -800), np.zeros_like(mask)).key == "soft"


def test_outlines_are_closed_run_halfway_between_pixels_and_keep_holes_and_corners_apart():
    square = np.zeros((6, 7), bool)
    square[1:5, 2:6] = True
    (loop,) = outlines(square)
    assert enclosed_mm2(loop) == pytest.approx(16 - 4 / 8)
    assert loop.min(axis=0).tolist() == [1.5, 0.5] and loop.max(axis=0).tolist() == [5.5, 4.5] and len(loop) == 8
    square[2:4, 3:5] = False
    assert len(outlines(square)) == 2
    assert len(outlines(np.eye(2, dtype=bool))) == 2 and len(outlines(np.eye(2, dtype=bool)[::-1])) == 2
    assert outlines(np.zeros((3, 3), bool)) == []


def test_shrinking_keeps_the_mean_and_leaves_small_pictures_alone():
    image = np.add.outer(np.arange(90.0), np.arange(60.0))
    assert shrink(image, 100) is image
    assert shrink(image, 45).shape == (45, 30) and shrink(image, 45).mean() == pytest.approx(image.mean(), abs=0.5)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "\N{EM DASH}"), (0.0, "0.00"), (12.345, "12.3"), (1234.5, "1234"), (-0.0456, "\N{MINUS SIGN}0.0456"), (3, "3"), (99.96, "100")]
)
def test_numbers_have_three_digits_and_a_real_minus(value, text):
    assert number(value) == text


@pytest.mark.parametrize("top", [0.0, 1e-4, 0.37, 1.0, 7.3, 1234.0])
def test_ticks_start_at_nought_and_cover_the_largest_value(top):
    values = ticks(top)
    assert values[0] == 0 and values[-1] >= top * (1 - 1e-9) and 2 <= len(values) <= 6
    assert np.allclose(np.diff(values), values[1])
