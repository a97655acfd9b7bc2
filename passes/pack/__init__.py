"""Passes that fold masks into packed convs."""
