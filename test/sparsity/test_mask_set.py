import numpy as np
import pytest

from rt3d_mlir.errors import ConfigError, MaskError
from rt3d_mlir.sparsity import GroupSize, MaskSet, apply_masks


def mask_set(**layers):
    masks = {name: np.zeros((1, 2, 1, 1, 1), bool) for name in layers}
    return MaskSet(GroupSize(2, 2), "kgs", masks, layers)


def test_only_masked_layers_change():
    weights = {name: np.ones((2, 4, 1, 1, 1), np.float32) for name in ("b", "a", "c")}
    masked = apply_masks(weights, mask_set(a=(2, 4, 1, 1, 1)))
    assert list(masked) == ["b", "a", "c"]
    assert not masked["a"].any()
    assert masked["b"] is weights["b"]
    assert weights["a"].all()


def test_a_layer_that_the_model_lacks():
    with pytest.raises(MaskError) as caught:
        apply_masks({"conv2.weight": np.ones((2, 4))}, mask_set(**{"conv2.wieght": (2, 4)}))
    assert str(caught.value) == (
        "the masks name layer 'conv2.wieght', which the model does not have; did you mean 'conv2.weight'?"
    )


def test_weights_of_another_shape():
    with pytest.raises(MaskError) as caught:
        apply_masks({"a": np.ones((4, 4))}, mask_set(a=(2, 4)))
    assert str(caught.value) == (
        "a: weights of shape (4, 4), but the mask was made for (2, 4); use the masks of this model, or prune it again"
    )


def test_a_mask_that_does_not_fit_its_own_shape():
    with pytest.raises(MaskError) as caught:
        mask_set(a=(2, 8))
    assert str(caught.value) == (
        "a: mask of shape (1, 2, 1, 1, 1) does not fit weights of shape (2, 8) "
        "in groups of 2x2: expected (1, 4, 1, 1, 1)"
    )


def test_masks_and_shapes_must_name_the_same_layers():
    with pytest.raises(MaskError) as caught:
        MaskSet(GroupSize(2, 2), "kgs", {}, {"a": (2, 4)})
    assert str(caught.value) == "a: expected a mask and a weight shape for every layer, saw one"


def test_a_transposed_layer():
    mask = np.array([[[[[True]]]], [[[[False]]]], [[[[True]]]]])  # of three filters, two channels
    masks = MaskSet(GroupSize(1, 2), "kgs", {"a": mask}, {"a": (2, 3, 1, 1, 1)}, frozenset("a"))
    weights = {"a": np.arange(1.0, 7).reshape(2, 3, 1, 1, 1)}
    assert apply_masks(weights, masks)["a"].ravel().tolist() == [1, 0, 3, 4, 0, 6]
    assert masks.kept_share("a") == 2 / 3
    with pytest.raises(MaskError, match=r"a: mask of shape .* does not fit weights of shape"):
        MaskSet(GroupSize(1, 2), "kgs", {"a": mask}, {"a": (2, 3, 1, 1, 1)})
    with pytest.raises(MaskError, match="b: transposed, but without a mask: expected names of masked layers"):
        MaskSet(GroupSize(1, 2), "kgs", {"a": mask}, {"a": (2, 3, 1, 1, 1)}, frozenset("ab"))


def test_an_unknown_sparsity():
    with pytest.raises(ConfigError) as caught:
        MaskSet(GroupSize(2, 2), "kg", {}, {})
    assert str(caught.value) == "sparsity 'kg': expected kgs, vanilla, filter; did you mean 'kgs'?"
