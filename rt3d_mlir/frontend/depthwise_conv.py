"""Depthwise conv3d on its way through torch-mlir, which has no lowering for it.

What torch-mlir does with `aten.convolution` and groups > 1:

    conv3d                               a linalg.generic of 10 loops over [N, G, C/G, D, H, W]
    conv3d, groups = C = M (depthwise)   fails: "only 1D and 2D depthwise convolution"
    conv2d                               linalg.conv_2d_ngchw_gfchw
    conv2d, groups = C = M               linalg.depthwise_conv_2d_nchw_chw

The second gets the form of the first here, before torch-mlir lowers the rest; lift-to-3d gives it to the others. So
at floor 1 every grouped conv is (rt3d_mlir.passes.ops.conv reads it back)

    x [N, C, D, H, W], padded, expanded to [N, G, C/G, D, H, W]
    weight [M, C/G, Kd, Kh, Kw], the parameter's own constant, expanded to [G, M/G, C/G, Kd, Kh, Kw]
    y[n, g, m, d, h, w] = init[n, g, m, d, h, w] + sum over c, kd, kh, kw of
        x[n, g, c, d*sd + kd*dd, h*sh + kh*dh, w*sw + kw*dw] * weight[g, m, c, kd, kh, kw]
    y collapsed to [N, M, D, H, W]
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from rt3d_mlir.iree import internals

_LOOPS = "n, g, m, d, h, w, c, kd, kh, kw"
_CHANNELS = "[[0], [1, 2], [3], [4], [5]]"
_FILTERS = "[[0, 1], [2], [3], [4], [5]]"


@dataclass(frozen=True)
class _Convolution:
    """The operands of an aten.convolution whose shapes and options are all static."""

    x: ir.Value
    weight: ir.Value
    bias: ir.Value | None
    strides: list[int]
    padding: list[int]
    dilations: list[int]
    groups: int


def lower_depthwise_convs(module: ir.Module) -> None:
    """Replaces each depthwise conv3d of a module in torch-mlir's backend form, in place."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "torch.aten.convolution":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    with module.context:
        _load_casts()
        for number, op in enumerate(found):
            conv = _read(op)  # only now: what one replaces, the next may read
            if conv is not None:
                _replace(module, op, conv, f"depthwise_conv_{number}")
        PassManager.parse(internals.INLINE).run(module.operation)


def _load_casts() -> None:
    """Loads the dialect of to_builtin_tensor, which Python cannot ask for by name: a pass that uses it, on nothing."""
    with ir.Location.unknown():
        PassManager.parse(internals.TORCH_TO_ARITH).run(ir.Module.create().operation)


def _read(op: ir.Operation) -> _Convolution | None:
    x, weight, bias, strides, padding, dilations, transposed, _, groups = op.operands
    numbers = [_integers(value) for value in (strides, padding, dilations, groups)]
    shapes = [_shape(value) for value in (x, weight, op.results[0])]
    if _integers(transposed) != [0] or any(found is None for found in (*numbers, *shapes)):
        return None
    found_strides, found_padding, found_dilations, (groups,) = (found or [0] for found in numbers)
    found_shapes = [found or [] for found in shapes]
    if len(found_shapes[0]) != 5 or not 1 < groups == found_shapes[0][1] == found_shapes[1][0]:
        return None
    given = None if str(bias.type) == "!torch.none" else bias
    return _Convolution(x, weight, given, found_strides, found_padding, found_dilations, groups)


def _integers(value: ir.Value) -> list[int] | None:
    """The constants behind a !torch.int, !torch.bool or list of them; None if one is computed."""
    op = value.owner
    if isinstance(op, ir.Block):
        return None
    if op.name in ("torch.constant.int", "torch.constant.bool"):
        return [int(ir.IntegerAttr(op.attributes["value"]).value)]
    if op.name != "torch.prim.ListConstruct":
        return None
    items = [_integers(item) for item in op.operands]
    return None if any(item is None for item in items) else [number for item in items for number in item or ()]


def _shape(value: ir.Value) -> list[int] | None:
    """[1, 4, 3, 5, 6] of !torch.vtensor<[1,4,3,5,6],f32>; None for another element type or a dynamic size."""
    text = str(value.type)
    start, end = "!torch.vtensor<[", "],f32>"
    if not (text.startswith(start) and text.endswith(end)) or "?" in text:
        return None
    return [int(size) for size in text[len(start) : -len(end)].split(",")]


