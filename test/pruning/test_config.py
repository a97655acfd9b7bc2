import json

import pytest

from rt3d_mlir.errors import ConfigError
from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.sparsity import GroupSize, Sparsity


@pytest.mark.parametrize(
    "config",
    [
        PruneConfig(rate=2.6),
        PruneConfig(sparsity=Sparsity.VANILLA, group=GroupSize(1, 3), algorithm="fixed", rate=3, norm="mixed"),
        PruneConfig(ratios={"conv2.weight": 0.5}, balanced=True, exclude=["conv3.weight"], refresh=7, epsilon=0.1),
    ],
)
def test_goes_through_json(config):
    assert PruneConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_group_may_be_text_or_a_group_size():
    assert PruneConfig.from_dict({"rate": 2, "group": "16x4"}).group == GroupSize(16, 4)
    assert PruneConfig.from_dict({"rate": 2, "group": GroupSize(16, 4)}).group == GroupSize(16, 4)
    assert PruneConfig.from_dict({"rate": 2}).group == GroupSize(8, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": 2}, "unknown key 'rat': expected sparsity, group, "),
        ({"strenght": 1, "rate": 2}, "; did you mean 'strength'?"),
        ({}, "neither of rate and ratios: expected exactly one, as in rate 2.6"),
        ({"rate": 2, "ratios": {"a": 0.5}}, "both of rate and ratios"),
        ({"rate": 1}, "rate 1: expected above 1, as in 2.6 for 2.6x fewer MACs"),
        ({"rate": "2.6x"}, "rate '2.6x': expected above 1"),
        ({"rate": float("nan")}, "rate nan"),
        ({"rate": True}, "rate True"),
        ({"ratios": {}}, "ratios are empty"),
        ({"ratios": [0.5]}, "ratios [0.5]: expected a mapping"),
        ({"ratios": {"a": 1.0}}, "a: ratio 1.0: expected the share to remove, 0 <= ratio < 1"),
        ({"ratios": {"a": 0.5}, "exclude": ["a"]}, "a has a ratio and is excluded"),
        ({"rate": 2, "exclude": "conv1.weight"}, "exclude 'conv1.weight': expected a list"),
        (
            {"rate": 2, "sparsity": "vanila"},
            "sparsity 'vanila': expected kgs, vanilla, filter; did you mean 'vanilla'?",
        ),
        ({"rate": 2, "algorithm": "reweigted"}, "did you mean 'reweighted'?"),
        ({"rate": 2, "norm": "l3"}, "norm 'l3': expected l2, l1, mixed"),
        ({"rate": 2, "sparsity": "filter", "balanced": True}, "balanced is for kgs sparsity only, not for filter"),
        ({"rate": 2, "balanced": 1}, "balanced 1: expected true or false"),
        ({"rate": 2, "strength": 0}, "strength 0: expected a number above 0"),
        ({"rate": 2, "epsilon": -1e-6}, "epsilon -1e-06: expected a number above 0"),
        ({"rate": 2, "refresh": 0}, "refresh 0: expected a whole number of epochs, at least 1"),
        ({"rate": 2, "refresh": 1.5}, "refresh 1.5: expected a whole number"),
        ({"rate": 2, "group": "8by4"}, "group size '8by4': expected"),
        ({"rate": 2, "group": 8}, "group 8: expected a group size, as in 8x4"),
    ],
)
def test_what_makes_no_sense_is_refused(values, message):
    with pytest.raises(ConfigError) as caught:
        PruneConfig.from_dict(values)
    assert message in str(caught.value)
