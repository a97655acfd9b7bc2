"""Compiles an exported model into an artifact folder; nothing half-written is ever left under its name."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.arena import compile_with_arena
from rt3d_mlir.backend import check_versions, compile_command
from rt3d_mlir.errors import ArtifactError, CompileError
from rt3d_mlir.explain import Trace
from rt3d_mlir.files import is_there, replacing_folder
from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.mlir_io import without_numbers
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.pack.pack_kgs import PackKgs
from rt3d_mlir.passes.pipeline import plugins_in, run_pipeline
from rt3d_mlir.runtime.artifact import (
    FORMAT,
    KEPT,
    MANIFEST,
    MODULE,
    Manifest,
    TensorSpec,
    sha256_file,
    tool_versions,
)
from rt3d_mlir.runtime.golden import golden_error, golden_limit, golden_range
from rt3d_mlir.runtime.module import Module
from rt3d_mlir.sparsity.groups import shape_5d
from rt3d_mlir.sparsity.kept_file import Kept, save_kept
from rt3d_mlir.targets import Target

if TYPE_CHECKING:
    from rt3d_mlir.exported import Exported

Progress = Callable[[str], None]


def write_artifact(
    exported: "Exported",
    folder: Path,
    target: Target | GpuTarget,
    *,
    force: bool = False,
    iree_flags: Sequence[str] = (),
    dump_ir: Path | None = None,
    progress: Progress = lambda _what: None,
) -> Manifest:
    """Passes, iree-compile, golden data, a check on this machine where the target is `host`, then one rename.

    Raises ArtifactError if the folder exists and `force` is off, is no artifact, or cannot be written; CompileError
    if the compiler fails or the compiled module answers wrongly.
    """
    check_versions()
    check_folder(folder, force, dump_ir)
    try:
        with replacing_folder(folder) as work:
            manifest = _fill(exported, work, target, list(iree_flags), dump_ir, progress)
            if target.name == "host":
                progress("checking against the golden output")
                _check(work, manifest)
            check_folder(folder, force)  # it may have come into being meanwhile
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error}") from error
    return manifest


def check_folder(folder: Path, force: bool, dump_ir: Path | None = None) -> None:
    """Raises ArtifactError if writing to `folder` would lose something, or nothing can have that name."""
    if dump_ir is not None and dump_ir.resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(f"{dump_ir} lies in {folder}, which holds the artifact alone; dump the IR elsewhere")
    try:
        if not is_there(folder):
            return
        if not folder.is_dir():
            raise ArtifactError(f"{folder} is no folder, and stays as it is; name one with -o")
        taken = any(folder.iterdir()) and not _is_artifact(folder)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error}") from None
    if not force:
        raise ArtifactError(f"{folder} exists; choose another folder, or --force to replace it")
    if taken:
        raise ArtifactError(
            f"{folder} is not an artifact folder (it has no {MANIFEST} of ours): --force replaces artifacts only"
        )


def _is_artifact(folder: Path) -> bool:
    """True for any version of the format: other tools have files called manifest.json too."""
    try:
        return json.loads((folder / MANIFEST).read_bytes()).get("format") == FORMAT
    except (OSError, ValueError, AttributeError):
        return False


def _fill(
    exported: "Exported",
    work: Path,
    target: Target | GpuTarget,
    iree_flags: list[str],
    dump_ir: Path | None,
    progress: Progress,
) -> Manifest:
    source = (dump_ir or work.parent) / "module.mlirbc"
    progress("importing")
    floor1 = exported.floor1
    group = exported.group_for(target) or target.group
    with ir.Context(), ir.Location.unknown():
        module, table = floor1.parse()
        state = State(table)
        dump, trace = _dumper(dump_ir, module), Trace(module, floor1.ops)
        kept: dict[str, Kept] = {}

        def after_each(step: Pass, after: ir.Module) -> None:
            trace.after_each(step, after)
            dump(step, after)
            if isinstance(step, PackKgs):
                kept.update(_kept_blocks(after, state))

        progress("rewriting")
        run_pipeline(module, exported.pipeline(target), state, after_each)
        explanation = trace.explain(state, target)
        flags = [*exported.iree_flags(target), *iree_flags]
        arena = compile_with_arena(module, table, flags, source, work / MODULE, progress)
    progress("running the reference")
    inputs, outputs = exported.golden
    files = [MODULE, *_write_golden(work / "golden", inputs, outputs)]
    if kept:
        save_kept(work / KEPT, kept)
        files.append(KEPT)
    plugins = {plugin.package: plugin.version for plugin in plugins_in(exported.pipeline(target))}
    manifest = Manifest(
        tools=tool_versions() | exported.source.readers | plugins,
        model=exported.source.name,
        target=target.name,
        triple=target.triple,
        cpu=target.cpu,
        dtype=exported.dtype,
        device=target.device,
        arena=arena,
        tolerance=min(golden_limit(exported.dtype, y) * golden_range(y) for y in outputs),
        inputs=[TensorSpec(n, x.shape, str(x.dtype)) for n, x in zip(floor1.input_names, inputs, strict=True)],
        outputs=[TensorSpec(f"output_{i}", y.shape, str(y.dtype)) for i, y in enumerate(outputs)],
        files={name: sha256_file(work / name) for name in files},
        layers=exported.build_report(state).layers,
        ops=explanation.fates,
        sparsity={"group": str(group), "dense": exported.dense, "notes": [asdict(note) for note in state.notes]},
    )
    manifest.write(work)
    return manifest


def iree_command(
    exported: "Exported", folder: Path, target: Target | GpuTarget, iree_flags: Sequence[str], dump_ir: Path | None
) -> list[str]:
    """The iree-compile line that `write_artifact` runs; with `dump_ir` its input stays there to run it again."""
    source = (dump_ir or folder.parent) / "module.mlirbc"
    return compile_command(source, folder / MODULE, [*exported.iree_flags(target), *iree_flags])


def _dumper(dump_ir: Path | None, module: ir.Module) -> Callable[[Pass, ir.Module], None]:
    """Writes the IR after each pass to `00-imported.mlir`, `01-fold-mask.mlir`, ...; numbers are left out."""
    if dump_ir is None:
        return lambda _step, _module: None
    dump_ir.mkdir(parents=True, exist_ok=True)
    (dump_ir / "00-imported.mlir").write_text(without_numbers(module) + "\n")
    count = iter(range(1, 1000))

    def dump(step: Pass, after: ir.Module) -> None:
        (dump_ir / f"{next(count):02d}-{step.name}.mlir").write_text(without_numbers(after) + "\n")

    return dump


def _kept_blocks(module: ir.Module, state: State) -> dict[str, Kept]:
    """Of each layer that pack-kgs left less of than all: its blocks, from the tap list that the kernel will follow."""
    found: dict[str, Kept] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        conv = PackedConv.match(op.opview, state) if op.name == "linalg.generic" else None
        ptr = constant_value(conv.ptr, state.weights) if conv is not None else None
        facts = state.layers.get(conv.layer, {}) if conv is not None else {}
        if conv is None or ptr is None or facts.get("kept_share", 1) == 1:
            return ir.WalkResult.ADVANCE
        kernel = shape_5d(facts["weight_shape"])[2:]
        channels = conv.x.type.shape[1] * conv.x.type.shape[5]
        mask = np.zeros((len(ptr[0]) - 1, channels // conv.group.n, *kernel), np.bool_)
        rows = np.repeat(np.arange(len(mask)), np.diff(ptr[0]))
        mask[(rows, *conv.taps[: len(rows)].T)] = True  # a layer without a tap has a list of one all the same
        found[conv.layer] = Kept(conv.group, mask)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def _write_golden(folder: Path, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> list[str]:
    folder.mkdir()
    names = []
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for i, array in enumerate(arrays):
            np.save(folder / f"{kind}_{i}.npy", np.require(array, requirements="C"))
            names.append(f"golden/{kind}_{i}.npy")
    return names


def _check(work: Path, manifest: Manifest) -> None:
    """Runs the module on the golden input. IREE can compile wrong code without a word; only outputs are trusted."""
    inputs = [np.load(work / "golden" / f"input_{i}.npy") for i in range(len(manifest.inputs))]
    try:
        result = Module(work, manifest, "local-task", None)(*inputs)
    except (ValueError, RuntimeError) as error:  # IREE's own
        raise CompileError(
            f"the compiled module does not run: {str(error).strip().splitlines()[0]}. Nothing was written; this is a "
            "bug, please report it with --dump-ir"
        ) from error
    outputs = result if isinstance(result, tuple) else (result,)
    for i, seen in enumerate(outputs):
        wanted = np.load(work / "golden" / f"output_{i}.npy")
        error, limit = golden_error(seen, wanted), golden_limit(manifest.dtype, wanted)
        if not error <= limit:
            raise CompileError(
                f"the compiled module answers wrongly: output {i} is off by {error:.3g} of the reference's range, the "
                f"limit is {limit:g}. Nothing was written; this is a bug, please report it with --dump-ir"
            )
