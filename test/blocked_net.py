"""Modules of floor 2 written by hand: blocked ops, with what they should give, in float64, next to them."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aarch64
import compiler
import iree.compiler.ir as ir
import iree.runtime as iree
import numpy as np
import torch
from iree.compiler.dialects import arith, func, tensor
from numerics import relative_error

from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.iree.command import compile_command
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.build import WindowGrid, constant, empty, filled, generic, maps
from rt3d_mlir.passes.ops import avg_pool, depthwise_conv, max_pool, packed_conv
from rt3d_mlir.passes.ops.channel_layout import unpack_channels
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.sparsity import GroupSize, pack
from rt3d_mlir.targets import get_target

LOOPS = "(n, o, d, h, w, c)"
FULL, CHANNEL, GATE = "(n, o, d, h, w, c)", "(o, c)", "(n, o, 0, 0, 0, c)"


@dataclass(frozen=True, eq=False)
class Value:
    """An activation in the IR and its numbers, [N, O, D, H, W, C]; `channels` of them are real."""

    ir: ir.Value
    numbers: np.ndarray
    channels: int

    @property
    def plain(self) -> torch.Tensor:
        """[N, channels, D, H, W]"""
        n, o, d, h, w, c = self.numbers.shape
        plain = self.numbers.transpose(0, 1, 5, 2, 3, 4).reshape(n, o * c, d, h, w)
        return torch.from_numpy(plain[:, : self.channels].copy())


def blocked(plain: np.ndarray, block: int) -> np.ndarray:
    """[N, M, D, H, W] in channel blocks, missing channels zero."""
    n, m, *size = plain.shape
    padded = np.pad(plain, ((0, 0), (0, -m % block), *[(0, 0)] * 3))
    return padded.reshape(n, -1, block, *size).transpose(0, 1, 3, 4, 5, 2)


class Net:
    """Builds `main`, an op a call; `exact` draws small whole numbers."""

    def __init__(self, state: State, entry: ir.Block, exact: bool, dtype: type[np.floating]):
        self.state, self.entry, self.exact, self.dtype = state, entry, exact, dtype
        self.rng = np.random.default_rng(0)
        self.inputs: list[np.ndarray] = []
        self.layers = 0

    def draw(self, shape: Sequence[int], most: int = 2) -> np.ndarray:
        numbers = self.rng.integers(-most, most + 1, shape) if self.exact else self.rng.standard_normal(shape)
        return numbers.astype(self.dtype).astype(np.float64)

    def input(self, batch: int, channels: int, size: Sequence[int], block: int = 4) -> Value:
        """An activation that is given."""
        numbers = blocked(self.draw((batch, channels, *size)), block)
        self.inputs.append(numbers.astype(self.dtype))
        element = ir.F16Type.get() if self.dtype == np.float16 else ir.F32Type.get()
        kind = ir.RankedTensorType.get(numbers.shape, element)
        return Value(self.entry.add_argument(kind, ir.Location.unknown()), numbers, channels)

    def conv(
        self,
        x: Value,
        filters: int,
        kernel: Sequence[int],
        strides: Sequence[int] = (1, 1, 1),
        group: str = "8x4",
        density: float = 0.6,
    ) -> Value:
        """A packed conv of a padded activation."""
        size = GroupSize.parse(group)
        weights = self.draw((filters, x.channels, *kernel), most=1)
        if not self.exact:
            weights /= np.sqrt(weights[0].size)
        weights = weights.astype(self.dtype)
        mask = self.rng.random(size.mask_shape(weights.shape)) < density
        name = self._name("conv")
        packed = pack(weights, size, None if density == 1 else mask, dense=density == 1)
        kept = np.repeat(np.repeat(mask, size.m, 0), size.n, 1)[:filters, : x.channels] if density < 1 else 1.0
        numbers = torch.nn.functional.conv3d(
            x.plain, torch.from_numpy(weights.astype(np.float64) * kept), stride=strides
        )
        windows = WindowGrid(numbers.shape[2:], strides, (1, 1, 1))
        value = packed_conv.build(self.state, x.ir, packed, name, windows, None)
        return Value(value, blocked(numbers.numpy(), size.n), filters)

    def depthwise(self, x: Value, kernel: Sequence[int], strides: Sequence[int] = (1, 1, 1), filters: int = 1) -> Value:
        """A depthwise conv of a padded activation, `filters` a channel."""
        weights = self.draw((x.channels * filters, 1, *kernel), most=1)
        numbers = torch.nn.functional.conv3d(x.plain, torch.from_numpy(weights), stride=strides, groups=x.channels)
        value = depthwise_conv.build(
            self.state,
            x.ir,
            depthwise_conv.in_blocks(weights.astype(np.float32), x.numbers.shape[5]),
            (filters, 1),
            self._name("depthwise"),
            WindowGrid(numbers.shape[2:], strides, (1, 1, 1)),
            None,
        )
        return Value(value, blocked(numbers.numpy(), x.numbers.shape[5]), x.channels * filters)

    def bias(self, x: Value) -> Value:
        """A constant per channel of x."""
        numbers = blocked(self.draw((1, x.channels, 1, 1, 1)), x.numbers.shape[5])
        table = numbers.astype(np.float32).reshape(numbers.shape[1], numbers.shape[5])
        return Value(constant(self.state, self._name("bias"), table), numbers, x.channels)

    def generic(
        self,
        operands: Sequence[tuple[str, Value]],
        build: Callable[..., ir.Value],
        compute: Callable[..., np.ndarray],
    ) -> Value:
        """An elementwise generic; each operand is FULL, CHANNEL or GATE. Computes in f32, as narrow-f16 leaves it."""
        numbers = compute(*(value.numbers for _, value in operands))
        full = next(value for kind, value in operands if kind == FULL)
        element = ir.F16Type.get() if self.dtype == np.float16 else ir.F32Type.get()

        def body(*arguments: ir.Value) -> ir.Value:
            wide = [arith.extf(ir.F32Type.get(), a) if a.type != ir.F32Type.get() else a for a in arguments[:-1]]
            result = build(*wide)
            return result if result.type == element else arith.truncf(element, result)

        indexing = maps(*(f"{LOOPS} -> {kind}" for kind, _ in operands), f"{LOOPS} -> {FULL}")
        output = empty(full.ir.type.shape, element)
        op = generic([value.ir for _, value in operands], output, indexing, 0, body)
        numbers = numbers * self._real(numbers.shape, full.channels)
        return Value(op.results[0], numbers, full.channels)

    def pad(self, x: Value, low: Sequence[int], high: Sequence[int]) -> Value:
        return self.concat([x], low, high)

    def concat(self, parts: Sequence[Value], low: Sequence[int] = (0, 0, 0), high: Sequence[int] = (0, 0, 0)) -> Value:
        """A chain of insert_slices; one part is a padding."""
        around = [(0, 0), (0, 0), *zip(low, high, strict=True), (0, 0)]
        numbers = np.pad(np.concatenate([part.numbers for part in parts], axis=1), around)
        element = parts[0].ir.type.element_type
        padded = any((*low, *high)) or len(parts) == 1
        dest, first = (filled(numbers.shape, 0.0, element) if padded else empty(numbers.shape, element)), 0
        for part in parts:
            shape = part.ir.type.shape
            dest = tensor.insert_slice(part.ir, dest, [], [], [], [0, first, *low, 0], list(shape), [1] * 6)
            first += shape[1]
        return Value(dest, numbers, sum(part.channels for part in parts))

    def view(self, x: Value, low: Sequence[int], size: Sequence[int], first: int = 0, blocks: int = 0) -> Value:
        """A part of a padded activation or of a concatenation."""
        blocks = blocks or x.numbers.shape[1]
        n, c = x.numbers.shape[0], x.numbers.shape[5]
        offsets, sizes = [0, first, *low, 0], [n, blocks, *size, c]
        cut = tuple(slice(a, a + b) for a, b in zip(offsets, sizes, strict=True))
        kind = ir.RankedTensorType.get(sizes, x.ir.type.element_type)
        value = tensor.extract_slice(kind, x.ir, [], [], [], offsets, sizes, [1] * 6)
        return Value(value, x.numbers[cut], min(x.channels, blocks * c))

    def max_pool(
        self, x: Value, kernel: Sequence[int], strides: Sequence[int], low: Sequence[int] = (0, 0, 0)
    ) -> Value:
        numbers = torch.nn.functional.max_pool3d(x.plain, kernel, strides, low).numpy()
        value = max_pool.build(x.ir, numbers.shape[2:], kernel, strides, low)
        return Value(value, blocked(numbers, x.numbers.shape[5]), x.channels)

    def avg_pool(
        self,
        x: Value,
        kernel: Sequence[int],
        strides: Sequence[int],
        low: Sequence[int] = (0, 0, 0),
        inside: bool = False,
    ) -> Value:
        """An average pool, f32; with `inside` only numbers of x are counted. Narrowed for f16."""
        pool = partial(torch.nn.functional.avg_pool3d, kernel_size=kernel, stride=strides, padding=low)
        numbers = pool(x.plain, count_include_pad=not inside).numpy()
        scale = np.full((1, 1, 1), 1 / np.prod(kernel))
        if inside:
            scale = scale / pool(torch.ones(1, 1, *x.numbers.shape[2:5], dtype=torch.float64)).numpy()[0, 0]
        value = avg_pool.build(self.state, x.ir, numbers.shape[2:], scale, kernel, strides, low)
        return Value(value, blocked(numbers, x.numbers.shape[5]), x.channels)

    def unpack(self, x: Value) -> Value:
        """The exit conversion."""
        plain = x.plain.numpy()
        return Value(unpack_channels(x.ir, list(plain.shape)), plain, x.channels)

    def _name(self, kind: str) -> str:
        self.layers += 1
        return f"{kind}{self.layers}"

    @staticmethod
    def _real(shape: Sequence[int], channels: int) -> np.ndarray:
        """1 where a channel is real, else 0."""
        real = np.arange(shape[1] * shape[5]).reshape(1, shape[1], 1, 1, 1, shape[5]) < channels
        return real.astype(np.float64)


def check(
    describe: Callable[[Net], Sequence[Value]],
    folder: Path,
    passes: Sequence[Pass] = (),
    target: str = "host",
    exact: bool = False,
    dtype: type[np.floating] = np.float32,
    most: float = 2e-6,
) -> str:
    """Compares what `describe` builds, after the passes, with what it says; the module as text, for more questions."""
    with ir.Context(), ir.Location.unknown():
        module, state = ir.Module.create(), State()
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", ([], []))
        entry = main.add_entry_block()
        net = Net(state, entry, exact, dtype)
        with ir.InsertionPoint(entry):
            values = describe(net)
            results = [value.ir for value in values]
            func.ReturnOp(results)
        kind = ir.FunctionType.get([a.type for a in entry.arguments], [r.type for r in results])
        main.operation.attributes["function_type"] = ir.TypeAttr.get(kind)
        module.operation.verify()
        run_pipeline(module, passes, state)
        text = mlir_io.to_text(module, state.weights)
    with ir.Context(), ir.Location.unknown():
        mlir_io.write_bytecode(*mlir_io.parse_text(text, "to_text"), folder / "net.mlirbc")
    run = _compiled(folder, target, len(values))
    for i, (ours, value) in enumerate(zip(run(net.inputs), values, strict=True)):
        expected = value.numbers
        got = ours.astype(np.float64)
        if got.ndim == 6:  # lanes behind the last channel may hold anything finite
            real = Net._real(expected.shape, value.channels)
            assert np.isfinite(got).all()
            got, expected = got * real, expected * real
        error = relative_error(got, expected)
        assert error <= (0 if exact else most), f"output {i}: {error}"
    return text


def _compiled(folder: Path, name: str, outputs: int) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    source, module = folder / "net.mlirbc", folder / "net.vmfb"
    command = compiler.quick(compile_command(source, module, get_target(name).iree_flags))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    if name != "host":
        return aarch64.load(module, outputs)
    config = iree.Config("local-task")
    entry = iree.load_vm_module(iree.VmModule.mmap(config.vm_instance, str(module)), config)["main"]

    def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        result = entry(*inputs)
        return [array.to_host() for array in (result if isinstance(result, tuple) else (result,))]

    return run
