"""Passes and plans that turn packed ops into kernels: floor 3."""
