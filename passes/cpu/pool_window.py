"""The max pool inside a conv's kernel: its windows, and how they lie on the conv's output."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A pool inside a conv's kernel, as (d, h, w)."""

    kernel: tuple[int, ...] = (1, 1, 1)
    strides: tuple[int, ...] = (1, 1, 1)
    low: tuple[int, ...] = (0, 0, 0)

    @property
    def pools(self) -> bool:
        return max(self.kernel) > 1

    @property
    def overlaps(self) -> bool:
        return self.kernel != self.strides

    def tiles(self, size: tuple[int, ...], out: tuple[int, ...]) -> bool:
        """Whether each position of `size` is in one window of `out`."""
        whole = all(n == k * count for n, k, count in zip(size, self.kernel, out, strict=True))
        return whole and not self.overlaps and not any(self.low)

    def shares_rows(self, size: tuple[int, ...], out: tuple[int, ...]) -> bool:
        """Whether windows of one plane share their last row with the next one, and only that one may be outside."""
        (kd, kh, _), (sd, sh, _), (ld, lh, _) = self.kernel, self.strides, self.low
        planes = (kd, sd, ld) == (1, 1, 0) and size[0] == out[0]
        return planes and kh == sh + 1 and sh > 1 and lh <= 1 and out[1] * sh - lh <= size[1]


NO_POOL = Window()
