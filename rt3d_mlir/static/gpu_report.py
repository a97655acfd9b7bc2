"""The report of a GPU module: a row a kernel, what spirv-val says of it, and the projected times."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import iree.compiler.ir as ir
from rich.table import Table

from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import CompileError
from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.static.gpu_work import dispatch_bytes, find_gpu_work
from rt3d_mlir.static.phones import GPUS, Gpu, published_gpu
from rt3d_mlir.static.shader import TOO_OLD, Shader, fault, read_shader
from rt3d_mlir.static.work import equal_kernels
from rt3d_mlir.targets import GpuTarget


@dataclass(frozen=True)
class GpuLayer:
    """One dispatch. `macs` are those the kernel does, 0 where it is no conv; `bytes` its operands and results, each
    moved once; `fault` what spirv-val has against its shader."""

    name: str
    macs: int
    bytes: int
    shader: Shader
    fault: str


@dataclass(frozen=True)
class GpuProjection:
    """A projected time of one clip, in milliseconds; never a measured one."""

    gpu: str
    ms: float
    multiply_ms: float
    load_ms: float
    memory_ms: float
    dispatch_ms: float
    """How much of the time is set by multiplications, by loads into registers, by memory, and by starting kernels."""


@dataclass(frozen=True)
class GpuReport:
    """What a model's shaders are; all times are projections."""

    model: str
    target: str
    dtype: str
    layers: list[GpuLayer]
    projections: list[GpuProjection]

    @property
    def faults(self) -> list[str]:
        """Kernels that spirv-val has something against, and what, but for those that are too old in name only."""
        return [f"{layer.name}: {layer.fault}" for layer in self.layers if layer.fault not in ("", TOO_OLD)]

    def table(self) -> Table:
        """A rich table, a row a dispatch."""
        table = Table(box=None, pad_edge=False, show_footer=True)
        old = sum(layer.fault == TOO_OLD for layer in self.layers)
        table.add_column("kernel", footer="all")
        table.add_column("spirv-val", footer=f"{len(self.faults)} faults" + (f"; {old} {TOO_OLD}" if old else ""))
        for title in ("threads", "shared bytes", "instr", "instr/tap", "slots/tap", "loads/FMA"):
            table.add_column(title, justify="right")
        total = sum(layer.macs for layer in self.layers)
        table.add_column("FMAs of slots", justify="right", footer=f"{self.share:.1%}")
        table.add_column("MACs run", justify="right", footer=f"{total / 1e9:.3f} G")
        table.add_column("MB moved", justify="right", footer=f"{sum(layer.bytes for layer in self.layers) / 1e6:.1f}")
        for layer in self.layers:
            table.add_row(*_cells(layer))
        return table

    @property
    def share(self) -> float:
        """The FMAs' share of all slots of the loops, by MACs."""
        layers = [(layer.macs, layer.shader.loop.share) for layer in self.layers if layer.macs and layer.shader.loop]
        return sum(macs for macs, _ in layers) / max(1, sum(macs / share for macs, share in layers))

    def projection_table(self) -> Table:
        """The projected times, next to what the paper measured on the Adreno 650, in f16."""
        table = Table(box=None, pad_edge=False)
        table.add_column(f"{self.model} {self.dtype} projected, not measured")
        for title in (
            "whole",
            "of it multiplying",
            "loading",
            "memory",
            "starting kernels",
            "paper, sparse",
            "paper, dense",
        ):
            table.add_column(f"{title}, ms", justify="right")
        for each in self.projections:
            parts = (each.ms, each.multiply_ms, each.load_ms, each.memory_ms, each.dispatch_ms)
            times = [f"{ms:.1f}" for ms in parts]
            gpu = next(gpu for gpu in GPUS if gpu.name == each.gpu)
            table.add_row(each.gpu, *times, *published_gpu(self.model, gpu))
        return table

    def to_json(self) -> dict:
        """Plain numbers, for json.dump."""
        return {**asdict(self), "share": self.share}


