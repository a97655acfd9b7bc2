"""Prints a narrow C3D, as torch-mlir writes it, with its weights."""

import iree.compiler.ir as ir
import torch

from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.models import build

CLIP = (16, 32, 32)

with ir.Context(), ir.Location.unknown():
    model = build("c3d", num_classes=5, width=4, clip=CLIP)
    print(mlir_io.to_text(*import_torch(model, (torch.zeros(1, 3, *CLIP),))), end="")
