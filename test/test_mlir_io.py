from pathlib import Path

import iree.compiler.ir as ir
import nets
import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir.errors import ModelError
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.ir_io.weights import WeightTable

HANDLE = "dense_resource<w> : tensor<2x3xf32>"
BODY = f"func.func @main() -> tensor<2x3xf32> {{\n  %w = arith.constant {HANDLE}\n  return %w : tensor<2x3xf32>\n}}"
NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def _context():
    with ir.Context(), ir.Location.unknown():
        yield


def with_blob(digits: str) -> str:
    return f'{BODY}\n{{-#\n  dialect_resources: {{\n    builtin: {{\n      w: "0x{digits}"\n    }}\n  }}\n#-}}\n'


BLOB = "04000000" + NUMBERS.tobytes().hex()


@pytest.mark.parametrize("digits", [BLOB, BLOB.upper()])
def test_numbers_go_to_the_table(digits: str):
    module, table = mlir_io.parse_text(with_blob(digits), "x")
    np.testing.assert_array_equal(table["w"], NUMBERS)
    assert "0x" not in mlir_io.without_numbers(module)


def test_text_comes_back():
    text = mlir_io.to_text(*mlir_io.parse_text(with_blob(BLOB), "x"))
    with ir.Context():  # handles of one context have unique names
        module, table = mlir_io.parse_text(text, "y")
        np.testing.assert_array_equal(table["w"], NUMBERS)
        assert mlir_io.to_text(module, table) == text


def test_two_modules_in_one_context():
    """MLIR renames the second one's handle, and its table follows."""
    first, of_first = mlir_io.parse_text(with_blob(BLOB), "x")
    second, of_second = mlir_io.parse_text(with_blob(BLOB), "y")
    for module, table in ((first, of_first), (second, of_second)):
        (constant,) = mlir_io.resource_constants(module)
        found = table.read(constant.attributes["value"])
        assert found is not None
        np.testing.assert_array_equal(found[0], NUMBERS)
        assert BLOB.upper() in mlir_io.to_text(module, table)


def test_mlir_itself_reads_the_text():
    text = mlir_io.to_text(*mlir_io.parse_text(with_blob(BLOB), "x"))
    again = ir.Module.parse(text).operation.get_asm()
    assert BLOB.upper() in again


@pytest.mark.parametrize(
    ("dtype", "scalar"), [(np.float16, "f16"), (np.float64, "f64"), (np.int32, "i32"), (np.int64, "i64")]
)
def test_types(dtype: type, scalar: str):
    numbers = np.arange(3, dtype=dtype)
    kind = f"tensor<3x{scalar}>"
    body = f"func.func @f() -> {kind} {{\n  %w = arith.constant dense_resource<w> : {kind}\n  return %w : {kind}\n}}"
    table = WeightTable({"w": numbers})
    text = mlir_io.to_text(ir.Module.parse(body), table)
    with ir.Context():  # where no other module has that name
        _, again = mlir_io.parse_text(text, "x")
    assert again["w"].dtype == dtype
    np.testing.assert_array_equal(again["w"], numbers)


@pytest.mark.parametrize("name", ["w", "conv2.weight", "0.weight", "a-b"])
def test_names(name: str):
    module = ir.Module.parse(BODY.replace("dense_resource<w>", f'dense_resource<"{name}">'))
    text = mlir_io.to_text(module, WeightTable({name: NUMBERS}))
    with ir.Context():
        _, table = mlir_io.parse_text(text, "x")
    np.testing.assert_array_equal(table[name], NUMBERS)


def test_only_what_is_used_is_written():
    text = mlir_io.to_text(ir.Module.parse(BODY), WeightTable({"w": NUMBERS, "unused": NUMBERS}))
    assert "unused" not in text
    assert "{-#" not in mlir_io.to_text(ir.Module.parse("func.func @f() { return }"), WeightTable())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_blob(BLOB[:-8]), "x: resource w holds 5 elements, its type tensor<2x3xf32> says otherwise"),
        (with_blob(BLOB[:-2]), "x: resource w holds 5.75 elements"),
        (with_blob(BLOB[:-1]), "x: resource w holds 5.75 elements"),
        (with_blob(""), "x: resource w holds -1 elements"),
        (with_blob(BLOB).replace("f32", "f80"), "x: resource w has element type f80; known are f32, "),
        (BODY[:40], "x does not parse as MLIR: "),
        ("func.func @f() { call @none() : () -> () return }", "x does not parse as MLIR: "),
    ],
)
def test_damage(text: str, message: str):
    with pytest.raises(ModelError) as error:
        mlir_io.parse_text(text, "x")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_text(tmp_path: Path):
    (tmp_path / "bytecode.mlir").write_bytes(b"ML\xefR\xff")
    for path, message in (
        (tmp_path / "none.mlir", "no such file: "),
        (tmp_path, "is a folder; expected an .mlir file"),
        (tmp_path / "bytecode.mlir", "is not MLIR text"),
    ):
        with pytest.raises(ModelError, match=message):
            mlir_io.read(path)


def test_a_saved_model_has_its_numbers(tmp_path: Path):
    model = nets.seeded(nets.Net)
    rt3d_mlir.export(model, (torch.zeros(nets.CLIP),)).save_mlir(tmp_path / "net.mlir")
    _, table = mlir_io.read(tmp_path / "net.mlir")
    expected = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert set(table) == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(table[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["net.mlir"]


def test_a_comment_does_not_end_the_module():
    text = "// {-# is where resources begin\nfunc.func @main(%x: f32) -> f32 { return %x : f32 }\n"
    with ir.Context(), ir.Location.unknown():
        module, _ = mlir_io.parse_text(text, "a.mlir")
        assert "func.func @main" in str(module)


def test_a_resource_section_without_an_end_is_named():
    function = "func.func @main(%x: f32) -> f32 { return %x : f32 }"
    text = function + '\n\n{-#\n  dialect_resources: {\n    builtin: {\n      w: "0x04'
    with ir.Context(), ir.Location.unknown(), pytest.raises(ModelError, match=r"a\.mlir was cut short"):
        mlir_io.parse_text(text, "a.mlir")


def test_bytecode_has_no_locations(tmp_path: Path):
    body = BODY.replace("return %w : tensor<2x3xf32>", 'return %w : tensor<2x3xf32> loc("/home/me/secret.py":1:2)')
    module, table = mlir_io.parse_text(body, "x")
    assert "secret" in mlir_io.without_numbers(module, locations=True)
    mlir_io.write_bytecode(module, table, tmp_path / "module.mlirbc")
    assert b"secret" not in (tmp_path / "module.mlirbc").read_bytes()
