"""`rt3d_mlir.passes.apply` on modules as other programs hold them; test/passes/apply compiles and runs some."""

import re
import subprocess
import sys
from collections.abc import Iterator

import iree.compiler.ir as ir
import numpy as np
import pytest
import torch_mlir.ir as torch_ir

import rt3d_mlir.passes
from rt3d_mlir.errors import MaskError, ModelError, TargetError, WeightError
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.passes.packing_report import Report
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity
from rt3d_mlir.targets import get_target

X, W, Y = (f"tensor<{shape}xf32>" for shape in ("1x4x3x3x8", "8x4x3x3x3", "1x8x1x1x6"))
WEIGHTS = np.random.default_rng(0).standard_normal((8, 4, 3, 3, 3), dtype=np.float32)
PARAMETER = f'util.global private @w = #flow.parameter.named<"model"::"conv.weight"> : {W}'
LOAD = f"%w = util.global.load @w : {W}"


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    with ir.Context(), ir.Location.unknown():
        yield


def conv(weight: str, outside: str = "", batch: str = "1") -> ir.Module:
    """A conv in a util.func; `weight` defines %w, or more."""
    x, y = (kind.replace("<1x", f"<{batch}x") for kind in (X, Y))
    sizes = "%n" if batch == "?" else ""
    return ir.Module.parse(f"""
{outside}
util.func public @main(%x: {x}, %n: index) -> {y} {{
  {weight}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty({sizes}) : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : {x}, {W}) outs(%i : {y}) -> {y}
  util.return %y : {y}
}}""")


def with_resource(batch: str = "1") -> ir.Module:
    """The same with its weights in a blob called conv.weight."""
    module = conv(f"%w = arith.constant dense<0.0> : {W}", batch=batch)

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "arith.constant" and str(op.result.type) == W:
            op.attributes["value"] = ir.DenseResourceElementsAttr.get_from_buffer(
                WEIGHTS, "conv.weight", op.result.type
            )
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return module


def masks(name: str) -> MaskSet:
    keep = np.ones((1, 1, 3, 3, 3), bool)
    keep[..., 1] = False
    return MaskSet(GroupSize(8, 4), Sparsity.KGS, {name: keep}, {name: WEIGHTS.shape})


def apply(module: ir.Module, **options: object) -> Report:
    report = rt3d_mlir.passes.apply(module, "cortex-a76", **options)
    assert module.operation.verify()
    return report


def is_packed(module: ir.Module) -> bool:
    text = mlir_io.without_numbers(module)
    assert ("flow.dispatch" in text) != ("linalg.conv" in text)
    return "flow.dispatch" in text


def numbers(module: ir.Module) -> list[np.ndarray | None]:
    return [mlir_io.read_elements(op.attributes["value"]) for op in mlir_io.resource_constants(module)]


def test_numbers_in_a_resource():
    module = with_resource()
    report = apply(module)
    assert is_packed(module)
    assert [(layer.name, layer.weight_shape) for layer in report.layers] == [("conv", WEIGHTS.shape)]
    found = numbers(module)
    assert all(array is not None for array in found)
    packed = next(array for array in found if array is not None and array.size == WEIGHTS.size)
    np.testing.assert_array_equal(np.sort(packed, None), np.sort(WEIGHTS, None))


@pytest.mark.parametrize(
    ("outside", "packed"),
    [
        (f"util.global private @w = dense<2.0> : {W}", True),
        (f"util.global private mutable @w = dense<2.0> : {W}", False),
        (f"util.global private @w : {W}", False),
        (PARAMETER, False),
    ],
)
def test_globals(outside: str, packed: bool):
    module = conv(LOAD, outside)
    report = apply(module)
    assert is_packed(module) == packed
    assert ("util.global.load @w" in str(module)) != packed
    said = [str(note) for note in report.notes if note.pass_name == "apply"]
    reason = "its numbers are not in the module; to pack it: parameters={'conv.weight': array}"
    assert said == ([f"apply: conv.weight: {reason}"] if outside == PARAMETER else [])
    assert packed or "pack-kgs: conv: its weights are not constant" in map(str, report.notes)


def test_a_global_that_an_initializer_sets_is_not_read():
    store = f"util.initializer {{ %c = arith.constant dense<3.0> : {W} util.global.store %c, @w : {W} util.return }}"
    module = conv(LOAD, f"util.global private @w = dense<2.0> : {W}\n{store}")
    apply(module)
    assert not is_packed(module)


def test_parameters_that_are_given():
    module = conv(LOAD, PARAMETER)
    report = apply(module, parameters={"conv.weight": WEIGHTS, "not.here": WEIGHTS})
    assert [layer.name for layer in report.layers] == ["conv"]
    assert is_packed(module)
    assert "util.global.load" not in str(module)


