"""Small networks, one for each thing that can go wrong between a layer and its kernel; a file for each family."""

from cases.base import Case, Net, conv, conv2d, depthwise, relu_after

__all__ = ["Case", "Net", "conv", "conv2d", "depthwise", "relu_after"]