def analyse_gpu(exported: Exported, target: GpuTarget) -> GpuReport:
    """Compiles for a GPU preset and reads its shaders; projects the time on the GPUs that the preset is for.

    Raises ConfigError where spirv-tools are not installed, and CompileError.
    """
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "shaders")
        work, moved, equal = _compile(exported, target, Path(folder), dump)
        paths = sorted(dump.glob("*.spv"))
        shaders = {shader.name: (shader, fault(path)) for path in paths for shader in [read_shader(path)]}
    layers = []
    for symbol, size in moved.items():
        shader, found = _shader(symbol, equal, shaders)
        layers.append(GpuLayer(symbol, work.get(symbol, 0), size, shader, found))
    own = {layer.shader.name for layer in layers}
    # What IREE makes of ops that are left to it moves bytes too; how many, its shaders do not say.
    layers += [GpuLayer(name, 0, 0, shader, found) for name, (shader, found) in shaders.items() if name not in own]
    projections = [project_gpu(gpu, layers, exported.dtype) for gpu in GPUS if gpu.target == target.name]
    return GpuReport(exported.source.name, target.name, exported.dtype, layers, projections)


def project_gpu(gpu: Gpu, layers: Sequence[GpuLayer], dtype: str) -> GpuProjection:
    """The sum over all kernels of what takes longest, multiplying, loading or moving bytes, and of starting them."""
    multiply = load = memory = 0.0
    for layer in layers:
        products, loads = _loop_ms(gpu, layer, dtype)
        moved = layer.bytes / gpu.gbs / 1e6
        longest = max(products, loads, moved)
        if longest == products:
            multiply += products
        elif longest == loads:
            load += loads
        else:
            memory += moved
    dispatch = len(layers) * gpu.dispatch_us / 1e3
    return GpuProjection(gpu.name, multiply + load + memory + dispatch, multiply, load, memory, dispatch)


def _loop_ms(gpu: Gpu, layer: GpuLayer, dtype: str) -> tuple[float, float]:
    """What a kernel takes to multiply, and to load what it multiplies; nothing where it has no loop over taps."""
    loop = layer.shader.loop
    if not layer.macs or loop is None:
        return 0.0, 0.0
    turns = layer.macs / (GpuTarget.lanes * loop.fmas)  # of the loop, by all threads
    products = 2e-9 * layer.macs / (gpu.tflops[dtype] * loop.share)
    cached = loop.buffer_bytes + (loop.shared_bytes if gpu.shared_gbs is None else 0)
    shared = 0.0 if gpu.shared_gbs is None else loop.shared_bytes / gpu.shared_gbs
    return products, 1e-6 * turns * max(cached / gpu.cache_gbs, shared)


def _compile(
    exported: Exported, target: GpuTarget, folder: Path, dump: Path
) -> tuple[dict[str, int], dict[str, int], dict[str, list[str]]]:
    """MACs and bytes by kernel, and kernels with the same code, of which iree-compile keeps one; shaders in `dump`."""
    with ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        state = State(table)
        *before, schedule, unfuse = exported.pipeline(target)
        run_pipeline(module, before, state)
        work = {each.symbol: each.macs for each in find_gpu_work(module, state, target)}
        run_pipeline(module, [schedule, unfuse], state)
        moved, equal = dispatch_bytes(module), equal_kernels(module)
        source = folder / "module.mlirbc"
        write_bytecode(module, table, source)
    flags = [*target.iree_flags, f"{internals.DUMP_BINARIES}{dump}"]
    iree_compile(source, folder / "module.vmfb", flags)
    return work, moved, equal


def _shader(symbol: str, equal: dict[str, list[str]], shaders: dict[str, tuple[Shader, str]]) -> tuple[Shader, str]:
    found = next((shaders[name] for name in equal.get(symbol, [symbol]) if name in shaders), None)
    if found is None:
        raise CompileError(f"iree-compile wrote no shader for {symbol}")
    return found


def _cells(layer: GpuLayer) -> list[str]:
    shader, loop = layer.shader, layer.shader.loop
    cells = [layer.name, layer.fault or "ok", str(shader.threads), str(shader.shared_bytes), str(shader.instructions)]
    if loop is None:
        cells += ["-"] * 4
    else:
        per_tap = (loop.instructions / loop.taps, loop.slots / loop.taps)
        cells += [*(f"{number:.1f}" for number in per_tap), f"{loop.loads / loop.fmas:.2f}", f"{loop.share:.1%}"]
    return [*cells, f"{layer.macs / 1e9:.3f} G" if layer.macs else "-", f"{layer.bytes / 1e6:.1f}"]
