"""What is typed, turned into settings and names, before any file is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import DeviceError, InputError, SettingsError
from ..models import registry
from ..settings import PRESETS, Settings

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LONGEST_NAME = 100
_ENDINGS = (".seg.nrrd", ".nii.gz", ".nrrd", ".nhdr", ".nii", ".mha", ".mhd", ".dcm", ".ima")


def settings_of(preset: str, alignment: str | None, assignments: Sequence[str]) -> Settings:
    """Settings of a preset, with `name=value` changes.

    Raises
    ------
    SettingsError
        An unknown preset or setting, or a value that does not fit.
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset '{preset}'; choose one of: {', '.join(PRESETS)}.")
    values: dict = {"preset": preset}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {assignment} has no value; write --set name=value.")
        values[name.strip()] = value_of(name.strip(), text.strip())
    if values["preset"] != preset:
        raise SettingsError("The preset is chosen with --preset, not with --set.")
    if "alignment" in values and alignment is not None:
        raise SettingsError("The alignment is given twice, with --alignment and with --set; give it once.")
    if alignment is not None:
        values["alignment"] = alignment
    return Settings.from_dict(values)


def for_model(settings: Settings, model: str, assignments: Sequence[str], ranges: Mapping | None = None) -> Settings:
    """The settings with what the model needs (`registry.settings_for`); what was assigned stays."""
    return registry.settings_for(settings, model, {assignment.partition("=")[0].strip() for assignment in assignments}, ranges)


def typed(assignment: str, like: Mapping[str, object]) -> tuple[str, object]:
    """`name=value` with the value in the type that the name has in `like`.

    Raises
    ------
    SettingsError
        No value, or one of another type.
    """
    name, equals, text = assignment.partition("=")
    if not equals:
        raise SettingsError(f"--set {assignment} has no value; write --set name=value.")
    return name.strip(), value_of(name.strip(), text.strip(), like)


def value_of(name: str, text: str, known: Mapping[str, object] | None = None) -> object:
    """The text in the type of that setting; lists are separated by commas. An unknown setting keeps its text."""
    like = (PRESETS["clinical"].to_dict() if known is None else known).get(name, "")
    try:
        if isinstance(like, bool):
            return _truth(text)
        if isinstance(like, tuple):
            return tuple(type(like[0])(part) for part in text.split(","))
        return type(like)(text)
    except ValueError as error:
        kind = "true or false" if isinstance(like, bool) else "numbers, separated by commas" if isinstance(like, tuple) else "a number"
        if isinstance(like, int) and not isinstance(like, bool):
            kind = "a whole number"
        raise SettingsError(f"--set {name}={text} is not {kind}; the preset has {name}={shown(like)}.") from error


def shown(value: object) -> str:
    """A setting as it is typed."""
    return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _truth(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE


def check_device(name: str) -> str:
    """The name, if it is one of a device; whether that device is there is found when a model is put on it."""
    if not DEVICE.fullmatch(name):
        raise DeviceError(f"'{name}' is not a device; use auto, cpu, cuda, cuda:N or mps.")
    return name


def visit_names(followups: Sequence[Path]) -> list[str]:
    """A folder name for each follow-up: its file's name; with the folder above it, or a number, where two are equal."""
    names = [stem_of(path) for path in followups]
    if _doubled(names):
        names = [f"{stem_of(path.absolute().parent)}-{name}" if name in _doubled(names) else name for path, name in zip(followups, names)]
    unique: list[str] = []
    for name in names:
        count, candidate = 1, name
        while candidate.lower() in (other.lower() for other in unique):
            count += 1
            candidate = f"{name}-{count}"
        unique.append(candidate)
    return unique


def stem_of(path: Path) -> str:
    """The file's name without its ending, in characters that every file system takes."""
    name = path.absolute().name
    ending = next((end for end in _ENDINGS if name.lower().endswith(end)), "")
    return re.sub(r"[^\w.-]+", "_", name[: len(name) - len(ending)]).strip("._")[:_LONGEST_NAME] or "followup"


def _doubled(names: list[str]) -> set[str]:
    lower = [name.lower() for name in names]
    return {name for name in names if lower.count(name.lower()) > 1}


def renamed(pairs: Sequence[str]) -> dict[str, str]:
    """`--truth-name NAME=OTHER` as {name of the prior: name in the truth}."""
    names = {}
    for pair in pairs:
        name, equals, other = pair.rpartition("=")
        if not equals or not name or not other:
            raise InputError(f"--truth-name {pair} does not name two structures; write --truth-name NAME=NAME_IN_THE_TRUTH.")
        names[name] = other
    return names
