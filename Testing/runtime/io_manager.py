"""Reads and writes scenes, volumes and segmentations, with MRML's own readers and writers."""

import os

import slicer
from PySide6.QtCore import QObject

KINDS = {".mrml": "SceneFile", ".mrb": "SceneFile", ".seg.nrrd": "SegmentationFile", ".nrrd": "VolumeFile", ".nii": "VolumeFile", ".nii.gz": "VolumeFile"}


class qSlicerCoreIOManager(QObject):
    """What `slicer.util.loadVolume`, `loadScene`, `saveScene` and their like call."""

    def __init__(self):
        super().__init__()
        scene = slicer.mrmlScene
        self._cache, self._data = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        self._cache.SetRemoteCacheDirectory(scene.GetRootDirectory())
        self._cache.SetMRMLScene(scene)
        self._data.SetCacheManager(self._cache)
        scene.SetCacheManager(self._cache)
        scene.SetDataIOManager(self._data)

    def fileType(self, name):
        """The kind of a file, by the end of its name."""
        fits = [end for end in KINDS if str(name).lower().endswith(end)]
        return KINDS[max(fits, key=len)] if fits else "NoFile"

    def fileWriterFileType(self, node, _format=""):
        return "SegmentationFile" if node.IsA("vtkMRMLSegmentationNode") else "NodeFile"

    def loadScene(self, name, clear=True, _messages=None):
        """Reads a .mrml or .mrb file; `clear` closes the scene that is open first."""
        scene = slicer.mrmlScene
        if str(name).lower().endswith(".mrb"):
            return bool(scene.ReadFromMRB(str(name), clear))
        scene.SetURL(str(name))
        return bool(scene.Connect() if clear else scene.Import())

    def loadNodes(self, kind, properties, loaded=None, messages=None):
        """Reads a file into the scene.

        Parameters
        ----------
        kind : str
            "SceneFile", "VolumeFile" or "SegmentationFile".
        properties : dict
            `fileName`, `name`, `labelmap`, `clear`.
        """
        name = properties["fileName"]
        if kind == "SceneFile":
            return self.loadScene(name, properties.get("clear", False), messages)
        logics = slicer.modules
        title = properties.get("name") or os.path.basename(name).partition(".")[0]
        if kind == "VolumeFile":
            node = logics.volumes.logic().AddArchetypeVolume(name, title, 1 if properties.get("labelmap") else 0)
        elif kind == "SegmentationFile":
            node = logics.segmentations.logic().LoadSegmentationFromFile(name, True, title)
        else:
            raise NotImplementedError(f"The stand-in reads no {kind}: {name}.")
        if node is not None and loaded is not None:
            loaded.AddItem(node)
        return node is not None

    def saveNodes(self, kind, properties, messages=None, _scene=None):
        """Writes the scene as .mrml (with every node's file beside it), .mrb, or one node by its storage node."""
        name = str(properties["fileName"])
        if kind != "SceneFile":
            return self._save_node(slicer.mrmlScene.GetNodeByID(properties["nodeID"]), name)
        if name.lower().endswith(".mrb"):
            return bool(slicer.mrmlScene.WriteToMRB(name, None, messages))
        if name.lower().endswith(".mrml"):
            slicer.mrmlScene.SetRootDirectory(os.path.dirname(os.path.abspath(name)))
            slicer.mrmlScene.SetURL(name)
            return bool(slicer.mrmlScene.Commit())
        os.makedirs(name, exist_ok=True)
        return bool(slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(name, None, messages))

    def addDefaultStorageNodes(self):
        for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
            node.AddDefaultStorageNode()

    @staticmethod
    def _save_node(node, name):
        node.AddDefaultStorageNode(name)
        node.GetStorageNode().SetFileName(name)
        return bool(node.GetStorageNode().WriteData(node))
