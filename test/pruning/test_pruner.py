import copy
import io

import numpy as np
import pytest
import torch
from pruning.motion import CLIP, Motion, accuracy, clips, gradient, seeded, train
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.errors import ConfigError, ModelError, PruneError, WeightError
from rt3d_mlir.pruning import PruneConfig, prepare
from rt3d_mlir.sparsity import GroupSize, Sparsity, apply_masks, from_zeros, load_masks, save_masks

GROUP = GroupSize(4, 2)


def config(**values):
    target = {} if "ratios" in values else {"rate": 2.6}
    return PruneConfig(**{"group": GROUP, "refresh": 2, **target, **values})


def backward(model, pruner, at=0):
    x, y = clips()
    loss = F.cross_entropy(model(x[at : at + 32]), y[at : at + 32])
    pruner.step(loss).backward()
    pruner.after_backward()


@pytest.fixture(scope="module")
def trained():
    model = seeded()
    train(model, 15)
    return model


@pytest.mark.parametrize("algorithm", ["reweighted", "fixed", "heuristic"])
@pytest.mark.parametrize("sparsity", list(Sparsity))
def test_prunes_to_the_rate_and_writes_masks_that_can_be_compiled(algorithm, sparsity, tmp_path):
    model = seeded()
    pruner = prepare(model, config(sparsity=sparsity, algorithm=algorithm, group=GroupSize(2, 2)), CLIP)
    backward(model, pruner)
    dense = copy.deepcopy(model.state_dict())
    save_masks(tmp_path / "masks.safetensors", pruner.finalize())
    masks = load_masks(tmp_path / "masks.safetensors")
    assert (masks.group, masks.sparsity, set(masks.masks)) == (
        GroupSize(2, 2),
        sparsity,
        {"conv2.weight", "conv3.weight"},
    )
    masked = apply_masks({name: value.numpy() for name, value in dense.items()}, masks)
    for name, value in model.state_dict().items():
        assert np.array_equal(value, masked[name])
        if name in masks.masks:
            assert np.array_equal(from_zeros(value.numpy(), masks.group), masks.masks[name])
    report = pruner.report()
    assert report.rate_reached == pytest.approx(2.6, rel={"kgs": 0.01, "vanilla": 0.02, "filter": 0.1}[sparsity])
    assert pruner.current_rate() == report.rate_reached


