"""Compiles an exported model into an artifact folder; nothing half-written is ever left under its name."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.compile.arena import compile_with_arena
from rt3d_mlir.compile.job import CompileJob
from rt3d_mlir.compile.kept_blocks import kept_by_layer
from rt3d_mlir.errors import ArtifactError, CompileError
from rt3d_mlir.explain.explanation import Explanation
from rt3d_mlir.explain.trace import Trace
from rt3d_mlir.files import is_there, replacing_folder
from rt3d_mlir.ir_io.mlir_io import without_numbers
from rt3d_mlir.iree.command import check_versions, compile_command
from rt3d_mlir.passes.framework.base import Pass, State
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
from rt3d_mlir.sparsity.kept_file import Kept, save_kept

Progress = Callable[[str], None]

#: What iree-compile reads.
_SOURCE = "module.mlirbc"


def write_artifact(
    job: CompileJob,
    folder: Path,
    *,
    force: bool = False,
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
            manifest = _fill(job, work, dump_ir, progress)
            if job.target.name == "host":
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


@dataclass(frozen=True)
class _Compiled:
    """What is known once the module is compiled: what the passes said, where each op went, and what they kept."""

    state: State
    explanation: Explanation
    kept: dict[str, Kept]
    arena: int
    """Bytes."""


def _fill(job: CompileJob, work: Path, dump_ir: Path | None, progress: Progress) -> Manifest:
    """Everything of the artifact into the folder `work`."""
    compiled = _compile(job, work / MODULE, (dump_ir or work.parent) / _SOURCE, dump_ir, progress)
    progress("running the reference")
    inputs, outputs = job.network.golden
    files = [MODULE, *_write_golden(work / "golden", inputs, outputs)]
    if compiled.kept:
        save_kept(work / KEPT, compiled.kept)
        files.append(KEPT)
    manifest = _manifest(job, compiled, inputs, outputs, {name: sha256_file(work / name) for name in files})
    manifest.write(work)
    return manifest


def _compile(job: CompileJob, output: Path, source: Path, dump_ir: Path | None, progress: Progress) -> _Compiled:
    """Runs the passes and iree-compile; `source` is what iree-compile reads."""
    progress("importing")
    floor1 = job.network.floor1
    with ir.Context(), ir.Location.unknown():
        module, table = floor1.parse()
        state = State(table)
        dump, trace = _dumper(dump_ir, module), Trace(module, floor1.ops)
        kept: dict[str, Kept] = {}

        def after_each(step: Pass, after: ir.Module) -> None:
            trace.after_each(step, after)
            dump(step, after)
            if isinstance(step, PackKgs):
                kept.update(kept_by_layer(after, state))

        progress("rewriting")
        run_pipeline(module, job.pipeline(), state, after_each)
        explanation = trace.explain(state, job.target)
        arena = compile_with_arena(module, table, job.iree_flags(), source, output, progress)
    return _Compiled(state, explanation, kept, arena)


def _manifest(
    job: CompileJob,
    compiled: _Compiled,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    files: dict[str, str],
) -> Manifest:
    """`files` are names and sha256."""
    source, target, state = job.network.source, job.target, compiled.state
    names = job.network.floor1.input_names
    plugins = {plugin.package: plugin.version for plugin in plugins_in(job.pipeline())}
    notes = [asdict(note) for note in state.notes]
    return Manifest(
        tools=tool_versions() | source.readers | plugins,
        model=source.name,
        target=target.name,
        triple=target.triple,
        cpu=target.cpu,
        dtype=job.dtype,
        device=target.device,
        arena=compiled.arena,
        tolerance=min(golden_limit(job.dtype, y) * golden_range(y) for y in outputs),
        inputs=[TensorSpec(name, x.shape, str(x.dtype)) for name, x in zip(names, inputs, strict=True)],
        outputs=[TensorSpec(f"output_{i}", y.shape, str(y.dtype)) for i, y in enumerate(outputs)],
        files=files,
        layers=job.build_report(state).layers,
        ops=compiled.explanation.fates,
        sparsity={"group": str(job.usual_group), "dense": job.dense, "notes": notes},
    )


def iree_command(job: CompileJob, folder: Path, dump_ir: Path | None) -> list[str]:
    """The iree-compile line that `write_artifact` runs; with `dump_ir` its input stays there to run it again."""
    return compile_command((dump_ir or folder.parent) / _SOURCE, folder / MODULE, job.iree_flags())


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
