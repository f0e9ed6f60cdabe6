import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from p2sam.errors import Cancelled, InputError, OutputError, WeightsError
from p2sam.models import checksums, download, registry, weights

CONTENT = bytes(range(256)) * 4096  # 1 MiB, four chunks


def spec_of(url, content=CONTENT, **changes):
    values = {
        "name": "toy", "title": "Toy", "family": "sam", "architecture": "vit_b", "licence": "none", "citation": "none",
        "url": url, "filename": "model.pth", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content),
    }  # fmt: skip
    return registry.ModelSpec(**{**values, **changes})


@pytest.fixture
def toy(server, cache, monkeypatch):
    """A model of 1 MiB on the server; a connection that was cut is tried again at once."""
    server.content = CONTENT
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    return spec_of(server.url)


def agree(size):
    return True


def part_of(spec):
    return weights.path(spec).with_name("model.pth.part")


def leave_part(spec, length, validator='"one"'):
    part = part_of(spec)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(CONTENT[:length])
    part.with_name("model.pth.part.json").write_text(json.dumps({"size": len(CONTENT), "validator": validator}))


def names_in(folder):
    return sorted(file.name for file in folder.iterdir() if file.suffix != ".lock")


def test_a_download_asks_with_the_size_reports_every_byte_and_leaves_only_the_file(toy, server):
    asked, reports = [], []
    file = weights.download(toy, lambda size: not asked.append(size), lambda done, total: reports.append((done, total)))
    assert asked == [len(CONTENT)]
    assert reports[0] == (0, len(CONTENT)) and reports[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert file == weights.path(toy) and file.read_bytes() == CONTENT
    assert names_in(file.parent) == ["model.pth"]


def test_a_size_that_was_never_published_is_asked_from_the_server_before_consent(toy, server):
    asked = []
    weights.download(spec_of(server.url, size_bytes=None), lambda size: not asked.append((size, len(server.asked()))))
    assert asked == [(len(CONTENT), 0)]
    assert server.asked("HEAD") != []


def test_without_consent_nothing_is_downloaded(toy, server):
    with pytest.raises(Cancelled, match="no consent"):
        weights.download(toy, lambda size: False)
    assert server.requests == []
    assert not weights.is_present(toy)


def test_a_file_that_is_there_is_used_without_network_and_without_asking(toy, server):
    weights.download(toy, agree)
    server.requests.clear()
    weights.download(toy, lambda size: pytest.fail("asked for consent"))
    assert server.requests == []


def test_a_cut_connection_is_taken_up_again_where_it_ended(toy, server):
    server.cut_after = [300_000, 200_000]
    weights.download(toy, agree)
    assert [wanted for _, wanted in server.asked()] == [None, "bytes=300000-", "bytes=500000-"]
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_connection_that_never_gets_on_ends_in_a_sentence_and_the_next_download_goes_on(toy, server):
    server.cut_after = [300_000, 0, 0, 0, 0]
    with pytest.raises(WeightsError, match=r"300000 bytes are kept.*without a network"):
        weights.download(toy, agree)
    assert part_of(toy).stat().st_size == 300_000
    server.cut_after = []
    weights.download(toy, agree)
    assert server.asked()[-1] == ("GET", "bytes=300000-")
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start(toy, server):
    server.ranges = False
    leave_part(toy, 300_000)
    weights.download(toy, agree)
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_the_same_byte_without_ranges_is_given_up(toy, server):
    server.ranges = False
    server.cut_after = [300_000] * 50
    with pytest.raises(WeightsError, match="was cut"):
        weights.download(toy, agree)
    assert 2 <= len(server.asked()) < 10


def test_a_file_that_changed_on_the_server_is_not_joined_to_the_old_half(toy, server):
    leave_part(toy, 300_000)
    server.content, server.etag = bytes(len(CONTENT)), '"two"'
    new = spec_of(server.url, bytes(len(CONTENT)))
    weights.download(new, agree)
    assert weights.path(new).read_bytes() == bytes(len(CONTENT))


def test_a_part_without_a_validator_starts_from_nothing(toy, server):
    leave_part(toy, 300_000, validator=None)
    weights.download(toy, agree)
    assert server.asked() == [("GET", None)]
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_starts_from_nothing(toy, server):
    leave_part(toy, len(CONTENT))
    part_of(toy).write_bytes(CONTENT + b"more")
    weights.download(toy, agree)
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_whole_part_that_was_never_accepted_is_checked_without_another_download(toy, server):
    leave_part(toy, len(CONTENT))
    weights.download(toy, agree)
    assert server.asked() == []
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_wrong_checksum_is_named_and_the_file_is_not_kept(server, toy):
    wrong = spec_of(server.url, sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"SHA-256 is {hashlib.sha256(CONTENT).hexdigest()}, not 0000"):
        weights.download(wrong, agree)
    assert names_in(weights.path(wrong).parent) == []


def test_a_wrong_size_is_named_and_the_file_is_not_kept(server, toy):
    wrong = spec_of(server.url, size_bytes=5)
    with pytest.raises(WeightsError, match=r"has 1048576 bytes, not the published 5"):
        weights.download(wrong, agree)
    assert names_in(weights.path(wrong).parent) == []


def test_cancel_stops_between_chunks_and_keeps_what_came(toy, server):
    calls = []
    with pytest.raises(Cancelled, match="bytes are kept"):
        weights.download(toy, agree, cancel=lambda: len(calls) == 2 or calls.append(1))
    kept = part_of(toy).stat().st_size
    assert 0 < kept < len(CONTENT)
    assert not weights.is_present(toy)
    weights.download(toy, agree)
    assert server.asked()[-1] == ("GET", f"bytes={kept}-")


def test_too_little_space_is_said_before_a_byte_is_written(toy, server, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9, 10**6)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OutputError, match=r"1 MB are needed.*1 MB are free.*P2SAM_HOME"):
        weights.download(toy, agree)
    assert not part_of(toy).exists()