@pytest.mark.parametrize("array", [WEIGHTS.astype(np.float64), WEIGHTS[:4]])
def test_parameters_that_do_not_fit(array: np.ndarray):
    module = conv(LOAD, PARAMETER)
    before = str(module)
    message = rf"parameter 'conv.weight' is {array.dtype} {re.escape(str(array.shape))}, the module has {W}"
    with pytest.raises(WeightError, match=message):
        apply(module, parameters={"conv.weight": array})
    assert str(module) == before


def test_what_no_pass_took_is_a_load_again():
    module = conv(LOAD, PARAMETER, batch="?")
    report = apply(module, parameters={"conv.weight": WEIGHTS})
    assert not is_packed(module)
    assert "util.global.load @w" in str(module)
    assert "pack-kgs: conv: it has a tensor of a dynamic shape, tensor<?x4x3x3x8xf32>" in map(str, report.notes)


@pytest.mark.parametrize("external", [False, True])
def test_masks(external: bool):
    module = conv(LOAD, PARAMETER) if external else with_resource()
    report = apply(module, masks=masks("conv.weight"), parameters={"conv.weight": WEIGHTS} if external else None)
    assert [layer.kept_share for layer in report.layers] == [2 / 3]
    assert max(array.size for array in numbers(module) if array is not None) == WEIGHTS.size * 2 // 3


@pytest.mark.parametrize("external", [False, True])
def test_masks_hold_where_a_layer_is_refused(external: bool):
    module = conv(LOAD, PARAMETER, batch="?") if external else with_resource(batch="?")
    apply(module, masks=masks("conv.weight"), parameters={"conv.weight": WEIGHTS} if external else None)
    (array,) = numbers(module)
    assert array is not None
    assert not array[..., 1].any()
    np.testing.assert_array_equal(array[..., 0], WEIGHTS[..., 0])


def test_masks_of_another_model():
    with pytest.raises(MaskError, match=r"the masks name layer 'conv1\.weight'.* did you mean 'conv\.weight'"):
        apply(with_resource(), masks=masks("conv1.weight"))


def test_a_second_time_changes_nothing():
    module = with_resource()
    apply(module)
    before = str(module)
    assert apply(module).layers == []
    assert str(module) == before


def test_two_modules_of_one_context():
    first, second = with_resource(), conv(LOAD, PARAMETER)
    apply(first)
    report = apply(second, parameters={"conv.weight": -WEIGHTS})
    assert [layer.name for layer in report.layers] == ["conv"]
    for module, expected in ((first, WEIGHTS), (second, -WEIGHTS)):
        packed = next(array for array in numbers(module) if array is not None and array.size == expected.size)
        np.testing.assert_array_equal(np.sort(packed, None), np.sort(expected, None))


def test_the_options_are_those_of_export():
    module = with_resource()
    rt3d_mlir.passes.apply(module.operation, get_target("cortex-a76"), group=GroupSize(8, 4), dtype="f16")
    assert "f16" in str(module)
    with pytest.raises(TargetError, match="no target is called 'phone'"):
        rt3d_mlir.passes.apply(with_resource(), "phone")


def test_the_torch_dialect_is_lowered():
    module = ir.Module.parse("""
func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {
  %y = torch.aten.relu %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
  return %y : !torch.vtensor<[2,3],f32>
}""")
    apply(module)
    assert "util.func public @main$async" in str(module)
    assert "linalg.generic" in str(module)


def test_a_torch_op_that_iree_cannot_lower():
    module = ir.Module.parse("""
func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {
  %y = torch.operator "mine.op"(%x) : (!torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32>
  return %y : !torch.vtensor<[2,3],f32>
}""")
    with pytest.raises(ModelError, match=r"torch-to-iree cannot lower this module: .*mine\.op"):
        apply(module)


def test_what_is_no_module_for_us():
    other = ir.Module.parse("""
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = stablehlo.add %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}""")
    with pytest.raises(ModelError, match="the module is in the stablehlo dialect; expected linalg on tensors or torch"):
        apply(other)
    with pytest.raises(ModelError, match=r"expected a builtin\.module of iree\.compiler\.ir, not func\.func"):
        rt3d_mlir.passes.apply(other.body.operations[0], "cortex-a76")
    with torch_ir.Context():
        foreign = torch_ir.Module.parse("")
    with pytest.raises(ModelError, match=r"not torch_mlir\..*Module; what other bindings hold goes over as text"):
        rt3d_mlir.passes.apply(foreign, "cortex-a76")


def test_the_package_is_light():
    program = "import rt3d_mlir.passes, sys; print([n for n in ('numpy', 'iree.compiler') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match=r"module 'rt3d_mlir\.passes' has no attribute 'aply'"):
        rt3d_mlir.passes.aply  # noqa: B018
