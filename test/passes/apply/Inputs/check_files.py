"""Compares compiled modules with PyTorch."""

import sys
from pathlib import Path

import net

for path in sys.argv[1:]:
    model, clip = net.make()
    net.check(Path(path).read_bytes(), model, clip)
