"""The artifact folders of a report, and which of them are the same network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rt3d_mlir.bench.gpu.measure import find_artifacts
from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.runtime.artifact import KEPT, MANIFEST, MODULE, Layer, Manifest, verify
from rt3d_mlir.sparsity.kept_file import Kept, load_kept

#: What rt3d-mlir-bench leaves in its folder, with times by layer.
LAYERS_FILE, GPU_FILE = "layers.json", "gpu.json"
#: The fields of a note in a manifest, rt3d_mlir.passes.framework.base.Note's.
_NOTE = {"pass_name", "layer", "reason"}


@dataclass(frozen=True, eq=False)
class Artifact:
    """A folder; `name` is the folder's own, or its path where two have the same. `kept` is by layer."""

    name: str
    folder: Path
    manifest: Manifest
    module_bytes: int
    kept: dict[str, Kept]

    @property
    def module_sha256(self) -> str:
        return self.manifest.files[MODULE]

    @property
    def macs_before(self) -> int:
        return sum(layer.macs_before for layer in self.manifest.layers)

    @property
    def macs_after(self) -> int:
        return sum(layer.macs_after for layer in self.manifest.layers)

    @property
    def rate(self) -> float:
        """MACs before over MACs after."""
        return self.macs_before / max(1, self.macs_after)

    @property
    def dense(self) -> bool:
        return self.macs_after == self.macs_before

    @property
    def pruned(self) -> list[Layer]:
        """The layers that keep a part of their weights."""
        return [layer for layer in self.manifest.layers if layer.kept_share < 1]


@dataclass(frozen=True, eq=False)
class Group:
    """One network compiled for one target and dtype: dense first, then by rate. These are compared with each other."""

    artifacts: list[Artifact]

    @property
    def first(self) -> Artifact:
        return self.artifacts[0]

    @property
    def dense(self) -> Artifact | None:
        """What the pruned ones are compared with."""
        return self.first if self.first.dense else None

    @property
    def title(self) -> str:
        """`c3d for host (znver5), f32`."""
        models = ", ".join(dict.fromkeys(artifact.manifest.model for artifact in self.artifacts))
        manifest = self.first.manifest
        cpu = "" if manifest.cpu in ("", manifest.target) else f" ({manifest.cpu})"
        return f"{models} for {manifest.target}{cpu}, {manifest.dtype}"


def read_artifacts(folders: Sequence[Path]) -> list[Artifact]:
    """Each folder, or the artifacts that lie in it; one that rt3d-mlir-bench wrote its results to may hold none.

    Raises ArtifactError for a folder that is neither, a damaged manifest, and a file that changed since then.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        for path in _artifacts_in(folder):
            found.setdefault(path.resolve(), path)
    if not found:
        raise ArtifactError(
            f"{', '.join(map(str, folders))}: results of rt3d-mlir-bench alone; name an artifact beside"
        )
    names = [path.name for path in found.values()]
    return [_read(path, str(path) if names.count(path.name) > 1 else path.name) for path in found.values()]


def groups_of(artifacts: Sequence[Artifact]) -> list[Group]:
    """The artifacts by network, target and dtype, in the order of the first of each.

    A network is its layers: a pruned .pt2 and the zoo's model that it came from are one, whatever they are called.
    """
    groups: dict[tuple, list[Artifact]] = {}
    for artifact in artifacts:
        manifest = artifact.manifest
        network = frozenset((layer.name, layer.weight_shape, layer.macs_before) for layer in manifest.layers)
        groups.setdefault((manifest.target, manifest.cpu, manifest.dtype, network), []).append(artifact)
    return [Group(sorted(group, key=lambda artifact: artifact.rate)) for group in groups.values()]


def _artifacts_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ArtifactError(f"no artifact folder at {folder}; rt3d-mlir-compile -o {folder} makes one")
    if not (folder / MANIFEST).is_file() and any((folder / name).is_file() for name in (LAYERS_FILE, GPU_FILE)):
        return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    return find_artifacts(folder)


def _read(folder: Path, name: str) -> Artifact:
    manifest = Manifest.read(folder)
    verify(folder, manifest)
    _check_types(folder / MANIFEST, manifest)
    kept = load_kept(folder / KEPT) if KEPT in manifest.files else {}
    return Artifact(name, folder, manifest, (folder / MODULE).stat().st_size, kept)


def _check_types(path: Path, manifest: Manifest) -> None:
    """Raises ArtifactError where the page would count or name what is no number or text: manifests can be edited."""
    words = {"layers": [each for layer in manifest.layers for each in (layer.name, layer.reason)]}
    numbers = {"layers": [n for each in manifest.layers for n in (each.macs_before, each.macs_after, each.kept_share)]}
    numbers["tolerance"] = [manifest.tolerance]
    notes = manifest.sparsity.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, dict) and note.keys() >= _NOTE for note in notes):
        raise ArtifactError(f"{path}: sparsity has notes of another kind; compile again")
    for kind, expected in ((str, words), (int | float, numbers)):
        wrong = [key for key, values in expected.items() if not all(isinstance(value, kind) for value in values)]
        if wrong:
            raise ArtifactError(
                f"{path}: {wrong[0]} has a value that is no {'text' if kind is str else 'number'}; compile again"
            )
