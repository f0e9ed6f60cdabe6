"""Stand-ins for torch in every state it is met in, written into a folder that a worker searches first."""

GOOD = '''
import math, os
__version__ = "9.9+fake"
print("torch says hello on stdout")
os.write(1, b'{"id": "not a device"}\\n')
class Tensor:
    def __init__(self, side, value, device): self.side, self.value, self.device = side, value, device
    def __matmul__(self, other): return Tensor(self.side, self.value * other.value * self.side, self.device)
    def sum(self): return self.value * self.side * self.side
def ones(*shape, device="cpu"):
    check(device)
    return Tensor(shape[-1], 1.0, device)
def check(device): pass
class nn:
    class functional:
        @staticmethod
        def conv2d(image, kernel): return Tensor(2, 9.0, image.device)
class Properties:
    name, total_memory = "Fake GPU 9000", 24 * 2**30
class cuda:
    @staticmethod
    def is_available(): return True
    @staticmethod
    def device_count(): return 2
    @staticmethod
    def get_device_properties(number): return Properties
    @staticmethod
    def mem_get_info(number): return 23 * 2**30, 24 * 2**30
'''

NO_KERNEL = GOOD + '''
def check(device):
    if device == "cuda:1":
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\\nCompile with TORCH_USE_CUDA_DSA")
'''
FULL = GOOD + '''
def check(device):
    raise RuntimeError("CUDA out of memory. Tried to allocate 2 bytes")
'''
WRONG = GOOD + '''
class nn:
    class functional:
        @staticmethod
        def conv2d(image, kernel): return Tensor(2, 0.0, image.device)
'''
NO_DRIVER = GOOD + '''
class cuda(cuda):
    @staticmethod
    def is_available(): raise RuntimeError("Unexpected error from cudaGetDeviceCount()")
'''
MISSING = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
HALF = "import torch._C_that_was_never_unpacked\n"
NO_LIBRARY = "raise OSError('libcudart.so.13: cannot open shared object file: No such file or directory')\n"
CRASHES = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
EXITS = "import sys\nsys.exit(3)\n"


def write_package(folder, name, source):
    """A package of that name; returns the folder to search first."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(source, encoding="utf-8")
    return folder
