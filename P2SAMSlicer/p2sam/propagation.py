"""From a prior visit to a follow-up: every structure, slice by slice, each slice encoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .align import Alignment
from .case import Case
from .drawing import Progress
from .models.base import PromptableModel
from .result import VisitResult
from .segmentation import Segmentation
from .settings import Settings
from .volume import Volume


def propagate(
    prior: Volume,
    segmentation: Segmentation,
    followup: Volume,
    model: PromptableModel,
    settings: Settings,
    *,
    names: Sequence[str] | None = None,
    alignment: Alignment | None = None,
    name: str = "followup",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VisitResult:
    """Segment a follow-up from one prior.

    Parameters
    ----------
    prior, followup : Volume
        CT in Hounsfield units, any orientation.
    segmentation : Segmentation
        On the prior's grid.
    names : structures to propagate (names or ids); None takes all
    alignment : Alignment, optional
        Made already; otherwise `settings.alignment` is run.
    progress, cancelled
        Called between slices. A cancelled run gives back what is done, `complete=False`.

    Returns
    -------
    VisitResult
        On the follow-up's own grid.

    Raises
    ------
    StructureError
        A name that is not there, or an empty structure.
    GeometryError
        Grids that do not fit, or no overlap.
    Cancelled
        Stopped before the first slice.
    """
    case = Case.open(
        prior, segmentation, followup, model, settings, names=names, alignment=alignment, name=name, progress=progress, cancelled=cancelled
    )
    return case.propagate(progress=progress, cancelled=cancelled)
