"""What Slicer's build and catalog read of the extension says the same everywhere, and names every file."""

import json
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "P2SAMSlicer"
CATALOG = json.loads((ROOT / "P2SAMSlicer.json").read_text(encoding="utf-8"))
EXTENSION = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
BUILD = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
REQUIRED, ALLOWED = {"$schema", "category", "scm_url"}, {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}


def metadata(name):
    """A value of the extension's CMakeLists, found as the catalog's own check finds it: one line, quoted."""
    return re.search(rf'set\({name} "([^"]*)"\)', EXTENSION).group(1)


def listed(name):
    lines = re.search(rf"set\({name}\n(.*?)\n  \)", BUILD, re.DOTALL).group(1).split()
    return [line.replace("${MODULE_NAME}", "P2SAMSlicer") for line in lines]


def description():
    lines = (ROOT / "P2SAMSlicer.s4ext").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def on_disk(folder, pattern):
    return {path.relative_to(MODULE).as_posix() for path in (MODULE / folder).rglob(pattern) if path.is_file() and "__pycache__" not in path.parts}


def test_every_script_is_in_the_package():
    scripts = on_disk("p2sam", "*.py") | on_disk("p2sam_worker", "*.py") | on_disk("P2SAMSlicerLib", "*.py") | {"P2SAMSlicer.py"}
    assert set(listed("MODULE_PYTHON_SCRIPTS")) == scripts


def test_every_resource_is_in_the_package():
    assert set(listed("MODULE_PYTHON_RESOURCES")) == on_disk("Resources", "*")


@pytest.mark.parametrize("name", ["MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"])
def test_no_file_is_listed_twice(name):
    assert len(listed(name)) == len(set(listed(name)))


def test_the_catalog_entry_has_the_fields_of_its_schema():
    assert REQUIRED <= CATALOG.keys() <= REQUIRED | ALLOWED
    assert CATALOG["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert CATALOG["category"] == "Radiotherapy" and 1 <= CATALOG["tier"] <= 5
    assert Path(CATALOG["scm_url"]).name.startswith("Slicer"), "the catalog wants a repository whose name starts with Slicer"


def test_the_extension_is_named_as_its_catalog_entry():
    assert re.search(r"^project\((\w+)\)$", EXTENSION, re.MULTILINE).group(1) == "P2SAMSlicer"
    assert not "P2SAMSlicer".startswith("Slicer")


def test_catalog_build_and_description_say_the_same():
    said = description()
    assert metadata("EXTENSION_DEPENDS").split() == CATALOG["build_dependencies"] == said["depends"].split()
    assert (said["scmurl"], said["scmrevision"], said["category"]) == (CATALOG["scm_url"], CATALOG["scm_revision"], CATALOG["category"])
    names = {"homepage": "HOMEPAGE", "contributors": "CONTRIBUTORS", "description": "DESCRIPTION", "iconurl": "ICONURL", "screenshoturls": "SCREENSHOTURLS"}
    assert {key: said[key] for key in names} == {key: metadata(f"EXTENSION_{name}") for key, name in names.items()}


def test_the_addresses_of_icon_and_screenshots_end_in_files_of_the_repository():
    for url in [metadata("EXTENSION_ICONURL"), *metadata("EXTENSION_SCREENSHOTURLS").split()]:
        assert (ROOT / url.partition("/main/")[2]).is_file(), url


def test_the_icon_is_a_square_picture_of_128_pixels_or_more_and_its_source_is_there():
    head = (MODULE / "Resources/Icons/P2SAMSlicer.png").read_bytes()[:24]
    width, height = struct.unpack(">II", head[16:24])
    assert head[:8] == b"\x89PNG\r\n\x1a\n" and width == height >= 128
    assert ElementTree.parse(MODULE / "Resources/Icons/P2SAMSlicer.svg").getroot().tag.endswith("svg")


def test_the_built_in_model_needs_no_torch_and_nothing_that_slicer_ships_is_pinned():
    names = [re.split(r"[<>=]", line)[0] for line in (MODULE / "Resources/requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert sorted(names) == ["POT", "scikit-learn", "threadpoolctl"]
    assert "==" not in (MODULE / "Resources/requirements.txt").read_text(encoding="utf-8")


def test_the_ui_files_ask_for_nothing_but_classes_that_designer_knows_in_slicer():
    for file in (MODULE / "Resources/UI").glob("*.ui"):
        root = ElementTree.parse(file).getroot()
        own = {one.findtext("class") for one in root.iter("customwidget")}
        used = {one.get("class") for one in root.iter("widget")}
        assert {one for one in used if not one.startswith("Q")} <= own, file.name
        names = [one.get("name") for one in root.iter("widget")]
        assert len(names) == len(set(names)), file.name


def test_no_property_of_a_widget_is_given_twice():
    for file in (MODULE / "Resources/UI").glob("*.ui"):
        for widget in ElementTree.parse(file).getroot().iter("widget"):
            names = [one.get("name") for one in widget.findall("property")]
            assert len(names) == len(set(names)), f"{file.name}: {widget.get('name')}"
