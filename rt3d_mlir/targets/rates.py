"""How long a part of a network takes, roughly: the larger of its arithmetic and its memory traffic, each at a rate.

It is there to say which share of a network's time is off the packed path, and no forecast: all rates are those of one
core, and only their ratios count. Where no other source is named they were measured on one core with AVX-512 (FMA peak
108 G MACs/s, copy 21 GB/s) with IREE 3.13, on tensors of 32x8x56x56.
"""

from dataclasses import dataclass

#: FMAs of a vector register a second: two a cycle, at 3.4 GHz.
_VECTORS = 2 * 3.4e9
#: Of the peak, by packed kernels: 86 to 110 % of C3D's layers (docs/results.md, "C3D by layer").
_PACKED = 0.9
#: Of the peak, in direct MACs, by Winograd's algorithm: 214 to 346 % (the same table).
_WINOGRAD = 2.5
#: Of the peak, by IREE's matrix products and conv_2d: 512x512x512 48 %, 3136x3136x32 11 %, conv_2d 19 %.
_MATMUL = 0.25


@dataclass(frozen=True)
class Rates:
    """MACs, steps and bytes a second.

    packed     MACs of packed kernels; `winograd` those of layers by Winograd's algorithm
    matmul     MACs of IREE's code for matrix products and conv_2d
    scalar     MACs, and steps of windows, of IREE's code for other layers and pools, which it does not vectorize:
               conv_3d 1.1 G, transposed 1.4, grouped 2.1, conv_1d 3.2, max pool of 27 positions 1.4
    gather     numbers that IREE's code reads through an index: trilinear 0.19 G, nearest 0.09
    copy       bytes of packed kernels: C3D's fully connected layers reach 91 to 98 % of a copy (docs/results.md)
    plain      bytes of IREE's code: element by element 8 to 14 GB/s, padding 10, unpack 13, transposed 15
    """

    packed: float
    winograd: float
    matmul: float
    scalar: float = 1.5e9
    gather: float = 0.15e9
    copy: float = 20e9
    plain: float = 14e9


def core_rates(lanes: int) -> Rates:
    """The rates of a core whose vector registers have so many lanes of f32."""
    peak = _VECTORS * lanes
    return Rates(_PACKED * peak, _WINOGRAD * peak, _MATMUL * peak)
