"""Phones as data, and what the RT3D paper measured on one of them."""

from dataclasses import dataclass

#: The model of an in-order core, which llvm-mca has none for that fits; see `projection.in_order_cycles`.
IN_ORDER = "in-order"


@dataclass(frozen=True)
class Cores:
    """`count` equal cores; `model` is one of mca.CORES, or IN_ORDER."""

    count: int
    name: str
    ghz: float
    model: str


@dataclass(frozen=True)
class PhoneSpec:
    """Cores, the biggest first, and the bandwidth in GB/s that one of them, and all, can stream."""

    name: str
    cores: tuple[Cores, ...]
    one_core_gbs: float
    all_cores_gbs: float


#: LPDDR5 has 44 GB/s (865) and 51 GB/s (888) on paper; the bandwidths here are what a CPU gets of it, rounded down.
PHONES = (
    PhoneSpec(
        "Snapdragon 865",
        (
            Cores(1, "cortex-a77", 2.84, "neoverse-n1"),
            Cores(3, "cortex-a77", 2.42, "neoverse-n1"),
            Cores(4, "cortex-a55", 1.80, IN_ORDER),
        ),
        one_core_gbs=14,
        all_cores_gbs=24,
    ),
    PhoneSpec(
        "Snapdragon 888",
        (
            Cores(1, "cortex-x1", 2.84, "cortex-x1"),
            Cores(3, "cortex-a78", 2.42, "neoverse-n1"),
            Cores(4, "cortex-a55", 1.80, IN_ORDER),
        ),
        one_core_gbs=18,
        all_cores_gbs=28,
    ),
)


@dataclass(frozen=True)
class Published:
    """A row of the RT3D paper's Table 2: milliseconds a clip on the Snapdragon 865's CPU, 8 threads, f32."""

    model: str
    rate: float
    dense_ms: int
    sparse_ms: int


PAPER_PHONE = "Snapdragon 865"
PAPER = (
    Published("c3d", 3.6, 902, 357),
    Published("r2plus1d_18", 3.2, 1074, 391),
    Published("s3d", 2.1, 1139, 611),
    Published("s3d_ts1", 2.1, 1139, 611),  # the paper does not say which of the two it ran
)


def published(model: str, phone: str) -> tuple[str, str]:
    """What the paper measured for a zoo model on a phone, sparse and dense; dashes where it did not."""
    row = next((row for row in PAPER if (row.model, PAPER_PHONE) == (model, phone)), None)
    return (f"{row.sparse_ms} at {row.rate}x", str(row.dense_ms)) if row else ("-", "-")


@dataclass(frozen=True)
class Gpu:
    """A phone's GPU: floating-point operations a second by dtype, bytes a second, and what starting a kernel costs.

    `gbs` is memory's bandwidth, `cache_gbs` what threads get of the cache behind buffers, and `shared_gbs` of shared
    memory; None where that lies in the same cache.
    """

    name: str
    phone: str
    target: str
    tflops: dict[str, float]
    gbs: float
    cache_gbs: float
    shared_gbs: float | None
    dispatch_us: float


#: Sources of all numbers: docs/projection.md.
GPUS = (
    Gpu(
        "Adreno 650",
        "Snapdragon 865",
        "vulkan-adreno",
        {"f32": 1.2, "f16": 2.4},
        gbs=44,
        cache_gbs=256,
        shared_gbs=117,
        dispatch_us=20,
    ),
    Gpu(
        "Mali-G78 MP14",
        "Exynos 2100",
        "vulkan-mali",
        {"f32": 0.68, "f16": 1.36},
        gbs=51,
        cache_gbs=681,
        shared_gbs=None,
        dispatch_us=20,
    ),
)

#: The GPU column of the same table, f16 on the Adreno 650: (sparse, dense) milliseconds.
PAPER_GPU = {"c3d": (142, 488), "r2plus1d_18": (141, 513), "s3d": (293, 565), "s3d_ts1": (293, 565)}


def published_gpu(model: str, gpu: Gpu) -> tuple[str, str]:
    """What the paper measured for a zoo model on a GPU, sparse and dense; dashes where it did not."""
    row = next((row for row in PAPER if (row.model, PAPER_PHONE) == (model, gpu.phone)), None)
    if row is None:
        return "-", "-"
    sparse, dense = PAPER_GPU[model]
    return f"{sparse} at {row.rate}x", str(dense)