def test_a_disk_that_fills_up_in_mid_download_is_one_sentence_and_keeps_the_part(toy, monkeypatch):
    real = download._write
    written = []

    def write(file, chunk):
        written.append(chunk)
        if len(written) == 3:
            raise download._disk_error(OSError(errno.ENOSPC, "No space left on device"), file.name)
        real(file, chunk)

    monkeypatch.setattr(download, "_write", write)
    with pytest.raises(OutputError, match="is full"):
        weights.download(toy, agree)
    assert part_of(toy).stat().st_size == 2 * download.CHUNK


def test_offline_says_where_to_put_a_local_file(cache):
    nobody = spec_of("http://127.0.0.1:9/model.pth")
    with pytest.raises(WeightsError) as caught:
        weights.download(nobody, agree)
    assert "cannot be reached" in str(caught.value)
    assert f"copy it to {weights.path(nobody)}" in str(caught.value)


def test_a_file_that_left_the_server_is_said_with_the_answer(toy, server):
    server.status = 404
    with pytest.raises(WeightsError, match=r"answered 404.*model\.pth"):
        weights.download(toy, agree)


def test_a_second_download_of_the_same_file_is_refused_while_the_first_runs(toy):
    seen = []

    def progress(done, total):
        if not seen:
            with pytest.raises(WeightsError, match="another process") as caught:
                weights.download(toy, agree)
            seen.append(caught.value)

    weights.download(toy, agree, progress)
    assert len(seen) == 1
    assert weights.path(toy).read_bytes() == CONTENT


