"""lift-to-3d's rule for padding that no window of an average pool reads: it goes.

torch-mlir pads for `ceil_mode` by a whole stride, whether or not a window begins there. A window of one position then
has more inputs than outputs, which IREE does not compile; any other one only copies what nobody reads.

Given:
    %p = tensor.pad %x high[0, 0, 1, 1, 1] : tensor<1x4x4x4x4xf32> to tensor<1x4x5x5x5xf32>
    %t = linalg.transpose %p
    %s = linalg.pooling_ndhwc_sum ins(%t, %window : tensor<1x5x5x5x4xf32>, tensor<1x1x1xf32>) -> tensor<1x4x4x4x4xf32>
Result:
    %t = linalg.transpose %x
    %s = linalg.pooling_ndhwc_sum ins(%t, %window : tensor<1x4x4x4x4xf32>, tensor<1x1x1xf32>) -> tensor<1x4x4x4x4xf32>
"""

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import linalg

from rt3d_mlir.passes.base import NO_MATCH, Failure
from rt3d_mlir.passes.build import empty, padded
from rt3d_mlir.passes.match import conv_window, defining_op, integers, pad_amounts


def cut_pool_padding(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Takes from the padding below a pooling_ndhwc_sum what lies behind its last window."""
    last = defining_op(op.operands[0])
    if last is None or last.name != "linalg.transpose" or integers(last.attributes["permutation"]) != [0, 2, 3, 4, 1]:
        return NO_MATCH
    amounts = pad_amounts(defining_op(last.operands[0]))
    if amounts is None:
        return NO_MATCH
    strides, dilations = conv_window(op)
    counts, kernel = op.results[0].type.shape[1:4], op.operands[1].type.shape
    windows = zip(counts, strides, kernel, dilations, strict=True)
    read = [(count - 1) * stride + (k - 1) * dilation + 1 for count, stride, k, dilation in windows]
    source, high = amounts.source, list(amounts.high)
    for axis, extent in enumerate(read, start=2):
        high[axis] = min(high[axis], max(0, extent - source.type.shape[axis] - amounts.low[axis]))
    if high == list(amounts.high):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        x = padded(source, amounts.low, high, amounts.value)
        batch, channels, *size = x.type.shape
        moved = linalg.transpose(x, outs=[empty([batch, *size, channels])], permutation=[0, 2, 3, 4, 1])
        sums = linalg.pooling_ndhwc_sum(
            moved.results[0], op.operands[1], outs=[op.operands[2]], strides=strides, dilations=dilations
        )
    rewriter.replace_op(op, [sums])
    return None
