"""The models as the panel lists them: name, size, licence, whether the weights are here. No Qt."""

from dataclasses import dataclass

from p2sam.errors import InputError
from p2sam.models import registry, weights
from slicer.i18n import tr as _

LOCAL_FILE = "file"
"""The key of a weights file that the user names."""


@dataclass(frozen=True)
class ModelChoice:
    """One line of the list.

    Attributes
    ----------
    key : str
        Name in the registry, or `LOCAL_FILE`.
    family : str
        Whose packages it needs; see `Dependencies`.
    present : bool
        Whether it can be used now.
    size : int or None
        Bytes of the download.
    """

    key: str
    family: str
    title: str
    details: str
    present: bool
    size: int | None = None

    @property
    def needsDownload(self):
        return self.key != LOCAL_FILE and registry.find(self.key).needs_download


def choices():
    """Every model of the registry, the built-in one first, and the user's own file last."""
    return [_fromRegistry(spec) for spec in registry.MODELS] + [_localFile()]


def find(key):
    """The choice of that key; the built-in model where the registry has it no more (a scene of a later release)."""
    if key == LOCAL_FILE:
        return _localFile()
    try:
        return _fromRegistry(registry.find(key))
    except InputError:
        return _fromRegistry(registry.GRAPH)


def familyOf(key, file=""):
    """Whose packages a model needs; of a file it is told by its name, since it is opened in the worker only."""
    if key != LOCAL_FILE:
        return find(key).family
    return "sam2" if "sam2" in file.lower().replace("_", "").replace("-", "") else "sam"


def nameFor(key, file=""):
    """What the worker loads: a name of the registry, or the path of the file."""
    return file if key == LOCAL_FILE else find(key).key


def megabytes(size):
    """Bytes for a person."""
    if size is None:
        return _("unknown size")
    return _("{size:.1f} GB").format(size=size / 1e9) if size >= 1e9 else _("{size:.0f} MB").format(size=size / 1e6)


def consent(choice):
    """The question before a download."""
    spec = registry.find(choice.key)
    return _(
        "Download the weights of {title} ({size})?\n\nFrom: {url}\nTo: {folder}\nLicence: {licence}\nCite: {citation}\n\nThey can be removed again with Remove. No data is sent."
    ).format(title=spec.title, size=megabytes(spec.size_bytes), url=spec.url, folder=weights.path(spec).parent, licence=spec.licence, citation=spec.citation)


def _fromRegistry(spec):
    present = weights.is_present(spec)
    if not spec.needs_download:
        title, state = spec.title, _("Built in: no download, no GPU, runs at once.")
    elif present:
        title, state = spec.title, _("On this machine ({size}).").format(size=megabytes(spec.size_bytes))
    else:
        size = megabytes(spec.size_bytes)
        title, state = _("{title} – {size} to download").format(title=spec.title, size=size), _("Not on this machine; {size} to download.").format(size=size)
    details = _("{state} Licence: {licence}.").format(state=state, licence=spec.licence)
    return ModelChoice(spec.name, spec.family, title, details, present, spec.size_bytes)


def _localFile():
    details = _("A SAM, SAM 2 or fine-tuned checkpoint ({suffixes}). It is opened in the worker process without running code from it.")
    return ModelChoice(LOCAL_FILE, "sam", _("Weights file of your own…"), details.format(suffixes=", ".join(registry.WEIGHT_SUFFIXES)), True)
