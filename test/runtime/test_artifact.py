import json
import re
from pathlib import Path
from typing import Any

import pytest

from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.runtime import Manifest
from rt3d_mlir.runtime.artifact import Fate, sha256_file, verify


def edit(folder: Path, **changes: Any) -> None:
    """Rewrites the manifest; None removes a key."""
    data = json.loads((folder / "manifest.json").read_text()) | changes
    kept = {key: value for key, value in data.items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(kept))


def test_round_trip_is_deterministic(artifact: Path, tmp_path: Path):
    manifest = Manifest.read(artifact)
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert (tmp_path / "manifest.json").read_bytes() == (artifact / "manifest.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["manifest.json"]


def test_the_json_is_what_the_docs_say(artifact: Path):
    data = json.loads((artifact / "manifest.json").read_text())
    assert list(data) == sorted(data)
    assert (data["format"], data["version"]) == ("rt3d-artifact", 1)
    assert set(data["tools"]) == {"rt3d_mlir", "iree_compiler", "torch_mlir", "torch"}
    assert data["inputs"] == [{"name": "input_0", "shape": [1, 3, 4, 8, 8], "dtype": "float32"}]
    assert set(data["files"]) == {"module.vmfb", "golden/input_0.npy", "golden/output_0.npy"}
    assert data["files"]["module.vmfb"] == sha256_file(artifact / "module.vmfb")


def test_keys_of_a_later_version_are_passed_over(artifact: Path):
    edit(artifact, later="key")
    assert Manifest.read(artifact).model == "tiny"


def test_a_manifest_from_before_arena_and_ops(artifact: Path):
    data = json.loads((artifact / "manifest.json").read_text())
    del data["arena"], data["ops"]
    (artifact / "manifest.json").write_text(json.dumps(data))
    manifest = Manifest.read(artifact)
    assert (manifest.arena, manifest.ops) == (0, [])


def test_a_manifest_whose_ops_have_no_costs(artifact: Path):
    op = {"name": "conv", "kind": "conv3d", "macs": 5, "where": "packed", "into": [], "reason": "dense"}
    edit(artifact, ops=[op])
    assert Manifest.read(artifact).ops == [Fate(**op)]
    edit(artifact, ops=[{key: value for key, value in op.items() if key != "macs"}])
    with pytest.raises(ArtifactError, match=r"ops\[0\] lacks macs; compile again"):
        Manifest.read(artifact)


def test_missing_folder(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"no artifact folder at .*/nowhere; rt3d-mlir-compile -o"):
        Manifest.read(tmp_path / "nowhere")


def test_missing_manifest(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"has no manifest.json: it is not an artifact"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as JSON"), ("[]", "is not a JSON object")])
def test_not_json(artifact: Path, text: str, message: str):
    (artifact / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        Manifest.read(artifact)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "zip"}, "format is 'zip', expected 'rt3d-artifact'"),
        ({"version": 2}, "version is 2, expected 1"),
        ({"files": None, "triple": None}, "manifest.json lacks triple, files; compile again"),
        ({"files": []}, "files is not an object"),
        ({"entry": 3}, "entry is not a string"),
        ({"arena": "1"}, "arena is not a number of bytes"),
        ({"inputs": "x"}, "inputs is not a list of objects"),
        ({"inputs": [{"name": "x", "shape": [1]}]}, "inputs[0] lacks dtype"),
        ({"ops": [{"name": "x"}]}, "ops[0] lacks kind"),
        (
            {"outputs": [{"name": "x", "shape": "1x5", "dtype": "float32"}]},
            "shape is not a list of whole numbers",
        ),
    ],
)
def test_malformed_manifest(artifact: Path, changes: dict[str, Any], message: str):
    edit(artifact, **changes)
    with pytest.raises(ArtifactError, match=re.escape(message)):
        Manifest.read(artifact)


def test_verify_accepts_what_was_written(artifact: Path):
    verify(artifact, Manifest.read(artifact))


def test_verify_names_the_changed_file(artifact: Path):
    damaged = bytearray((artifact / "module.vmfb").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (artifact / "module.vmfb").write_bytes(damaged)
    seen = sha256_file(artifact / "module.vmfb")
    message = rf"^module.vmfb changed since it was compiled: sha256 is {seen}, the manifest says [0-9a-f]{{64}}; "
    with pytest.raises(ArtifactError, match=message + r"compile again. A .vmfb is a program: do not run one"):
        verify(artifact, Manifest.read(artifact))


def test_verify_names_the_missing_file(artifact: Path):
    (artifact / "golden" / "output_0.npy").unlink()
    with pytest.raises(ArtifactError, match=r"^golden/output_0.npy is missing from .*; compile again"):
        verify(artifact, Manifest.read(artifact))


def test_verify_wants_a_hash_of_the_module(artifact: Path):
    edit(artifact, files={})
    with pytest.raises(ArtifactError, match=r"files has no sha256 of module.vmfb"):
        verify(artifact, Manifest.read(artifact))
