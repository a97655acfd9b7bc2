"""One axis of a transposed conv as that of a plain one; frontend/transposed_conv.py says how.

Along one axis a transposed conv of stride s, padding p and dilation d is

    y[o] = sum over k with o + p - k * d = i * s of x[i] * w[k]

For outputs o = q * s + r of one phase r only some taps k exist, each at the same distance i - q.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TransposedAxis:
    """The input's size, the kernel's, the options, and how many outputs there are.

    `padding` is what is taken away in front, less than 0 where zeros are added; behind it is what `out` leaves.
    """

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    out: int

    @property
    def steps(self) -> int:
        """Outputs of the plain conv: those of the phase that has most."""
        return -(-self.out // self.stride)

    def taps(self, phase: int) -> dict[int, int]:
        """The taps of a phase, by their distance i - q."""
        reached = {k: phase + self.padding - k * self.dilation for k in range(self.kernel)}
        return {distance // self.stride: k for k, distance in reached.items() if distance % self.stride == 0}

    @property
    def distances(self) -> range:
        """From the least to the largest of all phases."""
        found = [distance for phase in range(self.stride) for distance in self.taps(phase)]
        return range(min(found), max(found) + 1)

    @property
    def filter_taps(self) -> list[int | None]:
        """The taps of the plain conv's filters, phase by phase: at each distance one of the kernel, or none."""
        return [self.taps(phase).get(distance) for phase in range(self.stride) for distance in self.distances]

    @property
    def margins(self) -> tuple[int, int]:
        """Zeros before and after the input; negative where some of it is not read."""
        return -self.distances[0], self.steps + self.distances[-1] - self.size