def _replace(module: ir.Module, op: ir.Operation, conv: _Convolution, name: str) -> None:
    """Replaces a convolution by a call of a new function `name` on builtin tensors."""
    values = [value for value in (conv.x, conv.weight, conv.bias) if value is not None]
    shapes = [_shape(value) or [] for value in (*values, op.results[0])]
    with op.location:
        parsed = ir.Module.parse(_function(name, conv, shapes))
        function = parsed.body.operations[0]
        function.detach_from_parent()
        module.body.append(function)
        *kinds, result = (ir.Type.parse(_kind(shape)) for shape in shapes)
        with ir.InsertionPoint(op):
            tensors = [
                ir.Operation.create("torch_c.to_builtin_tensor", [kind], [value]).result
                for value, kind in zip(values, kinds, strict=True)
            ]
            call = ir.Operation.create("func.call", [result], tensors, {"callee": ir.FlatSymbolRefAttr.get(name)})
            back = ir.Operation.create("torch_c.from_builtin_tensor", [op.results[0].type], [call.result])
    op.results[0].replace_all_uses_with(back.result)
    op.erase()


def _function(name: str, conv: _Convolution, shapes: Sequence[list[int]]) -> str:
    """The canonical form as a function of x, weight and perhaps bias; `shapes` are theirs, then the result's."""
    *inputs, out = shapes
    x_shape, w_shape, *_ = inputs
    groups, pads = conv.groups, [0, 0, *conv.padding]
    body = _Body()
    padded = [size + 2 * pad for size, pad in zip(x_shape, pads, strict=True)]
    grouped_x, grouped_y = ([n, groups, c // groups, *size] for n, c, *size in (padded, out))
    grouped_w = [groups, w_shape[0] // groups, *w_shape[1:]]
    x = body.reshape("expand_shape", body.pad("%x", x_shape, padded, pads), padded, grouped_x, _CHANNELS)
    weight = body.reshape("expand_shape", "%w", w_shape, grouped_w, _FILTERS)
    start = body.reshape("expand_shape", body.start(conv, inputs, out), out, grouped_y, _CHANNELS)
    read = ", ".join(
        f"{at} * {stride} + k{at} * {dilation}"
        for at, stride, dilation in zip("dhw", conv.strides, conv.dilations, strict=True)
    )
    maps = ", ".join(
        f"affine_map<({_LOOPS}) -> ({text})>"
        for text in (f"n, g, c, {read}", "g, m, c, kd, kh, kw", "n, g, m, d, h, w")
    )
    kinds = ", ".join(['"parallel"'] * 6 + ['"reduction"'] * 4)
    y = body.add(f"""linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins({x}, {weight} : {_kind(grouped_x)}, {_kind(grouped_w)}) outs({start} : {_kind(grouped_y)}) {{
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %product = arith.mulf %a, %b : f32
    %next = arith.addf %product, %sum : f32
    linalg.yield %next : f32
  }} -> {_kind(grouped_y)}""")
    y = body.reshape("collapse_shape", y, grouped_y, out, _CHANNELS)
    arguments = ", ".join(f"{arg}: {_kind(shape)}" for arg, shape in zip(("%x", "%w", "%bias"), inputs, strict=False))
    lines = "\n  ".join(body.lines)
    return f"func.func private @{name}({arguments}) -> {_kind(out)} {{\n  {lines}\n  return {y} : {_kind(out)}\n}}"


class _Body:
    """The lines of a function; each method adds what is needed and gives the name of the value."""

    def __init__(self) -> None:
        self.lines = ["%zero = arith.constant 0.0 : f32"]

    def add(self, text: str) -> str:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def reshape(self, op: str, value: str, before: Sequence[int], after: Sequence[int], groups: str) -> str:
        sizes = f" output_shape {list(after)}" if op == "expand_shape" else ""
        return self.add(f"tensor.{op} {value} {groups}{sizes} : {_kind(before)} into {_kind(after)}")

    def pad(self, value: str, before: Sequence[int], after: Sequence[int], amounts: list[int]) -> str:
        if list(before) == list(after):
            return value
        indices = ", ".join(f"%i{axis}: index" for axis in range(len(amounts)))
        return self.add(f"""tensor.pad {value} low{amounts} high{amounts} {{
  ^bb0({indices}):
    tensor.yield %zero : f32
  }} : {_kind(before)} to {_kind(after)}""")

    def start(self, conv: _Convolution, inputs: Sequence[list[int]], shape: Sequence[int]) -> str:
        """What the sums start from: the bias of each filter, or zero."""
        kind = _kind(shape)
        empty = self.add(f"tensor.empty() : {kind}")
        if conv.bias is None:
            return self.add(f"linalg.fill ins(%zero : f32) outs({empty} : {kind}) -> {kind}")
        outs = f"outs({empty} : {kind}) dimensions = [0, 2, 3, 4]"
        return self.add(f"linalg.broadcast ins(%bias : {_kind(inputs[2])}) {outs}")


def _kind(shape: Sequence[int]) -> str:
    return f"tensor<{'x'.join(map(str, shape))}xf32>"
