"""ONNX graphs in operators that torch-mlir lowers, and lowers rightly: see `lowerable.py`."""