def test_a_lock_of_a_process_that_died_does_not_block(toy, cache):
    lock = part_of(toy).with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    code = (
        "import os, sys; from pathlib import Path; from p2sam.models import weights; "
        "handle = open(sys.argv[1], 'a+b'); weights._lock(handle.fileno()); os._exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(lock)]).returncode == 1
    assert weights.download(toy, agree).read_bytes() == CONTENT


def test_a_local_file_is_installed_after_the_same_checks(cache, tmp_path):
    good, bad = tmp_path / "good.pth", tmp_path / "bad.pth"
    good.write_bytes(CONTENT)
    bad.write_bytes(bytes(len(CONTENT)))
    spec = spec_of("https://example.org/model.pth")
    with pytest.raises(WeightsError, match="is not the published"):
        weights.install(spec, bad)
    assert not weights.is_present(spec)
    assert weights.install(spec, good).read_bytes() == CONTENT
    assert good.exists()


def test_a_local_file_that_is_missing_is_said(cache, tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        weights.install(spec_of("https://example.org/model.pth"), tmp_path / "none.pth")


@pytest.mark.parametrize("as_uri", [True, False], ids=["file URL", "plain path"])
def test_a_source_on_this_machine_needs_no_network(cache, tmp_path, as_uri):
    source = tmp_path / "with space.pth"
    source.write_bytes(CONTENT)
    spec = spec_of(source.as_uri() if as_uri else str(source))
    assert weights.download(spec, agree).read_bytes() == CONTENT


def test_remove_frees_the_file_and_what_a_stopped_download_left(toy, server):
    weights.download(toy, agree)
    leave_part(toy, 1000)
    assert weights.remove(toy) == len(CONTENT) + 1000
    assert names_in(weights.path(toy).parent) == []
    assert weights.remove(toy) == 0


def test_verify_finds_a_file_that_was_changed(toy):
    weights.download(toy, agree)
    assert weights.verify(toy) == toy.sha256
    file = weights.path(toy)
    file.write_bytes(bytes(len(CONTENT)))
    os.utime(file, ns=(1, 1))
    with pytest.raises(WeightsError, match="is not the published"):
        weights.verify(toy)


def test_verify_of_weights_that_are_not_there_says_how_to_get_them(toy):
    with pytest.raises(WeightsError, match="p2sam models download toy"):
        weights.verify(toy)


def test_a_large_file_is_hashed_once_and_again_only_after_it_changed(cache, tmp_path, monkeypatch):
    file = tmp_path / "a.pth"
    file.write_bytes(CONTENT)
    read = []
    real = checksums._digest
    monkeypatch.setattr(checksums, "_digest", lambda one: read.append(one) or real(one))
    assert weights.sha256_of(file) == weights.sha256_of(file) == hashlib.sha256(CONTENT).hexdigest()
    assert len(read) == 1
    file.write_bytes(b"other")
    assert weights.sha256_of(file) == hashlib.sha256(b"other").hexdigest()
    assert len(read) == 2


def test_a_download_is_hashed_only_once(toy, monkeypatch):
    weights.download(toy, agree)
    monkeypatch.setattr(checksums, "_digest", lambda one: pytest.fail("read again"))
    assert weights.verify(toy) == toy.sha256


@pytest.mark.parametrize("junk", ["", "[]", "{", '{"x": 3}'])
def test_a_damaged_table_of_checksums_is_started_again(cache, tmp_path, junk):
    file = tmp_path / "a.pth"
    file.write_bytes(b"abc")
    cache.mkdir()
    (cache / "hashes.json").write_text(junk)
    assert weights.sha256_of(file) == hashlib.sha256(b"abc").hexdigest()


def test_one_environment_variable_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "here"))
    assert weights.home() == tmp_path / "here"
    assert weights.path(registry.find("sam_vit_b")) == tmp_path / "here" / "models" / "sam_vit_b_01ec64.pth"


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/p2sam"),
        ("linux", {}, "~/.cache/p2sam"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "~/Library/Caches/p2sam"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/p2sam"),
        ("win32", {}, "~/AppData/Local/p2sam"),
    ],
)
def test_the_cache_is_the_users_folder_of_each_platform(monkeypatch, platform, variables, folder):
    for name in ("P2SAM_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(weights.sys, "platform", platform)
    assert weights.home() == Path(folder).expanduser()


def test_a_model_without_weights_is_always_present_and_has_no_path(cache):
    graph = registry.find("graph")
    assert weights.is_present(graph)
    with pytest.raises(InputError, match="needs no download"):
        weights.path(graph)


def test_a_cache_folder_that_cannot_be_made_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be made.*P2SAM_HOME"):
        weights.install(spec_of("https://example.org/model.pth"), __file__)
