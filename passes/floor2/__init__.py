"""Passes on floor 2, where activations are channel blocks."""
