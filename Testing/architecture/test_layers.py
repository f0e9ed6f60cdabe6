"""The folders are the architecture: who may import whom, and how large a file and a function may grow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "P2SAMSlicer" / "p2sam"
FILES = sorted(ENGINE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 260, 70

SLICER_SIDE = {"slicer", "qt", "ctk", "vtk", "P2SAMSlicerLib", "p2sam_worker"}
DEEP_LEARNING = {"torch", "torchvision", "segment_anything", "sam2", "hydra", "omegaconf", "safetensors"}
NUMERICAL = {"numpy", "scipy", "sklearn", "ot", "SimpleITK", "pydicom", "threadpoolctl"}
LIGHT = {"__init__.py", "settings.py", "errors.py", "models/__init__.py", "models/registry.py", "models/weights.py", "models/download.py", "models/checksums.py"}
"""Read by Slicer's own process at its start: the standard library and numpy, and each other."""
OPENS_CHECKPOINTS = {"models/checkpoints.py"}
AT_THE_END = ("metrics.py", "surface.py", "truth.py", "report", "command", "cli.py", "__main__.py")
"""What measures, shows and runs: nothing of the pipeline imports it."""
SHOWS_RESULTS = {"files/output.py"}
"""Writes the report into the output folder."""
TERMINAL = {"typer", "rich"}


def name_of(path):
    return path.relative_to(ENGINE).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    """Absolute dotted names of everything a file imports, wherever in it."""
    package = ["p2sam", *path.relative_to(ENGINE).parts[:-1]]
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def roots_of(path):
    return {name.partition(".")[0] for name in imports_of(path)}


def is_at_the_end(name):
    return any(name == part or name.startswith(f"{part}/") for part in AT_THE_END)


def may_import_torch(name):
    return name.startswith(("models/sam", "adapt/", "peers/")) or name in OPENS_CHECKPOINTS


def offenders(wrong):
    """File -> what is wrong with it, for every file where `wrong(path, name)` finds something."""
    found = {name_of(path): wrong(path, name_of(path)) for path in FILES}
    return {name: what for name, what in found.items() if what}


def test_there_are_files_to_check():
    assert len(FILES) > 40 and {"settings.py", "models/sam.py", "report/page.py", "command/run.py"} <= {name_of(path) for path in FILES}


def test_the_engine_knows_nothing_of_slicer():
    assert not offenders(lambda path, name: roots_of(path) & SLICER_SIDE)


def test_only_the_models_that_need_it_import_torch():
    assert not offenders(lambda path, name: not may_import_torch(name) and roots_of(path) & DEEP_LEARNING)


def test_only_the_command_line_talks_to_a_terminal():
    assert not offenders(lambda path, name: not name.startswith(("command/", "cli.py")) and roots_of(path) & TERMINAL)


def test_only_known_packages_are_imported():
    known = {*sys.stdlib_module_names, *NUMERICAL, *DEEP_LEARNING, *TERMINAL, "p2sam"}
    assert not offenders(lambda path, name: roots_of(path) - known)


def test_what_slicer_reads_at_its_start_is_light():
    light = {"p2sam." + name.removesuffix(".py").replace("/", ".") for name in LIGHT if not name.endswith("__init__.py")}
    packages = {"p2sam", "p2sam.models"}

    def heavy(path, name):
        if name not in LIGHT:
            return None
        inside = {one for one in imports_of(path) if one.startswith("p2sam")} - packages
        strange = {one for one in inside if one not in light and one.rpartition(".")[0] not in light | packages}
        strange |= {one for one in inside if one.rpartition(".")[0] in packages and one not in light and (ENGINE.parent / one.replace(".", "/")).with_suffix(".py").is_file()}
        return strange | roots_of(path) - {*sys.stdlib_module_names, "numpy", "p2sam"}

    assert not offenders(heavy)


def test_the_pipeline_does_not_measure_or_show_its_own_results():
    ends = {"p2sam." + part.removesuffix(".py") for part in AT_THE_END}

    def shown(path, name):
        if is_at_the_end(name) or name in SHOWS_RESULTS:
            return None
        return {one for one in imports_of(path) if any(one == end or one.startswith(f"{end}.") for end in ends)}

    assert not offenders(shown)


def test_a_file_holds_one_noun():
    assert not offenders(lambda path, name: len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE)


def test_a_function_does_one_step():
    def long(path, name):
        functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return [f"{one.name}, {one.end_lineno - one.lineno + 1} lines" for one in functions if one.end_lineno - one.lineno + 1 > LONGEST_FUNCTION]

    assert not offenders(long)


def test_errors_are_caught_by_their_kind():
    """No bare `except`; `except Exception` only in the one place where a command ends."""

    def broad(path, name):
        handlers = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler)]
        lines = [one.lineno for one in handlers if one.type is None or isinstance(one.type, ast.Name) and one.type.id in ("Exception", "BaseException")]
        return lines[1:] if name == "command/ending.py" else lines

    assert not offenders(broad)


def test_every_file_says_what_it_is_for():
    assert not offenders(lambda path, name: not ast.get_docstring(tree_of(path)))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("p2sam.settings", {"torch", "SimpleITK", "sklearn", "numpy"}),
        ("p2sam.errors", {"torch", "SimpleITK", "sklearn", "numpy"}),
        ("p2sam.models.registry", {"torch", "SimpleITK", "sklearn", "numpy"}),
        ("p2sam.models.weights", {"torch", "SimpleITK", "sklearn"}),
        ("p2sam.cli", {"torch", "SimpleITK", "sklearn", "ot"}),
        ("p2sam.propagation", {"torch", "pydicom", "typer"}),
        ("p2sam.models.loading", {"torch", "SimpleITK", "sklearn"}),
    ],
)
def test_importing_stays_light(module, absent):
    script = f"import {module}, sys; print(' '.join({absent!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
