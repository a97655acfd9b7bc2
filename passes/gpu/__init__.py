"""Bodies of the GPU kernels."""