def test_the_report_counts_what_is_left():
    model = seeded()
    pruner = prepare(model, config(ratios={"conv2.weight": 0.5, "conv3.weight": 0.25}), CLIP)
    pruner.finalize()
    report = pruner.report()
    rows = {layer.name: layer for layer in report.layers}
    assert [layer.name for layer in report.layers] == ["conv1.weight", "conv2.weight", "conv3.weight", "fc.weight"]
    conv2 = 4 * 4 * 4 * 16 * 16 * 27
    assert (rows["conv2.weight"].macs_before, rows["conv2.weight"].macs_after) == (conv2, conv2 // 2)
    assert (rows["conv2.weight"].shape, rows["conv2.weight"].kept_share) == ((16, 16, 3, 3, 3), 0.5)
    assert rows["conv3.weight"].macs_after == conv2 * 3 // 4
    values = report.to_dict()
    assert values["rate_asked"] is None
    assert values["rate_reached"] == report.macs_before / report.macs_after
    assert values["macs_after"] == 4 * 8 * 8 * 16 * 27 + conv2 // 2 + conv2 * 3 // 4 + 64
    assert values["layers"][1]["shape"] == [16, 16, 3, 3, 3]


def test_balanced_rows_do_equal_work():
    pruner = prepare(seeded(), config(balanced=True), CLIP)
    for mask in pruner.finalize().masks.values():
        assert len(set(mask.sum(axis=(1, 2, 3, 4)))) == 1
    assert pruner.report().rate_reached == pytest.approx(2.6, rel=0.02)


def test_2d_convs_are_pruned_too():
    model = nn.Sequential(
        nn.Conv2d(3, 9, 3), nn.ReLU(), nn.Conv2d(9, 7, 3, bias=False), nn.Flatten(), nn.Linear(112, 2)
    )
    pruner = prepare(model, config(rate=1.5), (1, 3, 8, 8))
    masks = pruner.finalize()
    assert set(masks.masks) == {"0.weight", "2.weight"}
    assert masks.masks["2.weight"].shape == (2, 5, 1, 3, 3)
    assert pruner.report().rate_reached == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("sparsity", list(Sparsity))
def test_transposed_convs_are_pruned_in_filters_by_channels(sparsity, tmp_path):
    """Of 8 channels and 12 filters: the groups of 4x2 are 3 x 4, and a removed filter is zero in all channels."""
    model = seeded(lambda: nn.Sequential(nn.Conv3d(1, 8, 1), nn.ConvTranspose3d(8, 12, 2, 2), nn.Conv3d(12, 2, 1)))
    pruner = prepare(model, config(rate=1.5, sparsity=sparsity), (1, 1, 2, 3, 4))
    dense = model[1].weight.detach().numpy().copy()
    pruner.step(model(torch.randn(2, 1, 2, 3, 4)).square().mean()).backward()
    save_masks(tmp_path / "masks.safetensors", pruner.finalize())
    masks = load_masks(tmp_path / "masks.safetensors")
    assert (set(masks.masks), masks.transposed) == ({"1.weight"}, {"1.weight"})
    assert masks.masks["1.weight"].shape == (3, 4, 2, 2, 2)
    left = model[1].weight.detach().numpy()
    assert np.array_equal(left, apply_masks({"1.weight": dense}, masks)["1.weight"])
    assert np.array_equal(from_zeros(left.swapaxes(0, 1), GROUP), masks.masks["1.weight"])
    if sparsity == "filter":
        gone = ~left.any(axis=(0, 2, 3, 4))
        assert gone.any()
        assert np.array_equal(gone.reshape(3, 4).all(1), gone.reshape(3, 4).any(1))
    row = pruner.report().layers[1]
    assert (row.shape, row.macs_before) == ((8, 12, 2, 2, 2), 2 * 3 * 4 * 8 * 12 * 8)
    assert row.macs_after == np.count_nonzero(left) * 2 * 3 * 4
    again = prepare(model, config(rate=1.5, sparsity=sparsity), (1, 1, 2, 3, 4))
    again.load_state_dict(pruner.state_dict())
    assert again.masks is not None
    assert again.masks.transposed == {"1.weight"}


# --- which layers


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 8, 1)
        self.grouped = nn.Conv3d(8, 8, 1, groups=2)
        self.narrow = nn.Conv3d(8, 3, 1)
        self.wide = nn.Conv3d(3, 8, 1)
        self.inner = nn.Conv3d(8, 8, 1)
        self.left_out = nn.Conv3d(8, 8, 1)
        self.unused = nn.Conv3d(8, 8, 1)
        self.fc = nn.Linear(8, 8)
        self.answer = nn.Conv3d(8, 8, 1)

    def forward(self, x):
        x = self.left_out(self.inner(self.wide(self.narrow(self.grouped(self.first(x))))))
        return self.answer(self.fc(x.movedim(1, -1)).movedim(-1, 1))


MIXED_CLIP = (1, 3, 2, 2, 2)


def mixed_config(**values):
    return config(**{"rate": 1.1, "group": GroupSize(4, 4), **values})


def test_what_stays_dense_and_why():
    pruner = prepare(Mixed(), mixed_config(exclude=["left_out.weight"]), MIXED_CLIP)
    assert set(pruner.finalize().masks) == {"inner.weight"}
    assert {layer.name: layer.dense_because for layer in pruner.report().layers} == {
        "first.weight": "3 input channels do not fill a group of 4x4",
        "grouped.weight": "its channels are split in 2",
        "narrow.weight": "3 filters do not fill a group of 4x4",
        "wide.weight": "3 input channels do not fill a group of 4x4",
        "inner.weight": "",
        "left_out.weight": "excluded",
        "fc.weight": "linear layers stay dense",
        "answer.weight": "its outputs are the answer",
    }


