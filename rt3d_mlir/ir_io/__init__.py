"""Modules as text and bytecode, and their weights, which stay in numpy."""
