"""IREE's programs as child processes, and what of IREE is used beyond its public interface."""
