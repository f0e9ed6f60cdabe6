"""load_model: one model is held at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from p2sam.errors import P2SAMError, WeightsError
from p2sam.models import registry
from p2sam.models.base import PromptableModel
from p2sam.models.loading import load
from p2sam.settings import Settings

from ..elastic import ElasticModel
from ..failure import is_out_of_memory
from ..session import Session
from ..task import Task


@dataclass
class LoadedModel:
    """The model, what it was asked for as, and who is told where it has to give way."""

    model: PromptableModel
    asked: tuple
    licence: str | None
    warn: Callable[[str], None] = field(default=lambda message: None)

    def for_task(self, task: Task) -> PromptableModel:
        """The model; what it warns of goes to that task."""
        if isinstance(self.model, ElasticModel):
            self.model.warn = task.warn
        return self.model

    @property
    def ranges(self) -> Mapping | None:
        """Part counts that the checkpoint brings along."""
        return getattr(self.model, "ranges", None)

    def settings(self, told: dict) -> Settings:
        """Settings as they were sent; what was left out follows the model, as on the command line."""
        return registry.settings_for(Settings.from_dict(told), self.asked[0], told, self.ranges)

    def speed_key(self, settings: Settings, size_hw: tuple[int, int]) -> str:
        """What the speed of drawing depends on."""
        tried = settings.n_positive, settings.n_negative, settings.cascade_steps, settings.retrieval
        return f"{self.model.name} on {self.model.device}, {tuple(size_hw)}, {tried}"

    def told(self) -> dict:
        return {"name": self.model.name, "sha256": self.model.sha256, "device": str(self.model.device), "licence": self.licence, "ranges": self.ranges and dict(self.ranges)}


def load_model(session: Session, task: Task) -> dict:
    """Load a model by its name or its weights file, unless it is loaded already. Cases opened with another one are closed.

    A model on an accelerator is let go of first, for its memory; one on the CPU stays where the new one cannot be loaded.
    """
    name = task.request.get("model", str)
    device = task.request.get("device", str, "auto")
    precision = task.request.get("precision", str, "float32")
    asked = (name, device, precision, stamp(name))
    if session.model is None or session.model.asked != asked:
        if session.model is not None and str(session.model.model.device) != "cpu":
            session.model = None
            session.cases.clear()
        model = loaded(name, device, precision, task)
        session.cases.clear()
        licence = next((spec.licence for spec in registry.MODELS if spec.name == model.name), None)
        session.model = LoadedModel(model, asked, licence)
    task.check_cancelled()
    return session.model.told()


def loaded(name: str, device: str, precision: str, task: Task) -> PromptableModel:
    """The model; on the CPU, with a warning, where the device has no room for it.

    Raises
    ------
    InputError, WeightsError, DeviceError, SettingsError
    """
    full = False
    try:
        model = load(name, device, precision=precision)
    except P2SAMError as error:
        if device == "cpu" or not is_out_of_memory(error):
            raise
        full = True
    except (OSError, AttributeError, RuntimeError) as error:
        raise WeightsError(f"'{name}' cannot be loaded ({type(error).__name__}: {error}); torch seems to be half installed: repair its installation, or use the model graph.") from error
    if full:
        task.warn(f"'{name}' does not fit into the memory of {device}; it is loaded on the CPU, which is much slower.")
        return load(name, "cpu")
    if str(model.device) == "cpu":
        return model
    return ElasticModel(model, lambda: load(name, "cpu"), task.warn)


def stamp(name: str) -> tuple[int, int] | None:
    """Size and time of a weights file, so that a new file of an old name is loaded anew; None for a name."""
    path = Path(name).expanduser()
    if path.suffix not in registry.WEIGHT_SUFFIXES or not path.is_file():
        return None
    return path.stat().st_size, path.stat().st_mtime_ns
