"""onnx's own test data: what compiles is right, and what does not is refused in a line that names the operator."""

import re
from collections import Counter

import pytest
from onnx_backend import Case, cases, judge

#: How many of the 1185 cases are refused, by operator; as the numbers of an input decide a shape; for a weight of NaN.
REFUSED = Counter(
    {
        "Bernoulli": 1,
        "Col2Im": 5,
        "DFT": 10,
        "DeformConv": 8,
        "Dropout": 2,
        "LSTM": 1,
        "LinearAttention": 26,
        "MaxUnpool": 2,
        "Resize": 6,
        "RoiAlign": 3,
        "STFT": 2,
        "Scan": 2,
        "ScatterElements": 2,
        "TensorScatter": 3,
        "shape": 18,
        "weights": 1,
    }
)
#: Where onnxruntime answers otherwise than the data, and we as onnxruntime: it takes the whole number of outputs.
OTHERWISE = {
    "node/resize_downsample_scales_cubic_align_corners, weights",
    "node/resize_downsample_scales_linear_align_corners, weights",
}
_REASON = re.compile(
    r"net\.onnx: ((torch-mlir )?cannot lower the operator (?P<operator>\w+)( \(node '.*?'\))?(, of which \w+)?: .+"
    r"|the (?P<shape>shape) of output '.*' depends on the numbers of an input; .+"
    r"|.*\(op_type:(?P<inferred>\w+), .+)"
    r"|.* \d+ of \d+ (?P<weights>weights) are NaN or infinite: .+"
)


def _operators(refused: dict[str, str]) -> Counter[str]:
    """How many are refused for which operator; the reason is one line."""
    matches = {name: _REASON.fullmatch(said) for name, said in refused.items()}
    assert not {name: refused[name] for name, match in matches.items() if match is None}
    found = [match.groupdict().values() for match in matches.values() if match is not None]
    return Counter(name for names in found for name in names if name)


def _some() -> list[Case]:
    """Each third of what PyTorch exported, and each hundred and sixtieth of the operators' own."""
    return [
        case for i, case in enumerate(cases()) if i % (3 if case.name.startswith("pytorch-converted") else 160) == 0
    ]


def test_some_of_the_cases():
    verdicts = judge(_some())
    assert ({*verdicts.wrong} - OTHERWISE, verdicts.failed) == (set(), {})
    assert set(_operators(verdicts.refused)) <= set(REFUSED)
    assert len(verdicts.right) > 0.9 * len(_some())


@pytest.mark.slow
def test_all_cases():
    verdicts = judge(cases())
    assert ({*verdicts.wrong}, verdicts.failed) == (OTHERWISE, {})
    assert _operators(verdicts.refused) == REFUSED
    assert len(verdicts.right) == 1091
