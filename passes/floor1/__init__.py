"""Passes on floor 1, where layers are linalg ops on plain tensors."""