def test_ratios_may_name_any_ungrouped_conv():
    pruner = prepare(Mixed(), mixed_config(rate=None, ratios={"first.weight": 0.5, "answer.weight": 0.75}), MIXED_CLIP)
    shares = {layer.name: layer.kept_share for layer in (pruner.finalize() and pruner.report()).layers}
    assert {name: share for name, share in shares.items() if share < 1} == {"first.weight": 0.5, "answer.weight": 0.25}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exclude": ["iner.weight"]}, "no parameter 'iner.weight' in the model: expected its full name, as in "
         "'conv2.weight'; did you mean 'inner.weight'?"),
        ({"rate": None, "ratios": {"inner": 0.5}}, "no parameter 'inner' in the model"),
        ({"rate": None, "ratios": {"fc.weight": 0.5}}, "fc.weight cannot be pruned: linear layers stay dense"),
        ({"rate": None, "ratios": {"grouped.weight": 0.5}}, "grouped.weight cannot be pruned: its channels are split"),
        ({"rate": None, "ratios": {"inner.bias": 0.5}}, "inner.bias cannot be pruned: no convolution that"),
        ({"rate": None, "ratios": {"unused.weight": 0.5}}, "unused.weight cannot be pruned: no convolution that"),
        ({"group": GroupSize(16, 4)}, "no layer can be pruned in groups of 16x4 (first.weight: 3 input"),
        ({"rate": 9}, "rate 9 cannot be reached: the layers that can be pruned allow at most 1.36; ask for less"),
    ],
)  # fmt: skip
def test_what_cannot_be_pruned_is_refused(values, message):
    with pytest.raises(ConfigError) as caught:
        prepare(Mixed(), mixed_config(**values), MIXED_CLIP)
    assert message in str(caught.value)


def test_the_highest_rate_can_be_reached():
    highest = prepare(seeded(), config(), CLIP).highest_rate()
    pruner = prepare(seeded(), config(rate=highest), CLIP)
    assert all(mask.any() for mask in pruner.finalize().masks.values())
    assert pruner.report().rate_reached == pytest.approx(highest)


def test_an_input_that_does_not_fit_is_refused():
    seen = "the model does not run on an input of 1x3x4x8x8: .*to have 1 channels, but got 3"
    with pytest.raises(ModelError, match=f"^{seen}"):
        prepare(seeded(), config(), (1, 3, 4, 8, 8))


def test_prepare_leaves_the_model_as_it_is():
    model = seeded().train()
    model.bn1.eval()
    before = copy.deepcopy(model.state_dict())
    prepare(model, config(), CLIP)
    assert (model.training, model.bn1.training, model.bn2.training) == (True, False, True)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_weights_that_are_not_finite_are_refused():
    model = seeded()
    pruner = prepare(model, config(), CLIP)
    with torch.no_grad():
        model.conv2.weight[0, 0, 0, 0, 0] = float("nan")
    for refuses in (pruner.finalize, lambda: prepare(model, config(), CLIP)):
        with pytest.raises(WeightError, match=r"conv2\.weight: NaN or infinite"):
            refuses()
    assert pruner.masks is None


# --- training


@pytest.mark.parametrize("algorithm", ["reweighted", "fixed"])
@pytest.mark.parametrize("sparsity", list(Sparsity))
def test_the_penalty_moves_every_weight_of_the_pruned_layers_and_no_other(algorithm, sparsity):
    model = seeded()
    pruner = prepare(model, config(algorithm=algorithm, sparsity=sparsity), CLIP)
    pruner.step(torch.zeros(())).backward()
    for name, parameter in model.named_parameters():
        if name in ("conv2.weight", "conv3.weight"):
            assert (gradient(parameter) * parameter > 0).all()  # a step against it goes towards zero
        else:
            assert parameter.grad is None


