"""The CPU kernels on each form of the blocked layout: residuals and gates, views, concatenations, average pools, math.

What block-layout leaves is written by hand here, so that each form meets each kernel; expected is what PyTorch computes
in float64.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import blocked_net
import compiler
import numpy as np
import pytest
import torch
from blocked_net import CHANNEL, FULL, GATE, Net, Value
from iree.compiler.dialects import arith, math

from rt3d_mlir.iree.command import compile_command
from rt3d_mlir.passes.floor2.winograd import Winograd
from rt3d_mlir.passes.ir.build import f32_constant
from rt3d_mlir.passes.schedule.cpu import ScheduleCpu
from rt3d_mlir.targets import get_target

SIZE = (3, 5, 9)


def relu(net: Net, *operands: tuple[str, Value]) -> Value:
    """relu(x * gates + residuals and biases)"""

    def build(*values: object) -> object:
        total, *rest = values
        for (kind, _), value in zip(operands[1:], rest, strict=True):
            total = (arith.mulf if kind == GATE else arith.addf)(total, value)
        return arith.maximumf(total, f32_constant(0.0))

    def compute(total: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        for (kind, _), value in zip(operands[1:], rest, strict=True):
            total = total * value if kind == GATE else total + value
        return np.maximum(total, 0)

    return net.generic(operands, build, compute)


def residuals(net: Net) -> list[Value]:
    """Of a sparse and a dense conv with blocks behind the last; two convs into one sum; one padded tensor for all."""
    x, skip = net.input(2, 8, SIZE), net.input(2, 12, SIZE)
    conv = net.conv(net.pad(x, (1, 1, 1), (1, 1, 1)), 12, (3, 3, 3))
    y = net.pad(relu(net, (FULL, conv), (CHANNEL, net.bias(conv)), (FULL, skip)), (0, 1, 1), (0, 1, 2))
    inner = net.view(y, (0, 1, 1), SIZE)
    z = relu(net, (FULL, inner), (FULL, net.conv(inner, 12, (1, 1, 1), density=1)))
    strided = net.conv(y, 16, (1, 3, 3), (1, 2, 2), group="4x4", density=1)
    both = relu(net, (FULL, strided), (FULL, net.conv(inner, 16, (1, 1, 1), (1, 2, 2))))
    return [y, z, both, net.unpack(inner)]


def pooled(net: Net) -> list[Value]:
    """A residual of a conv that pools, and of a depthwise conv; arithmetic behind a max pool."""
    size, half = (4, 6, 8), (4, 3, 4)
    x = net.pad(net.input(2, 8, size), (1, 1, 1), (1, 1, 1))
    skip = net.view(net.pad(net.input(2, 12, size), (0, 1, 1), (1, 0, 1)), (0, 1, 1), size)
    conv = relu(net, (FULL, net.conv(x, 12, (3, 3, 3))), (GATE, net.input(2, 12, (1, 1, 1))), (FULL, skip))
    depthwise = net.depthwise(x, (3, 3, 3), (1, 2, 2), filters=2)
    other = net.view(net.pad(net.input(2, 16, half), (0, 1, 1), (1, 0, 1)), (0, 1, 1), half)
    depthwise = relu(net, (FULL, depthwise), (GATE, net.input(2, 16, (1, 1, 1))), (FULL, other))
    pool = net.max_pool(net.view(x, (0, 0, 0), (5, 7, 9)), (3, 3, 3), (2, 2, 2), (1, 1, 1))
    same = net.input(2, 8, pool.numbers.shape[2:5])
    pool = relu(net, (FULL, pool), (CHANNEL, net.bias(pool)), (FULL, same))
    return [net.max_pool(conv, (2, 2, 2), (2, 2, 2)), depthwise, pool]


def branches(net: Net) -> list[Value]:
    """Concatenations of what each kernel writes, read whole, in the middle, and in part."""
    x = net.input(1, 8, SIZE)
    padded = net.pad(x, (1, 1, 1), (1, 1, 1))
    conv = relu(net, (FULL, net.conv(padded, 8, (3, 3, 3))), (FULL, x))
    depthwise = net.depthwise(padded, (3, 3, 3))
    depthwise = relu(net, (FULL, depthwise), (CHANNEL, net.bias(depthwise)))
    pool = net.max_pool(x, (3, 3, 3), (1, 1, 1), (1, 1, 1))
    sums = relu(net, (FULL, x), (FULL, x))
    parts = [conv, depthwise, pool, sums, net.conv(x, 4, (1, 1, 1))]
    whole = net.concat(parts, (1, 1, 0), (1, 0, 2))
    inner, part = net.view(whole, (1, 1, 0), SIZE), net.view(whole, (1, 1, 0), SIZE, first=2, blocks=2)
    flat = [net.concat([net.conv(x, 8, (1, 1, 1)), net.conv(x, 8, (1, 1, 1))]) for _ in range(2)]
    return [
        net.conv(whole, 8, (3, 3, 3), density=1),
        relu(net, (FULL, net.conv(part, 8, (1, 1, 1))), (FULL, part)),
        net.max_pool(inner, (3, 3, 3), (2, 2, 2), (1, 1, 1)),
        *(net.conv(each, 8, (1, 1, 1)) for each in flat),
        net.unpack(inner),
    ]


def foreign(net: Net) -> list[Value]:
    """A concatenation of which no kernel computes the part in the middle."""
    x, other = net.input(2, 8, SIZE), net.input(2, 4, SIZE)
    return [net.concat([net.conv(x, 8, (1, 1, 1)), other, net.conv(x, 4, (1, 1, 1))], (1, 0, 1), (0, 2, 1))]


def math_ops(net: Net) -> list[Value]:
    """Activations that need more than arithmetic."""
    x, gate = net.input(2, 8, SIZE), net.input(2, 12, (1, 1, 1))

    def sigmoid(v: object) -> object:
        one = f32_constant(1.0)
        return arith.divf(one, arith.addf(one, math.exp(arith.negf(v))))

    conv = net.conv(x, 12, (1, 1, 1))
    swish = net.generic([(FULL, conv)], lambda v: arith.mulf(v, sigmoid(v)), lambda v: v / (1 + np.exp(-v)))
    gated = net.generic(
        [(GATE, gate), (FULL, net.conv(swish, 12, (1, 1, 1)))],
        lambda g, v: math.tanh(arith.mulf(sigmoid(g), v)),
        lambda g, v: np.tanh(v / (1 + np.exp(-g))),
    )
    erf = net.generic([(FULL, x)], math.erf, lambda v: torch.erf(torch.from_numpy(v)).numpy())
    return [swish, gated, erf]


def averages(net: Net) -> list[Value]:
    """Average pools, a squeeze-excite gate, and arithmetic that no other kernel takes."""
    size = (4, 6, 9)
    x = net.pad(net.max_pool(net.input(2, 8, size), (1, 1, 1), (1, 1, 1)), (1, 1, 1), (0, 1, 2))
    inner = net.view(x, (1, 1, 1), size)
    gate = relu(net, (FULL, net.avg_pool(inner, size, (1, 1, 1))))
    gated = net.generic([(GATE, gate), (FULL, inner)], arith.mulf, np.multiply)
    counted = net.avg_pool(inner, (3, 3, 3), (2, 2, 2), (1, 1, 1), inside=True)
    parts = [
        relu(net, (FULL, net.avg_pool(inner, (3, 3, 3), (1, 1, 1), (1, 1, 1)))),
        relu(net, (FULL, inner), (CHANNEL, net.bias(inner))),
    ]
    narrow = relu(net, (FULL, net.avg_pool(inner, (2, 3, 7), (2, 3, 2))))
    return [gate, net.pad(gated, (1, 0, 1), (0, 1, 1)), counted, net.concat(parts, (0, 0, 1), (0, 1, 0)), narrow]


def transformed(net: Net) -> list[Value]:
    """Winograd convs: their input a view, a residual and a gate behind them, one in a concatenation."""
    size = (3, 6, 9)
    x = net.pad(net.input(2, 8, size), (1, 1, 1), (1, 1, 1))
    skip = net.view(net.pad(net.input(2, 12, size), (0, 1, 1), (1, 0, 1)), (0, 1, 1), size)
    y = net.pad(relu(net, (FULL, net.conv(x, 12, (3, 3, 3), density=1)), (FULL, skip)), (1, 2, 2), (1, 1, 1))
    z = net.conv(net.view(y, (1, 1, 1), (3, 8, 11)), 12, (1, 3, 3), density=1)
    z = relu(net, (FULL, z), (GATE, net.input(2, 12, (1, 1, 1))), (FULL, skip))
    return [y, net.concat([net.conv(x, 16, (3, 3, 3), density=1), z], (0, 1, 1))]


@pytest.mark.parametrize("describe", [residuals, pooled, branches, foreign], ids=lambda f: f.__name__)
def test_whole_numbers_are_exact(describe, tmp_path: Path):
    blocked_net.check(describe, tmp_path, [ScheduleCpu()], exact=True)


@pytest.mark.parametrize("describe", [math_ops, averages], ids=lambda f: f.__name__)
def test_real_numbers(describe, tmp_path: Path):
    text = blocked_net.check(describe, tmp_path, [ScheduleCpu()])
    assert "linalg.generic" not in text


def test_winograd(tmp_path: Path):
    blocked_net.check(transformed, tmp_path, [Winograd(get_target("host"), 2), ScheduleCpu()], most=5e-6)


def test_a_streamed_conv_with_a_residual(tmp_path: Path):
    target = replace(get_target("host"), core_cache=0)
    text = blocked_net.check(residuals, tmp_path, [ScheduleCpu(target)], exact=True)
    assert "memref.alloca" in text


def test_the_forms_are_floor_2(tmp_path: Path):
    """What the modules here are made of means to IREE alone what it means to the kernels."""
    blocked_net.check(averages, tmp_path)


@pytest.mark.parametrize("describe", [pooled, branches], ids=lambda f: f.__name__)
def test_neon(describe, tmp_path: Path):
    target = "cortex-a76"
    blocked_net.check(describe, tmp_path, [ScheduleCpu(get_target(target))], target, exact=True)


@pytest.mark.parametrize("describe", [residuals, averages], ids=lambda f: f.__name__)
def test_f16(describe, tmp_path: Path):
    target = "cortex-a76"
    kernels = [ScheduleCpu(get_target(target))]
    text = blocked_net.check(describe, tmp_path, kernels, target, dtype=np.float16, most=3e-3)
    assert "xf16>" in text


def test_nothing_is_copied(tmp_path: Path):
    """All parts of a concatenation land in one buffer, and views are read where they lie."""

    def describe(net: Net) -> Sequence[Value]:
        x = net.pad(net.max_pool(net.input(1, 8, SIZE), (1, 1, 1), (1, 1, 1)), (1, 1, 1), (1, 1, 1))
        inner = net.view(x, (1, 1, 1), SIZE)
        parts = [net.conv(x, 8, (3, 3, 3)), net.depthwise(x, (3, 3, 3)), net.conv(inner, 4, (1, 1, 1))]
        whole = net.concat([*parts, net.max_pool(inner, (3, 3, 3), (1, 1, 1), (1, 1, 1))], (1, 1, 1), (1, 1, 1))
        part = net.view(whole, (1, 1, 1), SIZE, first=2, blocks=2)
        return [net.conv(whole, 8, (3, 3, 3)), relu(net, (FULL, part), (FULL, inner))]

    blocked_net.check(describe, tmp_path, [ScheduleCpu()], exact=True)
    flags = [*get_target("host").iree_flags, "--compile-to=stream"]
    command = compiler.quick(compile_command(tmp_path / "net.mlirbc", Path("-"), flags))
    stream = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ran = re.findall(r"stream\.cmd\.(?!execute|concurrent)(\w+)(?: @(\w+)::)?", stream)
    assert {kind for kind, _ in ran} == {"dispatch"}
    assert sorted(name.rstrip("_0123456789") for _, name in ran) == [
        *["conv"] * 3,
        "depthwise",
        "elementwise",
        *["max_pool"] * 2,
    ]
