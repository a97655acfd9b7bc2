"""narrow-f16: activations between the convs, and weights, are stored as f16; sums and epilogues stay f32.

This halves the bytes, and a core with fullfp16 does twice the multiplications in one instruction. The rules are in
narrow.

An f16 has 11 bits and reaches 65504. An activation beyond it becomes infinite, as arithmetic beyond f32 does, and is
seen in the output as an infinity or NaN; a weight beyond it is seen here, and its layer stays f32.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv} -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xf32>
Result:
    %h = arith.truncf %x : tensor<1x1x1x4x8x4xf32> to tensor<1x1x1x4x8x4xf16>
    %c = linalg.generic { gather over taps, extf } attrs = {packed_conv}
           -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf, truncf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xf16>
    %w = arith.extf %r : tensor<1x2x1x4x8x4xf16> to tensor<1x2x1x4x8x4xf32>
"""

from dataclasses import dataclass
from typing import ClassVar

from rt3d_mlir.passes.floor2.half_type import F16
from rt3d_mlir.passes.floor2.narrow import Narrow


@dataclass(frozen=True)
class NarrowF16(Narrow):
    """Stores the blocked layout as f16; refuses a conv with a weight beyond f16's range."""

    name: ClassVar[str] = "narrow-f16"
    half = F16
