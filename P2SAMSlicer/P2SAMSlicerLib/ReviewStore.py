"""The reviews of a scene, read once each and again when they change."""

from __future__ import annotations

from p2sam.errors import InputError

from . import MRMLReview


class ReviewStore:
    """Reads reviews from their nodes and tells when one came, went or changed.

    Parameters
    ----------
    scene : vtkMRMLScene
    """

    def __init__(self, scene):
        self.scene = scene
        self._listeners: list = []
        self._read: dict = {}
        self._nodeTags: dict = {}
        self._sceneTags = [scene.AddObserver(event, self._onScene) for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)]
        self.problems: dict = {}
        """Node -> why its review cannot be read."""
        self._watch()

    def listen(self, listener) -> None:
        """Call `listener()` after every change, possibly several times for one: let a timer gather the calls."""
        self._listeners.append(listener)

    def nodes(self) -> list:
        """Review nodes in the scene's order, those that can be read."""
        return [node for node in MRMLReview.findAll(self.scene) if self.review(node) is not None]

    def review(self, node):
        """The VisitReview of a node; None where there is no node or its text is damaged (see `problems`)."""
        if node is None or node.GetScene() is None:
            return None
        known = self._read.get(node)
        if known is None or known[0] != node.GetMTime():
            text = node.GetText()
            if known is None or known[1] != text:
                known = (node.GetMTime(), text, self._load(node))
            else:
                known = (node.GetMTime(), *known[1:])
            self._read[node] = known
        return known[2]

    def nodeOf(self, review):
        """The node that a review was read from."""
        return next((node for node, (_stamp, _text, one) in self._read.items() if one is review), None)

    def cleanup(self) -> None:
        for tag in self._sceneTags:
            self.scene.RemoveObserver(tag)
        for node, tag in self._nodeTags.items():
            node.RemoveObserver(tag)
        self._sceneTags, self._nodeTags, self._listeners = [], {}, []
        self._read.clear()

    def _load(self, node):
        try:
            review = MRMLReview.load(node)
        except InputError as error:
            self.problems[node] = str(error)
            return None
        self.problems.pop(node, None)
        return review

    def _onScene(self, *_arguments) -> None:
        if self.scene.IsBatchProcessing():
            return
        if self._watch():
            self._tell()

    def _watch(self) -> bool:
        """Observe every review node; whether the set of them changed."""
        found = set(MRMLReview.findAll(self.scene))
        gone, come = set(self._nodeTags) - found, found - set(self._nodeTags)
        for node in gone:
            node.RemoveObserver(self._nodeTags.pop(node))
            self._read.pop(node, None)
            self.problems.pop(node, None)
        for node in come:
            self._nodeTags[node] = node.AddObserver("ModifiedEvent", self._onNode)
        return bool(gone or come)

    def _onNode(self, *_arguments) -> None:
        self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
