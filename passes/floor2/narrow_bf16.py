"""narrow-bf16: activations between the convs, and weights, are stored as bf16; sums and epilogues stay f32.

bf16 has f32's range and 8 bits of precision, so nothing overflows and nothing has to be calibrated. A core with
AVX512-BF16 multiplies two pairs and adds both products to an f32 sum in one instruction: twice the multiplications, and
half of the bytes. The rules are in narrow. An instruction takes 4 filters at least; a layer that is packed in groups of
others stays f32.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv} -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xf32>
Result:
    %h = arith.truncf %x : tensor<1x1x1x4x8x4xf32> to tensor<1x1x1x4x8x4xbf16>
    %c = linalg.generic { gather over taps, extf } attrs = {packed_conv}
           -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf, truncf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xbf16>
    %w = arith.extf %r : tensor<1x2x1x4x8x4xbf16> to tensor<1x2x1x4x8x4xf32>
"""

from dataclasses import dataclass
from typing import ClassVar

from rt3d_mlir.passes.floor2.half_type import BF16
from rt3d_mlir.passes.floor2.narrow import Narrow
from rt3d_mlir.passes.ops.packed_conv import PackedConv

#: Filters of the smallest instruction.
FEWEST = 4


@dataclass(frozen=True)
class NarrowBf16(Narrow):
    """Stores the blocked layout as bf16; refuses a conv whose groups have no multiple of 4 filters."""

    name: ClassVar[str] = "narrow-bf16"
    half = BF16

    def _obstacle(self, conv: PackedConv) -> str | None:
        if conv.group.m % FEWEST:
            return f"groups of {conv.group} do not fill products of {FEWEST} filters; the layer stays f32"
        return None
