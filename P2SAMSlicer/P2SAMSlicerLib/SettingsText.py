"""Settings as the panel holds them: part counts as text, fields of the parameter node, and back."""

from __future__ import annotations

from dataclasses import replace

from p2sam.errors import SettingsError
from p2sam.models.registry import settings_for
from p2sam.settings import PRESETS, Settings, preset
from slicer.i18n import tr as _

from . import ModelChoice

MOST = 100
"""The largest part count that `Settings` takes."""

FIELDS = {
    "retrieval": "retrieval",
    "cost": "cost",
    "alignment": "alignment",
    "boxMarginMm": "box_margin_mm",
    "reachMm": "reach_mm",
    "extentMm": "extent_mm",
    "trackMm": "track_mm",
}
"""Field of the parameter node -> name in `Settings`, for those that are the same value."""
COUNTS = {"positiveCounts": "n_positive", "negativeCounts": "n_negative"}
"""The same for the part counts, which are text."""


def countsOf(text: str, lowest: int = 1) -> tuple:
    """Part counts of a text such as "1-3" or "1, 5-10".

    Parameters
    ----------
    lowest : int
        1 for positive parts, 0 for negative ones.

    Raises
    ------
    SettingsError
        In a sentence that names the piece that is wrong.
    """
    if not text.strip():
        raise SettingsError(_("No part counts are given; write for example 1-3 or 1,5-10."))
    counts = []
    for piece in text.replace(";", ",").split(","):
        counts += _range(piece, text, lowest)
    repeated = sorted({count for count in counts if counts.count(count) > 1})
    if repeated:
        message = _("The part count {count} stands twice in '{text}'; write each once.")
        raise SettingsError(message.format(count=repeated[0], text=text))
    return tuple(counts)


def textOf(counts) -> str:
    """The shortest text of part counts: runs of three and more as a range, "1-3", "1,5-10", "45"."""
    pieces, run = [], []
    for count in counts:
        if run and count == run[-1] + 1:
            run.append(count)
            continue
        pieces += _pieces(run)
        run = [count]
    return ",".join([*pieces, *_pieces(run)])


def modelOf(parameterNode) -> str:
    """What the worker loads."""
    return ModelChoice.nameFor(parameterNode.model, parameterNode.modelFile)


def presetOf(parameterNode) -> Settings:
    """The chosen preset as the chosen model needs it, which is what the command line takes."""
    return settings_for(preset(parameterNode.preset), modelOf(parameterNode))


def followModel(parameterNode, before: str) -> None:
    """Another model was chosen: part counts that were those of the model `before` become the new one's, changed ones stay."""
    if parameterNode.preset not in PRESETS:
        return
    old, new = settings_for(preset(parameterNode.preset), before), presetOf(parameterNode)
    for field, name in COUNTS.items():
        if getattr(parameterNode, field) == textOf(getattr(old, name)):
            setattr(parameterNode, field, textOf(getattr(new, name)))


def settingsOf(parameterNode, window=None) -> Settings:
    """The settings that the panel shows; what it does not show is the preset's, as the model needs it.

    Parameters
    ----------
    parameterNode : ParameterNode
    window : (low, high) or None
        HU window of the prior's display, taken where `windowFromDisplay` is ticked.

    Raises
    ------
    SettingsError
        In a sentence: a text that is no counts, a value outside its range, a display window that is not there.
    """
    if parameterNode.windowFromDisplay and window is None:
        raise SettingsError(_("The prior volume has no display window; show it once, or untick the window of the display."))
    low, high = window if parameterNode.windowFromDisplay else (parameterNode.windowLow, parameterNode.windowHigh)
    if not low < high:
        raise SettingsError(_("The HU window runs from {low} to {high}; the lower value comes first.").format(low=f"{low:g}", high=f"{high:g}"))
    values = {name: getattr(parameterNode, field) for field, name in FIELDS.items()}
    return replace(
        presetOf(parameterNode),
        window_hu=(float(low), float(high)),
        n_positive=_named(_("Positive parts"), parameterNode.positiveCounts, 1),
        n_negative=_named(_("Negative parts"), parameterNode.negativeCounts, 0),
        **values,
    )


def showSettings(parameterNode, settings: Settings) -> None:
    """Write settings into the fields of the panel: a preset that was chosen, or Reset."""
    parameterNode.preset = settings.preset
    parameterNode.positiveCounts = textOf(settings.n_positive)
    parameterNode.negativeCounts = textOf(settings.n_negative)
    parameterNode.windowFromDisplay = False
    parameterNode.windowLow, parameterNode.windowHigh = (float(value) for value in settings.window_hu)
    for field, name in FIELDS.items():
        setattr(parameterNode, field, getattr(settings, name))


def differsFromPreset(parameterNode, window=None) -> bool:
    """Whether the panel shows anything else than its preset; also where what it shows is no valid settings."""
    try:
        return settingsOf(parameterNode, window) != presetOf(parameterNode)
    except SettingsError:
        return True


def _named(title: str, text: str, lowest: int) -> tuple:
    try:
        return countsOf(text, lowest)
    except SettingsError as error:
        raise SettingsError(f"{title}: {error}") from error


def _range(piece: str, text: str, lowest: int) -> list:
    ends = [end.strip() for end in piece.replace("–", "-").split("-")]
    if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends):
        message = _("'{piece}' in '{text}' is no part count; write whole numbers and ranges, for example 1-3 or 1,5-10.")
        raise SettingsError(message.format(piece=piece.strip(), text=text))
    first, last = int(ends[0]), int(ends[-1])
    if not lowest <= first <= MOST or not lowest <= last <= MOST:
        message = _("'{piece}' in '{text}' is out of range; part counts run from {lowest} to {most}.")
        raise SettingsError(message.format(piece=piece.strip(), text=text, lowest=lowest, most=MOST))
    if last < first:
        raise SettingsError(_("The range '{piece}' in '{text}' runs backwards; the lower number comes first.").format(piece=piece.strip(), text=text))
    return list(range(first, last + 1))


def _pieces(run: list) -> list:
    return [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(count) for count in run]
