"""The training container's program: a run spec in, an ONNX model with its evidence out.

It knows the run spec and the storage it names, nothing of the platform around it.
"""

__version__ = "1"
