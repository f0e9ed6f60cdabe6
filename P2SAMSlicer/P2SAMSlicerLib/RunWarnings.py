"""What a run warned of: what stands with its visits at the top of Review, and what is in the log alone."""

from __future__ import annotations

from slicer.i18n import tr as _

from .VisitText import warningsOf


class RunWarnings:
    """Counts the warnings of one run."""

    def __init__(self):
        self._told: dict = {}
        self._visits: dict = {}

    def tell(self, text: str) -> None:
        """A warning that came while the run went on."""
        self._told[text] = True

    def add(self, key: str, review) -> list:
        """A visit is in the scene; those of its warnings that nobody told of yet."""
        found = warningsOf(review)
        self._visits[key] = (review.name, found)
        fresh = [text for text in found if text not in self._told]
        self._told.update(dict.fromkeys(fresh, True))
        return fresh

    @property
    def inReview(self) -> int:
        return sum(len(found) for _name, found in self._visits.values())

    @property
    def onlyInLog(self) -> int:
        known = {text for _name, found in self._visits.values() for text in found}
        return sum(text not in known for text in self._told)

    def sentence(self) -> str:
        """How many there are and where; empty where there is none."""
        told = [(name, len(found)) for name, found in self._visits.values() if found]
        sentences = []
        if len(told) == 1 and len(self._visits) == 1:
            sentences.append(_("Warnings: {count}; read them at the top of Review.").format(count=told[0][1]))
        elif told:
            counts = ", ".join(_("{count} of {visit}").format(count=count, visit=name) for name, count in told)
            sentences.append(_("Warnings: {counts}; read them at the top of Review, where the visit is chosen.").format(counts=counts))
        if self.onlyInLog:
            sentences.append(_("Warnings in the log below: {count}.").format(count=self.onlyInLog))
        return " ".join(sentences)
