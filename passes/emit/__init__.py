"""The vocabulary of kernels: vectors, loops, dispatches."""
