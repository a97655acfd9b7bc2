"""MNN with its block-sparse convolutions, on the same pruned weights.

MNN takes them only if the converter is told to look (`--detectSparseSpeedUp 1`) and a "compression parameters" file
names the filters in a block; without the file it looks for blocks of one, finds them slower, and stays dense in
silence. What the converter marked as sparse is counted in its file: none is a skip, not a row.
"""

from pathlib import Path

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import DENSE, Case
from rt3d_mlir.bench.engine import Prepared
from rt3d_mlir.bench.engines.mnn import FILE, Mnn, convert
from rt3d_mlir.sparsity import GroupSize

#: Attribute that the converter gives each sparse convolution.
_MARK = b"sparseBlockOC"


class MnnSparse(Mnn):
    """Blocks of 8 filters, or 4 where 8 do not divide the group's."""

    name = "mnn-sparse"
    title = "MNN, block-sparse"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        if case.spec.config == DENSE:
            raise UnavailableError("dense weights have no zero blocks")
        block = 8 if GroupSize.parse(case.spec.group).m % 8 == 0 else 4
        pruning = folder / "pruning.bin"
        pruning.write_bytes(compression_file(block))
        flags = ["--detectSparseSpeedUp", "1", "--compressionParamsFile", str(pruning)]
        target = convert(case.onnx(), folder / FILE, *flags)
        marked = target.read_bytes().count(_MARK)
        if marked == 0:
            raise UnavailableError("MNN's converter marked no convolution as sparse: it would run dense")
        return Prepared([str(target)], f"blocks of {block} filters, {marked} sparse 2D convolutions")


def compression_file(block: int) -> bytes:
    """A serialized MNN.Compression.Pipeline with one PRUNE of type SIMD_OC and its filters a block.

    version = 1, algo = 2; in CompressionAlgo type = 1, prune_params = 3; in PruneParams type = 1,
    simd_oc_pruner_params = 3; in SIMDOCPrunerParams oc_blocks = 4.
    """
    params = _number(1, 1) + _bytes(3, _number(4, block))
    return _bytes(1, b"0.0.0") + _bytes(2, _number(1, 1) + _bytes(3, params))


def _number(tag: int, value: int) -> bytes:
    """A protobuf varint field; tags below 16, values below 128."""
    return bytes([tag << 3, value])


def _bytes(tag: int, value: bytes) -> bytes:
    """A protobuf length-delimited field of less than 128 bytes."""
    return bytes([tag << 3 | 2, len(value)]) + value
