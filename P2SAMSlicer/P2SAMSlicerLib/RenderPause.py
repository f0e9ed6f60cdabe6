"""Changes to the scene that the views show at once and together."""

from __future__ import annotations

from contextlib import contextmanager

import slicer


@contextmanager
def renderedOnce():
    """What changes inside is rendered after it, once a view. A view that is behind would else render anew for every single change,
    which blocks the window for as long as the number of changes times the time of one image."""
    slicer.app.pauseRender()
    try:
        yield
    finally:
        slicer.app.resumeRender()
