import json
import shutil
from pathlib import Path
from typing import Any

import made_artifacts as made
import pytest

from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.html_report.artifacts import groups_of, read_artifacts
from rt3d_mlir.runtime.artifact import KEPT


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_dense_stands_before_pruned_and_targets_apart(tmp_path: Path):
    folders = [
        made.make_pruned(tmp_path / "pruned"),
        made.make(tmp_path / "dense"),
        made.make(tmp_path / "other", target="cortex-x1", cpu="cortex-x1"),
        made.make_pruned(tmp_path / "half", dtype="f16"),
    ]
    groups = groups_of(read_artifacts(folders))
    assert [[artifact.name for artifact in group.artifacts] for group in groups] == [
        ["dense", "pruned"],
        ["other"],
        ["half"],
    ]
    assert [group.dense and group.dense.name for group in groups] == ["dense", "other", None]
    assert groups[0].title == "net for cortex-a76, f32"


def test_a_network_is_its_layers_whatever_it_is_called(tmp_path: Path):
    zoo, file = made.make(tmp_path / "zoo", model="c3d"), made.make_pruned(tmp_path / "file", model="model.pt2")
    other = made.make(tmp_path / "other", [made.layer("conv1")], model="c3d")
    groups = groups_of(read_artifacts([zoo, file, other]))
    assert [len(group.artifacts) for group in groups] == [2, 1]
    assert groups[0].title == "c3d, model.pt2 for cortex-a76, f32"


def test_what_an_artifact_knows(tmp_path: Path):
    (artifact,) = read_artifacts([made.make_pruned(tmp_path / "pruned")])
    before = [layer.macs_before for layer in artifact.manifest.layers]
    assert artifact.macs_before == sum(before)
    assert artifact.macs_after == before[0] + before[1] // 4 + before[2]
    assert artifact.rate == artifact.macs_before / artifact.macs_after
    assert [layer.name for layer in artifact.pruned] == ["conv2"]
    assert artifact.kept["conv2"].mask.mean() == pytest.approx(0.25, abs=0.01)
    assert artifact.module_bytes == len(b"no programpruned")


def test_an_artifact_from_before_kept_blocks(tmp_path: Path):
    folder = made.make(tmp_path / "old", [made.layer("conv2", 0.25)])
    (artifact,) = read_artifacts([folder])
    assert (artifact.kept, len(artifact.pruned)) == ({}, 1)


def test_names_that_two_folders_share_are_paths(tmp_path: Path):
    folders = [made.make(tmp_path / where / "c3d") for where in ("a", "b")]
    assert [artifact.name for artifact in read_artifacts(folders)] == [str(folder) for folder in folders]
    assert len(read_artifacts([folders[0], tmp_path / "a"])) == 1  # the same one, named twice


def test_a_folder_of_bench_results_may_hold_none(tmp_path: Path):
    artifact, bench = made.make(tmp_path / "artifact"), tmp_path / "bench"
    bench.mkdir()
    (bench / "layers.json").write_text("{}")
    assert len(read_artifacts([bench, artifact])) == 1
    with pytest.raises(ArtifactError, match="results of rt3d-mlir-bench alone; name an artifact beside"):
        read_artifacts([bench])


def test_what_is_no_artifact(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"no artifact folder at .*/none; rt3d-mlir-compile -o .*/none makes one"):
        read_artifacts([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="holds no artifact"):
        read_artifacts([tmp_path / "empty"])


def test_a_changed_file(tmp_path: Path):
    folder = made.make_pruned(tmp_path / "pruned")
    (folder / KEPT).write_bytes((folder / KEPT).read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"^kept.safetensors changed since it was compiled"):
        read_artifacts([folder])
    shutil.copy(folder / "manifest.json", folder / KEPT)
    with pytest.raises(ArtifactError, match=r"^kept.safetensors changed"):
        read_artifacts([folder])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": "small"}, "tolerance has a value that is no number"),
        ({"sparsity": {"notes": [{"layer": "conv1"}]}}, "sparsity has notes of another kind"),
        ({"sparsity": {"notes": 3}}, "sparsity has notes of another kind"),
        ({"layers": [{"kept_share": "all"}]}, "layers has a value that is no number"),
        ({"layers": [{"name": 3}]}, "layers has a value that is no text"),
    ],
)
def test_an_edited_manifest(tmp_path: Path, changes: dict[str, Any], message: str):
    folder = made.make(tmp_path / "artifact")
    if "layers" in changes:
        first = json.loads((folder / "manifest.json").read_text())["layers"][0]
        changes = {"layers": [first | changes["layers"][0]]}
    edit(folder, **changes)
    with pytest.raises(ArtifactError, match=f"manifest.json: {message}; compile again"):
        read_artifacts([folder])
