"""What goes wrong around a worker is a sentence, and the worker lives on."""

import os
import shutil

import numpy as np
import pytest
from p2sam.volume import Volume
from talk import case_parameters, scan_parameters, talking

posix = pytest.mark.skipif(os.name != "posix", reason="limits are POSIX's")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    with talking(tmp_path_factory.mktemp("job")) as talk:
        talk.ask("load_model", model="graph")
        yield talk


def cut(path, length):
    with open(path, "r+b") as file:
        file.truncate(length)


DAMAGE = {
    "a scan cut short": lambda given, job: cut(job.path / given["prior"]["array"], 1000),
    "a scan that is no array": lambda given, job: (job.path / given["followup"]["array"]).write_bytes(b"x" * 300),
    "a mask that is missing": lambda given, job: job.discard(given["segments"][1]["mask"]),
    "a mask of another grid": lambda given, job: given["segments"][0].update(mask=job.save_array(np.zeros((3, 4, 5), bool))),
    "a mask of fractions": lambda given, job: given["segments"][0].update(mask=job.save_array(np.zeros((3, 4, 5)))),
    "a file elsewhere": lambda given, job: given["prior"].update(array="../../etc/passwd"),
    "a matrix of text": lambda given, job: given["prior"].update(ijk_to_ras=[["a"] * 4] * 4),
    "no matrix": lambda given, job: given["followup"].pop("ijk_to_ras"),
    "a flat matrix": lambda given, job: given["followup"].update(ijk_to_ras=np.diag([1, 1, 0, 1]).tolist()),
    "no scan": lambda given, job: given.pop("prior"),
    "no segments": lambda given, job: given.update(segments=[]),
    "a segment that is text": lambda given, job: given.update(segments=["GTV"]),
    "an unknown structure": lambda given, job: given.update(structures=["Liver"]),
    "an unknown setting": lambda given, job: given.update(settings={"speed": 3}),
    "a transform that is missing": lambda given, job: given.update(transform="none.h5"),
    "two segments of one id": lambda given, job: given["segments"][1].update(id=given["segments"][0]["id"]),
}
TOLD = {
    "a scan cut short": "is damaged (it has 1000 bytes",
    "a scan that is no array": "is damaged",
    "a mask that is missing": "has no array 'segment-",
    "a mask of another grid": "has shape (3, 4, 5), (14, 56, 64) is needed",
    "a mask of fractions": "(14, 56, 64) is needed",
    "a file elsewhere": "give a name without a path",
    "a matrix of text": "four rows of four numbers",
    "no matrix": "four rows of four numbers",
    "a flat matrix": "not an invertible 4x4 matrix",
    "no scan": "needs 'prior' as an object; it got nothing",
    "no segments": "Every structure of the prior segmentation is empty",
    "a segment that is text": "Segment 1 is 'GTV'",
    "an unknown structure": "no structure 'Liver' in the segmentation; it has: GTV, Core",
    "an unknown setting": "Unknown setting: speed",
    "a transform that is missing": "no transform file",
    "two segments of one id": "Two segments have the same id",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_case_that_cannot_be_opened_is_a_sentence(loaded, patient, damage):
    given = case_parameters(*patient[:3], loaded.job, patient[3])
    DAMAGE[damage](given, loaded.job)
    message = loaded.error_of("open_case", **given)
    assert TOLD[damage] in message["message"], message["message"]
    assert "fault of P2SAMSlicer" not in message["message"]
    assert "Traceback" in message["traceback"]


def test_scans_that_are_no_ct_are_refused_by_name(loaded, patient):
    prior, segmentation, followup, _ = patient
    for array, told in ((np.full(followup.shape, np.nan, np.float32), "not finite"), (np.zeros(followup.shape, np.int16), "the follow-up CT' is empty"), (np.ones((5, 5), np.int16), "2 axes")):
        given = case_parameters(prior, segmentation, followup, loaded.job)
        given["followup"]["array"] = loaded.job.save_array(array)
        assert told in loaded.error_of("open_case", **given)["message"]
    given = case_parameters(prior, segmentation, followup, loaded.job)
    given["prior"]["meta"] = {"modality": "MR", "source": "T2"}
    assert "'T2' is MR, not CT" in loaded.error_of("open_case", **given)["message"]


def test_an_empty_segment_is_left_out_with_a_warning_or_refused_by_name(loaded, patient):
    prior, segmentation, followup, settings = patient
    given = case_parameters(prior, segmentation, followup, loaded.job, settings)
    given["segments"][1]["mask"] = loaded.job.save_array(np.zeros(prior.shape, bool))
    opened = loaded.ask("open_case", **given)
    assert opened["structures"] == ["GTV"] and opened["warnings"][-1] == "The structure 'Core' is empty on the prior; it is left out."
    assert opened["warnings"][-1] in loaded.ask("propagate", case="one")["result"]["warnings"]
    given = case_parameters(prior, segmentation, followup, loaded.job, settings, structures=["Core"])
    given["segments"][1]["mask"] = loaded.job.save_array(np.zeros(prior.shape, bool))
    assert "'Core' is empty on the prior" in loaded.error_of("open_case", **given)["message"]


def test_scans_without_a_common_part_are_a_sentence(loaded, patient):
    prior, segmentation, followup, settings = patient
    matrix = followup.ijk_to_ras.copy()
    matrix[2, 3] += 5000
    far = Volume(followup.array, matrix)
    given = case_parameters(prior, segmentation, far, loaded.job, settings)
    given["settings"]["alignment"] = "none"
    assert "check that both show the same region" in loaded.error_of("open_case", **given)["message"]


def test_arrays_that_were_read_do_not_stay_on_the_disk(loaded, patient):
    before = loaded.job.files()
    loaded.ask("open_case", **case_parameters(*patient[:3], loaded.job, patient[3]))
    assert loaded.job.files() == before


@pytest.mark.parametrize(
    ("model", "told"),
    [("sam_vit_q", "There is no model 'sam_vit_q'"), ("/nowhere/weights.pth", "no weights file"), ("sam_vit_b", "SAM ViT-B")],
)
def test_a_model_that_cannot_be_loaded_is_a_sentence_and_the_one_before_stays(tmp_path, model, told):
    with talking(tmp_path, environment={"P2SAM_HOME": str(tmp_path / "empty")}) as talk:
        assert talk.error_of("open_case", case="one")["kind"] == "NoModel"
        talk.ask("load_model", model="graph")
        message = talk.error_of("load_model", model=model, device="cpu")
        assert told in message["message"] and message["kind"] in ("InputError", "WeightsError")
        assert "needs 'prior'" in talk.error_of("open_case", case="one")["message"], "graph is still loaded"


def test_weights_that_are_no_weights_are_a_sentence(tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"these are not weights")
    with talking(tmp_path) as talk:
        message = talk.error_of("load_model", model=str(tmp_path / "mine.pth"), device="cpu")
        assert message["kind"] == "WeightsError" and "mine.pth" in message["message"]


def test_a_job_folder_that_vanishes_is_a_sentence_and_the_worker_can_still_be_asked(tmp_path, patient):
    with talking(tmp_path) as talk:
        talk.ask("load_model", model="graph")
        talk.ask("open_case", **case_parameters(*patient[:3], talk.job, patient[3]))
        shutil.rmtree(talk.job.path)
        number = talk.send("propagate", case="one")
        end = talk.end_of(number)
        assert end["event"] == "error" and end["kind"] == "OutputError" and "has vanished" in end["message"]
        warnings = [one["message"] for one in talk.of(number, "warning")]
        assert len(warnings) == 1 and warnings[0].startswith("Slices are not shown while they are drawn: The job folder")
        assert "has vanished" in talk.error_of("evaluate", truth={"a": "a.npy"}, result={"a": "b.npy"}, ijk_to_ras=np.eye(4).tolist())["message"]
        assert talk.ask("load_model", model="graph")["name"] == "graph"


@posix
def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(tmp_path, patient):
    """A limit on the size of a file stands for the disk: slices still fit, volumes do not."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))

    with talking(tmp_path, preexec=limit) as talk:
        talk.ask("load_model", model="graph")
        talk.ask("open_case", **case_parameters(*patient[:3], talk.job, patient[3]))
        number = talk.send("propagate", case="one")
        end = talk.end_of(number)
        assert end["event"] == "error" and end["kind"] == "OutputError"
        assert "could not be written to" in end["message"] and "free some space" in end["message"]
        assert talk.of(number, "slice") and not [name for name in talk.job.files() if name.endswith(".part")]
        resource.prlimit(talk.hello()["pid"], resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert talk.ask("propagate", case="one")["result"]["complete"]


def test_a_phantom_that_cannot_be_written_is_a_sentence(loaded, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "could not be written" in loaded.error_of("phantom", folder=str(tmp_path / "file"), scale=3)["message"]
    assert "choose a voxel size" in loaded.error_of("phantom", folder=str(tmp_path / "a"), scale=9)["message"]
    files = loaded.ask("phantom", folder=str(tmp_path / "a"), scale=4)["files"]
    assert {"prior_ct", "prior_segmentation", "followup1_ct", "followup1_truth"} <= set(files) and all(os.path.isfile(path) for path in files.values())


def test_masks_are_measured_as_the_command_line_measures_them(loaded, patient):
    from p2sam.metrics import compute

    followup, segmentation = patient[0], patient[1]
    truth = segmentation.segments[0].mask
    drawn = np.roll(truth, 1, axis=2)
    save = loaded.job.save_array
    rows = loaded.ask("evaluate", truth={"GTV": save(truth.astype(np.uint8))}, result={"GTV": save(drawn)}, ijk_to_ras=followup.ijk_to_ras.tolist())["rows"]
    assert rows == [{"structure": "GTV", "method": "P2SAM", **compute(truth, drawn, followup.ijk_to_ras).as_row()}] and rows[0]["dice"] < 1
    message = loaded.error_of("evaluate", truth={"GTV": save(truth)}, result={"GTV": save(truth[1:])}, ijk_to_ras=followup.ijk_to_ras.tolist())
    assert "is needed" in message["message"]
    assert "no 'GTV'" in loaded.error_of("evaluate", truth={"GTV": "a"}, result={}, ijk_to_ras=np.eye(4).tolist())["message"]


def test_scan_parameters_hold_what_is_needed(loaded, patient):
    told = scan_parameters(patient[0], loaded.job)
    assert loaded.job.take_array(told["array"]).shape == patient[0].shape
