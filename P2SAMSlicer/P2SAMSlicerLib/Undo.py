"""The Segment Editor's own undo, so that what P2SAM does to a segmentation is taken back where everything else is."""

import slicer


def saveState(segmentationNode):
    """Keep the present state as one step of undo, where the Segment Editor shows this segmentation."""
    widget = getattr(slicer.modules, "SegmentEditorWidget", None)
    editor = getattr(widget, "editor", None)
    if editor is not None and editor.segmentationNode() is segmentationNode:
        editor.saveStateForUndo()