def test_the_penalty_drives_units_to_zero_and_fine_tuning_does_not(trained):
    near_zero, lost = {}, {}
    for name, strength in (("reweighted", 0.1), ("fine-tuned", 1e-9)):
        model = copy.deepcopy(trained)
        pruner = prepare(model, config(strength=strength, refresh=6), CLIP)
        before = np.concatenate(list(pruner.histogram().values()))
        train(model, 30, pruner)
        after = np.concatenate(list(pruner.histogram().values()))
        near_zero[name] = np.mean(after < before / 100)
        kept = accuracy(model)
        pruner.finalize()
        lost[name] = kept - accuracy(model)
        assert kept > 0.95
    assert near_zero["reweighted"] > 0.3
    assert near_zero["fine-tuned"] == 0
    assert lost["reweighted"] < 0.05 < lost["fine-tuned"]


def test_current_rate_counts_units_near_zero():
    model = seeded()
    pruner = prepare(model, config(), CLIP)
    assert pruner.current_rate() == 1
    with torch.no_grad():
        model.conv2.weight[:, :8] *= 1e-3
    total = sum(macs for macs in (4 * 8 * 8 * 16 * 27, 2 * 64 * 16 * 16 * 27, 64))
    assert pruner.current_rate() == pytest.approx(total / (total - 64 * 16 * 8 * 27))
    assert pruner.current_rate(threshold=1e-5) == 1


def test_the_heuristic_scores_the_loss_without_a_unit():
    model = seeded()
    x, y = clips()
    pruner = prepare(model, config(algorithm="heuristic", sparsity="vanilla"), CLIP)
    expected = torch.zeros(4, 8)
    for at in (0, 32):
        loss = F.cross_entropy(model(x[at : at + 32]), y[at : at + 32])
        assert pruner.step(loss) is loss
        model.zero_grad()
        loss.backward()
        pruner.after_backward()
        w = model.conv2.weight.detach() * gradient(model.conv2.weight)
        expected += torch.stack([torch.stack([q.sum() for q in p.split(2, 1)]) for p in w.split(4)]) ** 2
    torch.testing.assert_close(pruner.importance["conv2.weight"], expected.flatten())
    kept = pruner.finalize().masks["conv2.weight"][:, :, 0, 0, 0]
    assert expected.numpy()[kept].min() > expected.numpy()[~kept].max()


def test_a_batch_without_finite_gradients_does_not_count():
    model = seeded()
    pruner = prepare(model, config(algorithm="heuristic"), CLIP)
    backward(model, pruner)
    before = {name: scores.clone() for name, scores in pruner.importance.items()}
    for bad in (float("inf"), float("nan")):
        for parameter in model.parameters():
            gradient(parameter).fill_(bad)
        pruner.after_backward()
    assert all(torch.equal(before[name], scores) for name, scores in pruner.importance.items())


# --- masked training


