"""Compiles what is to be measured on a GPU: an artifact folder a case, dtype and engine. Needs no GPU."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import DENSE, CaseSpec
from rt3d_mlir.bench.engines.iree_stock import compile_stock
from rt3d_mlir.bench.gpu.results import STOCK, GpuSkip
from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.compile.exported import Exported, export_config
from rt3d_mlir.runtime.artifact import MODULE, Manifest, sha256_file
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import GpuTarget


def prepare(
    specs: Sequence[CaseSpec],
    target: GpuTarget,
    dtypes: Sequence[str],
    engines: Sequence[str],
    folder: Path,
    group: GroupSize | None = None,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> list[GpuSkip]:
    """Compiles ours for each case and dtype, and stock IREE's for dense ones in f32, into folders of `folder`.

    Masks are of `group`, by default of the one that the target takes for the dtype.
    Returns what stock IREE cannot compile. Raises what our compiler does.
    """
    skips: list[GpuSkip] = []
    cases = [(spec, dtype) for spec in specs for dtype in dtypes]
    for i, (spec, dtype) in enumerate(cases):
        name = f"{spec.label.replace(' ', '-')}-{dtype}"
        progress(f"{name}: compiling for {target.name}", i / len(cases))
        classes = spec.options.get("num_classes")
        exported = export_config(spec.model, spec.config, target, dtype, num_classes=classes, group=group)
        write_artifact(exported.job(target), folder / name, force=True)
        if STOCK in engines and (spec.config, dtype) == (DENSE, "f32"):
            progress(f"{name}: stock IREE", (i + 0.5) / len(cases))
            try:
                write_stock(exported, folder / name, target)
            except UnavailableError as reason:
                skips.append(GpuSkip(name, "stock IREE", str(reason)))
    return skips


def write_stock(exported: Exported, ours: Path, target: GpuTarget) -> Path:
    """The artifact of the same network by IREE alone, beside ours, whose golden data it copies.

    Raises UnavailableError where iree-compile fails, leaving nothing.
    """
    folder = ours.with_name(f"{ours.name}-stock")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ours, folder)
    try:
        compile_stock(exported, folder / MODULE, target.iree_flags)
    except UnavailableError:
        shutil.rmtree(folder)
        raise
    manifest = Manifest.read(folder)
    layers = [replace(layer, packed=False, reason="stock IREE") for layer in manifest.layers]
    files = {**manifest.files, MODULE: sha256_file(folder / MODULE)}
    replace(manifest, layers=layers, files=files, ops=[]).write(folder)
    return folder
