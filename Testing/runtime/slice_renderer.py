"""Draws one slice view offscreen with MRML's own slice logic and displayable managers."""

import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
"""What Slicer's slice views draw with, as far as the module's nodes need it."""


class SliceRenderer:
    """A render window, an interactor and the displayable managers of one slice node.

    Parameters
    ----------
    logic : vtkMRMLSliceLogic
        It has its slice node already.
    requested : callable()
        Called when something visible changed.
    """

    def __init__(self, logic, requested):
        self.logic, self.requested = logic, requested
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetNumberOfLayers(2)
        self.renderer, overlay = vtk.vtkRenderer(), vtk.vtkRenderer()
        overlay.SetLayer(1)
        for one in (self.renderer, overlay):
            one.GetActiveCamera().ParallelProjectionOn()
            self.window.AddRenderer(one)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self.interactor.Initialize()
        self._draw_the_slice()
        self._manage()
        self.resize(300, 300)

    def _draw_the_slice(self):
        """The slice logic's picture, 8-bit colours, behind everything else."""
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self.picture = vtk.vtkActor2D()
        self.picture.SetMapper(self.mapper)
        self.picture.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self.picture)
        self.logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._changed)
        self._changed()

    def _manage(self):
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        for name in MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.managers = factory.InstantiateDisplayableManagers(self.renderer)
        self.managers.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_event: self.requested())
        self.style = slicer.vtkMRMLSliceViewInteractorStyle()
        self.style.SetSliceLogic(self.logic)
        self.style.SetDisplayableManagers(self.managers)
        self.style.SetInteractor(self.interactor)
        self.managers.SetMRMLDisplayableNode(self.logic.GetSliceNode())

    def _changed(self, *_event):
        connection = self.logic.GetImageDataConnection()
        self.mapper.SetInputConnection(connection)
        self.picture.SetVisibility(connection is not None)
        self.requested()

    def resize(self, width, height):
        """Draws that many pixels, as a window that was made larger does."""
        self.window.SetSize(width, height)
        self.interactor.UpdateSize(width, height)
        self.interactor.InvokeEvent(vtk.vtkCommand.ConfigureEvent)
        self.logic.ResizeSliceNode(width, height)

    def pixels(self):
        """What the view shows.

        Returns
        -------
        pixels : (height, width, 3) uint8
            The first row is the top one.
        """
        if self.picture.GetVisibility():
            self.mapper.Update()
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1].copy()

    def close(self):
        """Gives the window's memory back."""
        self.managers.SetMRMLDisplayableNode(None)
        self.style.SetInteractor(None)
        self.window.Finalize()
