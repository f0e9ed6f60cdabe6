"""The tables of a visit."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from p2sam.result import CandidateRecord
from p2sam.files.tables import SLICE_COLUMNS, second_best_distance, slice_rows, write_metrics, write_slices
from visit_fixture import AWKWARD_NAME, make_visit


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_one_row_for_each_slice_of_each_structure_with_the_result_s_numbers(tmp_path):
    visit = make_visit()
    write_slices(visit, tmp_path / "slices.csv")
    rows = read(tmp_path / "slices.csv")
    assert tuple(rows[0]) == SLICE_COLUMNS
    results = [(structure.segment.name, result) for structure in visit.structures for result in structure.slices]
    assert len(rows) == len(results)
    for row, (name, result) in zip(rows, results, strict=True):
        assert (row["visit"], row["structure"], int(row["slice"])) == ("visit2", name, result.index)
        assert float(row["position_mm"]) == pytest.approx(result.position_mm, abs=1e-3)
        assert float(row["area_cm2"]) == pytest.approx(result.area_mm2 / 100, rel=1e-5)
        assert int(row["n_candidates"]) == len(result.candidates)


def test_a_slice_without_a_result_has_empty_cells_and_not_zeros():
    row = next(row for row in slice_rows(make_visit()) if row["structure"] == AWKWARD_NAME and row["flags"])
    assert row["distance"] is row["second_best_distance"] is row["chosen"] is row["n_positive"] is None
    assert row["n_candidates"] == 1 and row["n_scored"] == 0 and row["area_cm2"] == 0
    assert row["flags"] == "empty" and row["reasons"].startswith("Nothing was found")


def test_empty_cells_are_written_empty(tmp_path):
    write_slices(make_visit(), tmp_path / "slices.csv")
    row = next(row for row in read(tmp_path / "slices.csv") if row["flags"] == "empty")
    assert row["distance"] == row["chosen"] == row["second_best_distance"] == ""


def test_the_second_best_distance_is_the_least_among_the_others():
    result = make_visit().structures[1].slices[0]
    assert second_best_distance(result) == pytest.approx(result.distance + 0.05)
    alone = replace(result, candidates=(CandidateRecord("parts", 1, 1, 0.3, 5.0), CandidateRecord("parts", 1, 2, None, 0.0)), chosen=0)
    assert second_best_distance(alone) is None


def test_metrics_take_their_columns_from_the_rows_and_leave_unknown_values_empty(tmp_path):
    rows = [{"structure": "GTV, left", "dice": np.float32(0.5), "slices": np.int64(1234567)}, {"structure": "Cord", "dice": None, "hd95_mm": 2.0}]
    write_metrics(rows, tmp_path / "metrics.csv")
    first, second = read(tmp_path / "metrics.csv")
    assert first == {"structure": "GTV, left", "dice": "0.5", "slices": "1234567", "hd95_mm": ""}
    assert second == {"structure": "Cord", "dice": "", "slices": "", "hd95_mm": "2"}
