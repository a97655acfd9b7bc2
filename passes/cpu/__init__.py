"""Bodies of the CPU kernels."""
