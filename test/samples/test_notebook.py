"""The notebook runs from its first cell to its last, and what the last one says is true."""

import ast
import itertools
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from rt3d_mlir import models

NOTEBOOK = Path(__file__).parents[2] / "samples" / "notebook" / "compile_and_compare.ipynb"
ANSWERS = "print({name: answer.tolist() for name, answer in answers.items()})"


def test_it_is_stored_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")
    for before, cell in itertools.pairwise(cells):
        assert cell.cell_type != "code" or before.cell_type == "markdown", "a sentence or two before each"


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    last = notebook.cells[-1]
    notebook.cells.append(nbformat.v4.new_code_cell(ANSWERS))
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.create_kernel_manager()
    assert client.km is not None
    client.km.transport = "ipc"
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []

    result = ast.literal_eval(last.outputs[0].data["text/plain"])
    model = models.build("c3d", num_classes=10, width=16, clip=(16, 56, 56))
    shape = (1, 3, 16, 56, 56)
    assert result["macs"]["dense"] == sum(models.count_macs(model, shape).values())
    assert result["fewer MACs"] == pytest.approx(2.6, abs=0.02)
    assert result["faster"] > 0
    assert max(result["error"].values()) < 1e-4
    seen = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    answers = ast.literal_eval(outputs[-1].text)
    with torch.no_grad():
        wanted = model.double()(seen.double()).numpy()
    errors = {name: np.abs(answer - wanted).max() / np.ptp(wanted) for name, answer in answers.items()}
    assert errors["dense"] == pytest.approx(result["error"]["dense"], rel=0.01)
    assert errors["pruned"] > 0.1, "another net's answer would be seen as an error"
