import dataclasses
import re
import subprocess
import sys

import pytest

from p2sam.errors import InputError
from p2sam.models import registry


def test_every_name_is_unique_and_is_found():
    names = [spec.name for spec in registry.MODELS]
    assert len(set(names)) == len(names)
    assert [registry.find(name).name for name in names] == names


def test_graph_is_first_and_says_that_it_is_classical_and_needs_no_download():
    graph = registry.MODELS[0]
    assert graph.name == "graph"
    assert "classical" in graph.title and "no download" in graph.title
    assert not graph.needs_download
    assert graph.sha256 is None and graph.filename is None and graph.architecture is None


def test_all_published_sizes_of_sam_sam2_sam21_and_medsam_are_there():
    sizes = ("tiny", "small", "base_plus", "large")
    wanted = {f"sam_vit_{letter}" for letter in "blh"} | {"medsam_vit_b"}
    wanted |= {f"{family}_{size}" for family in ("sam2", "sam2.1") for size in sizes}
    assert {spec.name for spec in registry.MODELS if spec.needs_download} == wanted


def test_an_unknown_name_is_answered_with_the_names_there_are():
    with pytest.raises(InputError, match=r"no model 'sam3'.*graph, sam_nano, sam_vit_b.*sam2\.1_large"):
        registry.find("sam3")


def test_case_and_hyphens_in_a_name_do_not_matter():
    assert registry.find("SAM-ViT-B") is registry.find("sam_vit_b")
    assert registry.find("sam2.1_base-plus").name == "sam2.1_base_plus"


@pytest.mark.parametrize("spec", [spec for spec in registry.MODELS if spec.needs_download], ids=lambda spec: spec.name)
def test_a_download_has_an_https_address_that_ends_in_its_file_name_a_licence_and_a_checksum(spec):
    assert re.fullmatch(rf"https://[\w./-]+/{re.escape(spec.filename)}(\?download=1)?", spec.url)
    assert spec.filename.endswith(registry.WEIGHT_SUFFIXES)
    assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256)
    assert 100e6 < spec.size_bytes < 3e9
    assert spec.licence and "arXiv" in spec.citation


def test_no_two_models_share_a_checksum_a_size_or_a_file():
    for key in ("sha256", "size_bytes", "filename", "url"):
        values = [getattr(spec, key) for spec in registry.MODELS if spec.needs_download]
        assert len(set(values)) == len(values), key


def test_the_ranges_are_those_of_the_papers_tables():
    assert registry.find("sam_vit_h").ranges["ct"] == registry.PartRanges((1, 2), (45, 45))
    assert registry.FINE_TUNED_RANGES["ct"] == registry.PartRanges((1, 3), (1, 1))
    assert registry.SAM_RANGES["endoscopy"] == registry.PartRanges((1, 5), (1, 3))
    assert registry.SAM_RANGES["natural"] == registry.PartRanges((1, 5), (1, 1))


def test_a_spec_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.MODELS[0].name = "other"
    with pytest.raises(TypeError):
        registry.SAM_RANGES["ct"] = None


def test_importing_registry_and_weights_imports_nothing_heavy():
    code = (
        "import sys, p2sam.models.registry, p2sam.models.weights; "
        "print([m for m in ('torch', 'scipy', 'SimpleITK', 'segment_anything', 'sam2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
