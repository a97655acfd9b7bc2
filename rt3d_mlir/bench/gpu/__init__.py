"""Compiled modules timed on a GPU: device timestamps of each kernel, whole calls, transfers; other engines beside them.

`prepare` compiles artifact folders. All else needs no compiler, so that a machine with a GPU can do without: `profile`
runs IREE's own tools, `answer` checks what a module computes, `torch_cuda` times PyTorch, `measure` goes through the
folders, `report` writes the page. `python -m rt3d_mlir.bench.gpu DIR` measures what was compiled elsewhere.
"""
