"""What the list of visits shows of the scene: volumes with their dates, segments with their colours, checks. No Qt."""

from dataclasses import dataclass
from html import escape

from slicer.i18n import tr as _

from .MRMLVolumes import gridShape, metaOf

SIGNS = {"ok": ("#2e7d32", "✓"), "warning": ("#b45309", "⚠"), "error": ("#c62828", "✗")}
"""Colour and sign of a check's level; both, so that it can be read without colours."""


@dataclass(frozen=True)
class SegmentRow:
    """A segment that can be ticked; `color` is RGB from 0 to 1."""

    id: str
    name: str
    color: tuple


def segments(segmentationNode):
    """The segments of a segmentation node, in its order; none for None."""
    if segmentationNode is None:
        return []
    segmentation = segmentationNode.GetSegmentation()
    found = []
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        found.append(SegmentRow(segmentation.GetNthSegmentID(index), segment.GetName(), tuple(segment.GetColor())))
    return found


def volumes(scene):
    """The images of the scene that can be a visit, earliest study first; label maps and hidden nodes are none."""
    found = []
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors() and node.GetImageData() is not None:
            found.append(node)
    return sorted(found, key=lambda node: metaOf(node).get("study_date", "99999999"))


def suggestion(scene):
    """(volume, segmentation) where the scene has one segmentation only and it says which CT it was drawn on; else (None, None)."""
    if scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") != 1:
        return None, None
    segmentation = scene.GetNthNodeByClass(0, "vtkMRMLSegmentationNode")
    volume = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    return (volume, segmentation) if volume in volumes(scene) else (None, None)


def dateText(volumeNode):
    """The study date as 2024-02-05; a dash where it is not known."""
    date = metaOf(volumeNode).get("study_date", "")
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else date or "–"


def about(volumeNode):
    """Name, date and grid of a volume for a tooltip."""
    spacing = " × ".join(f"{one:.2f}" for one in volumeNode.GetSpacing())
    size = " × ".join(str(one) for one in gridShape(volumeNode)[::-1])
    return _("{name}\nStudy date: {date}\n{size} voxels of {spacing} mm").format(name=volumeNode.GetName(), date=dateText(volumeNode), size=size, spacing=spacing)


def checksText(checks):
    """The checks as rich text: what is wrong, worst first, a line each; what is well in one line."""
    lines = [_line(one.level, one.text) for level in ("error", "warning") for one in checks if one.level == level]
    wrong = {one.topic for one in checks if one.level != "ok"}
    well = list(dict.fromkeys(one.topic for one in checks if one.level == "ok" and one.topic not in wrong))
    if well:
        lines.append(_line("ok", ", ".join(_topic(one) for one in well)))
    return "<br>".join(lines)


def _topic(topic):
    """What it means that a question has a good answer for every follow-up."""
    titles = {
        "patient": _("same patient"),
        "dates": _("dates in order"),
        "modality": _("CT"),
        "frame of reference": _("frames of reference"),
        "spacing": _("spacing"),
    }
    return titles.get(topic, topic)


def _line(level, text):
    color, sign = SIGNS[level]
    return f'<span style="color:{color}"><b>{sign}</b> {escape(text)}</span>'
