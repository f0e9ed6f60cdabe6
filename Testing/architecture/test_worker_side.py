"""The worker: who may import what, what stays light, where anything at all may be caught, and that every verb is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import find_packages

MODULE = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
WORKER = MODULE / "p2sam_worker"
FILES = sorted(WORKER.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 260, 70

KNOWN = {*sys.stdlib_module_names, "numpy", "p2sam", "p2sam_worker"}
"""No Slicer, no Qt, no terminal; what else the engine needs it imports itself."""
TRIES_TORCH = {"devices.py"}
"""Runs in a process of its own."""
SLICER_READS = {"__init__.py", "protocol.py", "job.py"}
"""Read in Slicer's own process at its start: the standard library, numpy, and the engine's errors."""
NEEDS_NO_PACKAGES = {"weights.py", "devices.py", "packages.py", "probe.py"}
"""Run before anything is installed."""
LIGHT_ENGINE = {"p2sam", "p2sam.errors", "p2sam.models", "p2sam.models.registry", "p2sam.models.weights"}
ENDS = {"service.py": 1, "devices.py": 4, "packages.py": 1}
"""`except Exception` where a request ends, and where the trial of a foreign package ends: file -> how often."""


def name_of(path):
    return path.relative_to(WORKER).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    """Absolute dotted names of everything a file imports, wherever in it."""
    package = ["p2sam_worker", *path.relative_to(WORKER).parts[:-1]]
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names if is_module(f"{module}.{alias.name}")}
    return found


def is_module(name):
    place = MODULE / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").is_file()


def offenders(wrong):
    found = {name_of(path): wrong(path, name_of(path)) for path in FILES}
    return {name: what for name, what in found.items() if what}


def test_there_are_files_to_check():
    assert len(FILES) > 20 and {"__main__.py", "protocol.py", "job.py", "verbs/drawing.py"} <= {name_of(path) for path in FILES}


def test_the_worker_knows_nothing_of_slicer_and_only_the_probe_of_torch():
    def strange(path, name):
        known = KNOWN | ({"torch"} if name in TRIES_TORCH else set())
        return {one.partition(".")[0] for one in imports_of(path)} - known

    assert not offenders(strange)


def test_the_worker_does_not_use_the_command_line():
    ends = ("p2sam.command", "p2sam.cli", "p2sam.__main__")
    assert not offenders(lambda path, name: {one for one in imports_of(path) if one.startswith(ends)})


def test_what_slicer_reads_and_what_runs_before_an_installation_is_light():
    def heavy(path, name):
        if name not in SLICER_READS | NEEDS_NO_PACKAGES:
            return None
        engine = {one for one in imports_of(path) if one.partition(".")[0] == "p2sam"}
        own = {one for one in imports_of(path) if one.startswith("p2sam_worker.")}
        return (engine - LIGHT_ENGINE) | (own - {"p2sam_worker.protocol", "p2sam_worker.job"})

    assert not offenders(heavy)


def test_only_what_draws_a_verb_imports_the_verbs():
    def draws(path, name):
        return None if name.startswith("verbs/") else {one for one in imports_of(path) if one.startswith("p2sam_worker.verbs")} - {"p2sam_worker.verbs.model"}

    assert not offenders(draws), "session.py names a verb's type for its annotations; nobody else needs one"


def test_errors_are_caught_by_their_kind_but_where_a_request_or_a_trial_ends():
    def broad(path, name):
        handlers = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler)]
        caught = [one.lineno for one in handlers if one.type is None or isinstance(one.type, ast.Name) and one.type.id in ("Exception", "BaseException")]
        return caught if len(caught) != ENDS.get(name, 0) else None

    assert not offenders(broad)


def test_a_file_holds_one_noun_and_a_function_does_one_step():
    def large(path, name):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
        long = [one.name for one in functions if one.end_lineno - one.lineno + 1 > LONGEST_FUNCTION]
        return long + ([f"{lines} lines"] if lines > LONGEST_FILE else [])

    assert not offenders(large)


def test_every_file_says_what_it_is_for():
    assert not offenders(lambda path, name: not ast.get_docstring(tree_of(path)))


def test_every_verb_is_a_function_of_its_file_and_every_file_has_one():
    from p2sam_worker.service import VERBS

    functions = {path.stem: {node.name for node in tree_of(path).body if isinstance(node, ast.FunctionDef)} for path in (WORKER / "verbs").glob("*.py")}
    assert not {verb for verb, file in VERBS.items() if verb not in functions[file]}
    assert set(functions) - {"__init__"} == set(VERBS.values())


def test_the_package_holds_the_worker():
    assert {"p2sam_worker", "p2sam_worker.verbs"} <= set(find_packages(str(MODULE), include=["p2sam*"]))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("p2sam_worker.protocol", {"numpy", "SimpleITK", "scipy", "torch"}),
        ("p2sam_worker.job", {"SimpleITK", "scipy", "sklearn", "torch"}),
        ("p2sam_worker.weights", {"SimpleITK", "scipy", "sklearn", "torch"}),
        ("p2sam_worker.__main__", {"SimpleITK", "scipy", "sklearn", "ot", "torch"}),
        ("p2sam_worker.verbs.probes", {"SimpleITK", "scipy", "sklearn", "ot", "torch"}),
        ("p2sam_worker.verbs.drawing", {"torch", "typer"}),
        ("p2sam_worker.verbs.export", {"torch", "typer"}),
    ],
)
def test_importing_stays_light(module, absent):
    script = f"import {module}, sys; print(' '.join({absent!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
