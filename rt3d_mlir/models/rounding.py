"""Channel counts as the mobile nets round them."""


def round_channels(wanted: float) -> int:
    """The multiple of 8 nearest to `wanted`, but at least 8 and at least 0.9 of it: 13.5 gives 16, 27 gives 32.

    MobileNet's rule for the channels of squeeze-excite gates, which X3D and MoViNet kept.
    """
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8
