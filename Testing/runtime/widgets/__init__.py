"""The widgets of CTK and Slicer that the module uses, one a file, named as in Slicer."""

from .check_combo_box import ctkCheckableComboBox
from .collapsible_button import ctkCollapsibleButton
from .collapsible_group_box import ctkCollapsibleGroupBox
from .combo_box import ctkComboBox
from .message_box import ctkMessageBox
from .mrml_widget import qMRMLWidget, qSlicerWidget
from .node_check_box import qMRMLCheckableNodeComboBox
from .node_combo_box import qMRMLNodeComboBox
from .path_line_edit import ctkPathLineEdit
from .range_widget import ctkRangeWidget
from .segment_editor import qMRMLSegmentEditorWidget
from .segments_table import qMRMLSegmentsTableView
from .slider_widget import ctkSliderWidget

WIDGETS = {
    one.__name__: one
    for one in (
        ctkCheckableComboBox, ctkCollapsibleButton, ctkCollapsibleGroupBox, ctkComboBox, ctkMessageBox, ctkPathLineEdit, ctkRangeWidget, ctkSliderWidget,
        qMRMLCheckableNodeComboBox, qMRMLNodeComboBox, qMRMLSegmentEditorWidget, qMRMLSegmentsTableView, qMRMLWidget, qSlicerWidget,
    )
}
