"""Runs an artifact on a phone over adb: checks, pushes, pins, times, compares, and takes away what it pushed."""

from rt3d_mlir.phone.record import Record
from rt3d_mlir.phone.runtime_folder import make_runtime
from rt3d_mlir.phone.session import PhoneOptions, run_on_phone

__all__ = ["PhoneOptions", "Record", "make_runtime", "run_on_phone"]
