import iree.compiler.ir as ir
import numpy as np
import pytest

from rt3d_mlir.ir_io.weights import INLINE_ELEMENTS, WeightTable, element_type, resource_key, tensor_type


@pytest.fixture(autouse=True)
def _context():
    with ir.Context(), ir.Location.unknown():
        yield


def test_names_are_unique_and_remember_where_they_come_from():
    table = WeightTable({"w": np.zeros(1)})
    assert table.add("w", np.ones(1)) == "w.1"
    assert table.add("w", np.ones(1), origin="w") == "w.2"
    assert table.add("w.packed", np.ones(1), origin="w.2") == "w.packed"
    assert [table.origin(name) for name in table] == ["w", "w.1", "w", "w"]
    assert "w.3" not in table


@pytest.mark.parametrize("size", [1, INLINE_ELEMENTS, INLINE_ELEMENTS + 1])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_attributes_read_back(size: int, dtype: type):
    table = WeightTable()
    array = np.arange(size, dtype=dtype)
    attribute = table.attribute("w", array)
    value = table.read(attribute)
    assert value is not None
    np.testing.assert_array_equal(value[0], array)
    inline = size <= INLINE_ELEMENTS
    assert value[1] == (None if inline else "w")
    assert resource_key(attribute) == value[1]
    assert ("w" in table) != inline


def test_a_small_parameter_keeps_its_name():
    table = WeightTable({"fc.weight": np.ones((4, 8), np.float32)})
    attribute = table.attribute("fc.weight.conv", np.ones((4, 8, 1, 1, 1), np.float32), origin="fc.weight")
    assert table.origin(resource_key(attribute) or "") == "fc.weight"


def test_a_splat_is_whole():
    array, key = WeightTable().read(ir.Attribute.parse("dense<2.0> : tensor<2x3xf32>")) or (None, "")
    np.testing.assert_array_equal(array, np.full((2, 3), 2, np.float32))
    assert key is None


@pytest.mark.parametrize("text", ["dense_resource<lost> : tensor<8xf32>", "1.0 : f32", '"text"'])
def test_what_has_no_numbers(text: str):
    assert WeightTable().read(ir.Attribute.parse(text)) is None


@pytest.mark.parametrize("name", ["w", "conv2.weight", "a b", "w>x"])
def test_keys(name: str):
    assert resource_key(ir.Attribute.parse(f'dense_resource<"{name}"> : tensor<8xf32>')) == name


def test_types():
    assert str(tensor_type(np.zeros((2, 3), np.float16))) == "tensor<2x3xf16>"
    names = {"f4": "f32", "f8": "f64", "i4": "i32", "i8": "i64", "?": "i1"}
    assert {name: str(element_type(np.dtype(name))) for name in names} == names
