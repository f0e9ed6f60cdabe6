"""What a person made of a visit is in its report and its table; a visit nobody reviewed looks as it always did."""

import csv
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from p2sam.files.tables import REVIEW_COLUMNS, SLICE_COLUMNS, write_slices
from p2sam.report import render_report
from p2sam.review import review_of
from visit_fixture import AWKWARD_NAME, make_visit

REVIEWER, NOTE = 'Dr. <Ünal> & "Co"', "Vessel at the <hilum> left out."


def entry(structure, result, status, **others):
    when = {} if status == "not reviewed" else {"reviewer": REVIEWER, "time": f"2026-11-25T16:{result.index:02d}:30+01:00"}
    return {"structure": structure, "slice": result.index, "status": status, "reviewer": "", "time": "", "note": "", "edited": False, **when, **others}


@pytest.fixture(scope="module")
def visit():
    """The tumour's slices: accepted, edited, flagged, accepted with an edit, then nobody's; the cord is not named at all."""
    visit = make_visit()
    tumour = visit.structures[0].slices
    statuses = ["accepted", "edited", "flagged", "accepted", *["not reviewed"] * (len(tumour) - 4)]
    entries = [entry(AWKWARD_NAME, result, status, edited=n in (1, 3), note=NOTE if n == 2 else "") for n, (result, status) in enumerate(zip(tumour, statuses))]
    return replace(visit, provenance={**visit.provenance, "review": {"counts": {}, "slices": entries}})


@pytest.fixture(scope="module")
def tree(visit):
    return ElementTree.fromstring(render_report(visit).split("\n", 1)[1])


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def card(tree, visit, number):
    index = visit.structures[0].slices[number].index
    return next(one for one in tree.iter("details") if one.get("id") == f"c0-{index}")


def test_each_structure_has_its_counts_and_the_visit_a_sentence(tree, visit):
    section = next(one for one in tree.iter("section") if text_of(one).startswith("Review"))
    rows = [[text_of(cell) for cell in row.iter("td")] for row in section.iter("tr")][1:]
    tumour, cord = (len(one.slices) for one in visit.structures)
    assert rows == [[AWKWARD_NAME, str(tumour), "2", "1", "1", str(tumour - 4)], ["Spinal-Cord", str(cord), "0", "0", "0", str(cord)]]
    assert f"4 of {tumour + cord} slices were reviewed by {REVIEWER}, the last on 2026-11-25 16:" in text_of(section)


def test_each_slice_says_who_settled_it_when_and_why(tree, visit):
    rejected = card(tree, visit, 2)
    assert f"flagged by {REVIEWER}" in text_of(rejected.find("summary"))
    minute = visit.structures[0].slices[2].index
    assert f"Flagged by {REVIEWER}, 2026-11-25 16:{minute:02d}{NOTE}" in text_of(rejected)
    assert "accepted, edited" in text_of(card(tree, visit, 3).find("summary")) and "accepted, edited" not in text_of(card(tree, visit, 0))
    untouched = text_of(card(tree, visit, 4))
    assert "not reviewed" in untouched and REVIEWER not in untouched


def test_what_a_person_flagged_comes_first_is_counted_and_is_unfolded(tree, visit):
    tumour = visit.structures[0].slices
    calm = next(result for result in tumour if not result.flags)
    entries = [entry(AWKWARD_NAME, calm, "flagged")]
    page = ElementTree.fromstring(render_report(replace(visit, provenance={"review": {"slices": entries}})).split("\n", 1)[1])
    first = next(page.iter("details"))
    assert first.get("id") == f"c0-{calm.index}" and first.get("open") and "flagged" in first.get("class").split()
    lead = next(text_of(one) for one in page.iter("p") if one.get("class") == "lead")
    assert lead.startswith(f"1 of {sum(len(one.slices) for one in visit.structures)} slices was flagged by {REVIEWER}.")
    assert "The method gives a reason to look at" in lead and f"Start with {AWKWARD_NAME}, slice {calm.index}" in lead


def test_a_slice_that_a_person_flagged_is_not_under_a_sentence_that_none_is(visit):
    calm = [replace(one, slices=tuple(replace(result, flags=()) for result in one.slices)) for one in visit.structures]
    entries = [entry(AWKWARD_NAME, calm[0].slices[3], "flagged", reviewer="")]
    page = render_report(replace(visit, structures=tuple(calm), provenance={"review": {"slices": entries}}))
    assert "flagged by a reviewer." in page and "The method gives no reason to look at any of" in page and "Start with" in page


def test_research_use_only_is_said_once(visit):
    assert render_report(visit).lower().count("research use only") == 1


def test_the_table_has_the_review_in_columns_of_its_own(visit, tmp_path):
    write_slices(visit, tmp_path / "slices.csv")
    rows = list(csv.DictReader((tmp_path / "slices.csv").open(encoding="utf-8", newline="")))
    assert tuple(rows[0]) == SLICE_COLUMNS + REVIEW_COLUMNS
    third, last = rows[2], rows[-1]
    assert [third[name] for name in REVIEW_COLUMNS] == ["flagged", REVIEWER, f"2026-11-25T16:{int(third['slice']):02d}:30+01:00", NOTE, "0"]
    assert [last[name] for name in REVIEW_COLUMNS] == ["not reviewed", "", "", "", "0"]
    assert [row["edited"] for row in rows[:4]] == ["0", "1", "0", "1"]


def test_a_visit_that_nobody_reviewed_has_no_word_of_it(tmp_path):
    visit = make_visit()
    page = render_report(visit)
    assert review_of(visit) is None and ">Review<" not in page and "reviewed by" not in page and 'class="tag open"' not in page
    write_slices(visit, tmp_path / "slices.csv")
    assert tuple(next(csv.reader((tmp_path / "slices.csv").open(encoding="utf-8", newline="")))) == SLICE_COLUMNS


def test_a_review_of_which_nothing_was_settled_says_so():
    visit = replace(make_visit(), provenance={"review": {"slices": []}})
    assert "No slice was reviewed." in render_report(visit)


def test_a_complete_review_says_so():
    visit = make_visit()
    entries = [entry(one.segment.name, result, "accepted") for one in visit.structures for result in one.slices]
    assert f"All {len(entries)} slices" in render_report(replace(visit, provenance={"review": {"slices": entries}}))
