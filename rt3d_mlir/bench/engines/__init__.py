"""The engines by name, in the order of the tables. None of these modules imports its engine before it is used."""

from rt3d_mlir.bench.engine import Engine
from rt3d_mlir.bench.engines.iree_stock import IreeStock
from rt3d_mlir.bench.engines.mnn import Mnn
from rt3d_mlir.bench.engines.mnn_sparse import MnnSparse
from rt3d_mlir.bench.engines.onnx_runtime import OnnxRuntime
from rt3d_mlir.bench.engines.openvino import OpenVino, OpenVinoBf16
from rt3d_mlir.bench.engines.rt3d import Rt3d, Rt3dBf16, Rt3dDirect
from rt3d_mlir.bench.engines.torch_compile import TorchCompile
from rt3d_mlir.bench.engines.torch_eager import TorchEager
from rt3d_mlir.errors import ConfigError, did_you_mean

ENGINES: dict[str, Engine] = {
    cls.name: cls()
    for cls in (
        Rt3d,
        Rt3dDirect,
        Rt3dBf16,
        TorchEager,
        TorchCompile,
        OnnxRuntime,
        OpenVino,
        OpenVinoBf16,
        Mnn,
        MnnSparse,
        IreeStock,
    )
}


def get_engine(name: str) -> Engine:
    """The engine of that name. Raises ConfigError for an unknown one."""
    if name not in ENGINES:
        raise ConfigError(f"no engine is called '{name}'; known: {', '.join(ENGINES)}{did_you_mean(name, ENGINES)}")
    return ENGINES[name]
