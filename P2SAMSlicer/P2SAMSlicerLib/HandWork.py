"""What a person drew by hand: noted when they come back from the Segment Editor, and replaced only after a question."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from . import Questions
from .Attempt import attempt
from .ReviewNodes import ReviewNodes
from .SliceReview import ACCEPTED


class HandWork:
    """Watches over what the reviews do not know yet.

    Parameters
    ----------
    logic : Logic
    store : ReviewStore
    reviewer : callable() -> str
        Who is at work.
    tell : callable(sentence)
        Shows why something could not be done.
    """

    def __init__(self, logic, store, reviewer, tell):
        self.logic, self.store = logic, store
        self._reviewer, self._tell = reviewer, tell
        self._known = {}
        self._late = set()

    def leave(self) -> None:
        """The person goes to another module; what was not noted yet is noted when they come back from there."""
        self._known = {node: ReviewNodes(node).drawn for node in self.store.nodes() if node not in self._late}

    def comeBack(self) -> str:
        """Mark what was changed meanwhile as edited, but for visits while something is drawn; a sentence that lists it, or nothing."""
        found, self._late = {}, set()
        for node in self.store.nodes():
            drawn = ReviewNodes(node).drawn
            if not drawn or drawn == self._known.get(node):
                continue
            if self.logic.running:
                self._late.add(node)
            else:
                found[node.GetName()] = self._noted(node)
        return Questions.changedByHand(found) if any(found.values()) else ""

    def mayReplace(self, key, question: str) -> bool:
        """Whether a slice may be drawn anew: at once, or because the person said so after being told whose work it is.

        Parameters
        ----------
        key : (review node, structure, index)
        """
        node, structure, index = key
        if self.store.review(node) is not None:
            self._noted(node)
        review = self.store.review(node)
        one = review.structure(structure).slices.get(index) if review is not None and structure in review.names else None
        if one is None or not (one.status == ACCEPTED or one.isByHand):
            return True
        return bool(slicer.util.confirmOkCancelDisplay(Questions.whoseWork(one, structure) + " " + question, _("P2SAM: replace a person's work")))

    def _noted(self, node) -> dict:
        told = {}
        attempt(lambda: told.update(self.logic.markEdited(node, reviewer=self._reviewer()) or {}), self._tell)
        return told
