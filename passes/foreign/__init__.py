"""`rt3d_mlir.passes.apply`: the passes on a module that another program holds."""
