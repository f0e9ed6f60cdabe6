"""`p2sam models`: what is there, where it lies, and no download without consent."""

import hashlib
import json
from dataclasses import replace

import pytest
from command_line import lines, run
from p2sam.models import registry

CONTENT = b"weights of a model that is only a test"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A known model whose published file lies on this machine; gives that file."""
    file = tmp_path / "published" / "tiny.pth"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    spec = replace(
        registry.find("sam_vit_b"), name="tiny", title="Tiny", url=file.as_uri(), filename="tiny.pth",
        sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT),
    )  # fmt: skip
    monkeypatch.setattr(registry, "MODELS", (*registry.MODELS, spec))
    return file


def test_every_model_is_listed_with_its_state(capfd):
    code, out, _ = run(["models", "list", "--json"], capfd)
    told = {model["name"]: model for model in json.loads(out)["models"]}
    assert code == 0 and len(told) == len(registry.MODELS)
    assert told["graph"]["present"] is True and told["graph"]["url"] is None
    assert told["sam_vit_b"]["present"] is False and told["sam_vit_b"]["size_bytes"] == 375_042_383
    code, out, _ = run(["models", "list"], capfd)
    assert code == 0 and "built in" in out and "to download" in out and "sam2.1_tiny" in out


def test_the_folder_follows_the_environment_variable(home, capfd):
    assert run(["models", "path"], capfd)[:2] == (0, f"{home / 'models'}\n")
    assert run(["models", "path", "sam_vit_b"], capfd)[1] == f"{home / 'models' / 'sam_vit_b_01ec64.pth'}\n"


def test_a_model_is_installed_verified_and_removed(tiny, home, capfd):
    assert run(["models", "install", "tiny", tiny], capfd)[0] == 0
    assert (home / "models" / "tiny.pth").read_bytes() == CONTENT
    code, out, _ = run(["models", "verify", "tiny"], capfd)
    assert code == 0 and hashlib.sha256(CONTENT).hexdigest() in out
    code, out, _ = run(["models", "remove", "tiny", "--json"], capfd)
    assert code == 0 and json.loads(out)["freed_bytes"] == len(CONTENT)
    assert not (home / "models" / "tiny.pth").exists()


def test_a_download_brings_the_published_file(tiny, home, capfd):
    code, out, _ = run(["models", "download", "tiny", "--yes", "--json"], capfd)
    assert code == 0 and json.loads(out)["path"] == str(home / "models" / "tiny.pth")
    assert (home / "models" / "tiny.pth").read_bytes() == CONTENT


def test_nothing_is_downloaded_without_consent(home, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", open("/dev/null", encoding="utf-8"))
    monkeypatch.setattr("p2sam.models.download.fetch", lambda *_, **__: pytest.fail("the network was used"))
    code, _, err = run(["models", "download", "sam_vit_b"], capfd)
    assert code == 130 and len(lines(err)) == 1 and "--yes" in err
    assert not list(home.glob("models/*.pth"))


@pytest.mark.parametrize(
    ("arguments", "expected", "words"),
    [
        (["download", "graph"], 2, "needs no download"),
        (["download", "sam_vit_z"], 2, "There is no model 'sam_vit_z'"),
        (["verify", "sam_vit_b"], 3, "p2sam models download sam_vit_b"),
        (["verify", "graph"], 2, "no weights file"),
        (["install", "sam_vit_b", "nowhere.pth"], 2, "There is no file nowhere.pth"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(arguments, expected, words, capfd):
    code, out, err = run(["models", *arguments], capfd)
    assert code == expected and out == "" and len(lines(err)) == 1 and words in err


def test_a_file_that_is_not_the_published_one_is_not_taken(tiny, home, tmp_path, capfd):
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(CONTENT[::-1])
    code, _, err = run(["models", "install", "tiny", wrong], capfd)
    assert code == 3 and len(lines(err)) == 1 and "SHA-256" in err and not (home / "models" / "tiny.pth").exists()