@pytest.mark.parametrize("optimizer", [
    lambda parameters: torch.optim.SGD(parameters, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    lambda parameters: torch.optim.AdamW(parameters, 1e-2),
])  # fmt: skip
def test_removed_weights_stay_zero(optimizer):
    model = seeded()
    optimizer = optimizer(model.parameters())
    pruner = prepare(model, config(), CLIP)

    def update(at):
        optimizer.zero_grad()
        backward(model, pruner, at)
        optimizer.step()
        pruner.after_update()

    for at in (0, 32):  # momentum gathers in what is about to be removed
        update(at)
    pruner.finalize()
    removed = {name: getattr(model, name).weight == 0 for name in ("conv2", "conv3")}
    kept = {name: getattr(model, name).weight.detach().clone() for name in removed}
    for at in (0, 32, 64):
        update(at)
        for name, zero in removed.items():
            weight = getattr(model, name).weight
            assert zero.any()
            assert not weight[zero].any()
            assert not gradient(weight)[zero].any()
            assert (weight != kept[name])[~zero].float().mean() > 0.99


def test_an_optimizer_made_after_finalize_has_no_state_for_removed_weights():
    model = seeded()
    pruner = prepare(model, config(), CLIP)
    pruner.finalize()
    optimizer = torch.optim.Adam(model.parameters())
    backward(model, pruner)
    optimizer.step()  # no after_update
    zero = model.conv2.weight == 0
    assert zero.float().mean() > 0.5
    assert not optimizer.state[model.conv2.weight]["exp_avg_sq"][zero].any()


def test_after_finalize_step_adds_nothing():
    pruner = prepare(seeded(), config(), CLIP)
    loss = torch.ones(())
    assert pruner.step(loss) > 1
    pruner.finalize()
    assert pruner.step(loss) is loss


def test_a_masked_model_can_be_copied():
    model = seeded()
    prepare(model, config(), CLIP).finalize()
    other = copy.deepcopy(model)
    other(clips()[0]).sum().backward()
    assert gradient(other.conv2.weight)[other.conv2.weight == 0].any()  # the copy is free


# --- saved state


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("algorithm", ["reweighted", "fixed", "heuristic"])
@pytest.mark.parametrize("finalized", [False, True])
def test_a_run_that_resumes_ends_with_the_same_bits(algorithm, finalized):
    model = seeded()
    pruner = prepare(model, config(algorithm=algorithm, strength=0.1), CLIP)
    train(model, 3, pruner)  # one refresh, and one epoch towards the next
    if finalized:
        pruner.finalize()
    state = saved({"model": model.state_dict(), "pruner": pruner.state_dict()})
    resumed = Motion()
    other = prepare(resumed, config(algorithm=algorithm, strength=0.1), CLIP)
    resumed.load_state_dict(state["model"])
    other.load_state_dict(state["pruner"])
    for each, its in ((model, pruner), (resumed, other)):
        train(each, 3, its)
        if not finalized:
            its.finalize()
            train(each, 1, its)
    for name, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert other.report() == pruner.report()


def test_a_state_from_before_finalize_frees_the_weights():
    model = seeded()
    pruner = prepare(model, config(), CLIP)
    state = saved(pruner.state_dict())
    pruner.finalize()
    pruner.load_state_dict(state)
    assert pruner.masks is None
    backward(model, pruner)
    assert gradient(model.conv2.weight)[model.conv2.weight == 0].any()


def test_a_state_is_not_changed_by_what_comes_after():
    model = seeded()
    pruner = prepare(model, config(refresh=1), CLIP)
    state = pruner.state_dict()
    before = copy.deepcopy(state)
    train(model, 2, pruner)
    assert torch.equal(state["penalty"]["factors"], before["penalty"]["factors"])


def test_the_state_of_another_run_is_refused():
    state = prepare(seeded(), config(strength=0.5), CLIP).state_dict()
    with pytest.raises(PruneError, match=r"of another run: strength 0\.5 instead of 0\.02; resume with the options"):
        prepare(seeded(), config(), CLIP).load_state_dict(state)


@pytest.mark.parametrize("algorithm", ["reweighted", "heuristic"])
def test_the_state_of_another_model_is_refused(algorithm):
    wide = prepare(seeded(lambda: Motion(width=32)), config(algorithm=algorithm), CLIP)
    pruner = prepare(seeded(), config(algorithm=algorithm), CLIP)
    with pytest.raises(PruneError, match=r"of another model: its (penalty|importance) do not fit"):
        pruner.load_state_dict(wide.state_dict())
    with pytest.raises(PruneError, match=r"^the state has epoch: expected config, epochs"):
        pruner.load_state_dict({"epoch": 1})


def test_calls_out_of_order_are_refused():
    model = seeded()
    pruner = prepare(model, config(algorithm="heuristic"), CLIP)
    with pytest.raises(PruneError, match=r"^there is no report before finalize"):
        pruner.report()
    with pytest.raises(PruneError, match=r"^no importance was gathered: call after_backward"):
        pruner.finalize()
    backward(model, pruner)
    pruner.finalize()
    with pytest.raises(PruneError, match=r"^finalize was called before"):
        pruner.finalize()
