"""What the report says of a packed layer, and what the layer is called."""

from collections.abc import Sequence

import numpy as np

from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.framework.base import LayerFacts, State

#: The symbol of the module's function.
ENTRY = "main"


def layer_facts(
    state: State, key: str | None, array: np.ndarray, out_shape: Sequence[int], share: float, how: str = ""
) -> LayerFacts:
    """The facts of a layer with weights `array` and output `out_shape`, [N, M, D, H, W], of which `share` is kept."""
    positions = out_shape[0] * int(np.prod(out_shape[2:]))
    return LayerFacts(
        parameter=state.weights.origin(key) if key else None,
        weight_shape=tuple(array.shape),
        macs_before=array.size * positions,
        macs_after=round(share * array.size) * positions,
        kept_share=share,
        how=how,
    )


def layer_name(state: State, key: str | None) -> str:
    """`conv2` for weights that come from `conv2.weight`; `conv_3` for the fourth layer without a name.

    Two layers never have kernels of one symbol: neither a layer that the model runs twice, nor `a.b` and `a_b`.
    """
    if key is None:
        return f"conv_{len(state.layers)}"
    base = state.weights.origin(key).removesuffix(".weight")
    taken = {ENTRY, *map(symbol_of, state.layers)}
    name, n = base, 1
    while symbol_of(name) in taken:
        name, n = f"{base}.{n}", n + 1
    return name
