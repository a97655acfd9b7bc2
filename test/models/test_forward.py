"""The nets against the same nets written out over their state dicts, in float64, with functional ops alone."""

import torch
from torch.nn import functional as F

from rt3d_mlir import models


class Weights:
    def __init__(self, model: torch.nn.Module):
        self.state = model.double().state_dict()

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self.state

    def conv(self, x, name, stride=(1, 1, 1), groups=1):
        """Half the kernel on each side is the padding of every conv in these nets."""
        weight = self.state[f"{name}.weight"]
        padding = [size // 2 for size in weight.shape[2:]]
        return F.conv3d(x, weight, self.state.get(f"{name}.bias"), stride, padding, groups=groups)

    def norm(self, x, name, eps=1e-5):
        mean, var, scale, shift = (self.state[f"{name}.{key}"] for key in STATISTICS)
        return F.batch_norm(x, mean, var, scale, shift, eps=eps)

    def linear(self, x, name):
        return F.linear(x.mean((2, 3, 4)), self.state[f"{name}.weight"].flatten(1), self.state[f"{name}.bias"])


STATISTICS = ("running_mean", "running_var", "weight", "bias")


def clip(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def compare(name: str, reference, *shape: int, **options) -> None:
    model = models.build(name, 7, **options)
    weights = Weights(model)
    x = clip(*shape)
    with torch.no_grad():
        torch.testing.assert_close(model(x), reference(weights, x), rtol=1e-9, atol=1e-9)


def resnet(time_stride: int):
    def run(w: Weights, x: torch.Tensor) -> torch.Tensor:
        x = w.norm(w.conv(x, "stem.0", (1, 2, 2)), "stem.1").relu()
        for stage in (1, 2, 3, 4):
            for block in (0, 1):
                name = f"layer{stage}.{block}"
                stride = (time_stride, 2, 2) if stage > 1 and block == 0 else (1, 1, 1)
                y = w.norm(w.conv(x, f"{name}.conv1.0", stride), f"{name}.conv1.1").relu()
                y = w.norm(w.conv(y, f"{name}.conv2.0"), f"{name}.conv2.1")
                if w.has(f"{name}.downsample.0"):
                    x = w.norm(w.conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
                x = (x + y).relu()
        return w.linear(x, "fc")

    return run


def x3d(w: Weights, x: torch.Tensor) -> torch.Tensor:
    x = w.conv(x, "blocks.0.conv.conv_t", (1, 2, 2))
    x = w.norm(w.conv(x, "blocks.0.conv.conv_xy", groups=x.shape[1]), "blocks.0.norm").relu()
    for stage in (1, 2, 3, 4):
        for block in (0, 1, 2):
            name = f"blocks.{stage}.res_blocks.{block}"
            stride = (1, 1, 1) if block else (1, 2, 2)
            y = w.norm(w.conv(x, f"{name}.branch2.conv_a"), f"{name}.branch2.norm_a").relu()
            y = w.conv(y, f"{name}.branch2.conv_b", stride, groups=y.shape[1])
            y = w.norm(y, f"{name}.branch2.norm_b.0")
            if block != 1:
                gate = w.conv(y.mean((2, 3, 4), keepdim=True), f"{name}.branch2.norm_b.1.block.0").relu()
                y = y * w.conv(gate, f"{name}.branch2.norm_b.1.block.2").sigmoid()
            y = w.norm(w.conv(y * y.sigmoid(), f"{name}.branch2.conv_c"), f"{name}.branch2.norm_c")
            if block == 0:
                x = w.conv(x, f"{name}.branch1_conv", stride)
            if block == 0 and stage > 1:
                x = w.norm(x, f"{name}.branch1_norm")
            x = (x + y).relu()
    x = w.norm(w.conv(x, "blocks.5.pool.pre_conv"), "blocks.5.pool.pre_norm").relu()
    x = w.conv(x.mean((2, 3, 4), keepdim=True), "blocks.5.pool.post_conv").relu()
    return w.linear(x, "blocks.5.proj")


def hard_sigmoid(x: torch.Tensor) -> torch.Tensor:
    return ((x + 3) / 6).clamp(0, 1)


def mean_of_neighbours(x: torch.Tensor) -> torch.Tensor:
    """Means of 3x3 windows at every second place, of what lies inside the picture."""
    window = torch.ones(1, 1, 1, 3, 3, dtype=x.dtype)
    flat = x.flatten(0, 1)[:, None]
    sums, counts = (F.conv3d(v, window, stride=(1, 2, 2), padding=(0, 1, 1)) for v in (flat, torch.ones_like(flat)))
    return (sums / counts)[:, 0].unflatten(0, x.shape[:2])


def movinet(w: Weights, x: torch.Tensor) -> torch.Tensor:
    def conv(x, name, stride=(1, 1, 1), groups=1):
        return w.norm(w.conv(x, f"{name}.0", stride, groups), f"{name}.1", eps=1e-3)

    def hard_swish(x):
        return x * hard_sigmoid(x)

    x = hard_swish(conv(x, "stem", (1, 2, 2)))
    halves = (0, 1, 3, 5)  # of one block of stage 1, two of stage 2, one each of stages 3 to 5
    for block in range(6):
        name = f"blocks.{block}"
        stride = (1, 2, 2) if block in halves else (1, 1, 1)
        y = hard_swish(conv(x, f"{name}.expand"))
        y = hard_swish(conv(y, f"{name}.depthwise", stride, y.shape[1]))
        gate = hard_swish(w.conv(y.mean((2, 3, 4), keepdim=True), f"{name}.gate.reduce"))
        y = conv(y * hard_sigmoid(w.conv(gate, f"{name}.gate.expand")), f"{name}.project")
        if block in halves:
            x = conv(mean_of_neighbours(x), f"{name}.shortcut.1")
        x = x + w.state[f"{name}.alpha"] * y
    x = hard_swish(conv(x, "head")).mean((2, 3, 4), keepdim=True)
    return w.linear(hard_swish(w.conv(x, "features")), "classifier")


def unet(w: Weights, x: torch.Tensor) -> torch.Tensor:
    def stage(x, name, stride=1):
        for i in (0, 1):
            x = w.conv(x, f"{name}.convs.{i}.conv", stride if i == 0 else 1)
            mean = x.mean((2, 3, 4), keepdim=True)
            x = (x - mean) / ((x - mean).square().mean((2, 3, 4), keepdim=True) + 1e-5).sqrt()
            scale, shift = (w.state[f"{name}.convs.{i}.norm.{key}"].view(-1, 1, 1, 1) for key in ("weight", "bias"))
            x = x * scale + shift
            x = torch.where(x > 0, x, 0.01 * x)
        return x

    given = []
    for level in range(5):
        x = stage(x, f"encoder.stages.{level}.0", 2 if level else 1)
        given.append(x)
    for level in range(4):
        weight, bias = (w.state[f"decoder.transpconvs.{level}.{key}"] for key in ("weight", "bias"))
        n, _, *size = x.shape
        x = torch.einsum("ncdhw,cfijk->nfdihjwk", x, weight).reshape(n, -1, *(2 * k for k in size))
        x = torch.cat([x + bias.view(-1, 1, 1, 1), given[3 - level]], 1)
        x = stage(x, f"decoder.stages.{level}")
    return w.conv(x, "decoder.seg_layers.3")


def meshnet(w: Weights, x: torch.Tensor) -> torch.Tensor:
    for i, dilation in enumerate((1, 1, 2, 4, 8, 16, 1)):
        weight, bias = (w.state[f"blocks.{i}.0.{key}"] for key in ("weight", "bias"))
        x = w.norm(F.conv3d(x, weight, bias, padding=dilation, dilation=dilation), f"blocks.{i}.1").relu()
    return w.conv(x, "head")


def test_unet():
    compare("unet3d", unet, 2, 3, 16, 32, 48, width=4, channels=3)


def test_meshnet():
    compare("meshnet", meshnet, 2, 2, 9, 20, 7, width=4, channels=2)


def test_r3d():
    compare("r3d_18", resnet(2), 2, 3, 9, 40, 56, width=4)


def test_mc3_never_halves_time():
    compare("mc3_18", resnet(1), 2, 3, 5, 40, 56, width=4)


def test_x3d():
    compare("x3d_s", x3d, 2, 3, 5, 70, 96, width=8, depths=(3, 3, 3, 3))


def test_movinet():
    compare("movinet_a0", movinet, 2, 3, 6, 70, 96, depths=(1, 2, 1, 1, 1))
