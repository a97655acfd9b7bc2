"""Parameter names and shapes, stated without our code, as torchvision and PyTorchVideo have them.

Strict loading of a checkpoint asks for nothing else. A line is a pattern and a shape: "conv{1,2}" stands for both,
and ".*" for the five tensors of a batch norm.
"""

import math
import re

import pytest
import torch

from rt3d_mlir import models

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def expand(pattern: str) -> list[str]:
    braces = re.search(r"\{([^}]*)\}", pattern)
    if braces is None:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [name for choice in braces[1].split(",") for name in expand(before + choice + after)]


def stated(lines: str) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for line in filter(str.strip, lines.split("\n")):
        pattern, *sizes = line.split()
        names = expand(pattern)
        if pattern.endswith(".*"):
            shapes |= {name.replace("*", "num_batches_tracked"): () for name in names}
            names = [name.replace("*", key) for name in names for key in BATCH_NORM]
        shapes |= dict.fromkeys(names, tuple(map(int, sizes)))
    return shapes


def resnet(kernel: str) -> str:
    stages = "".join(
        f"""
        layer{n}.0.conv1.0.weight                          {c} {c // 2} {kernel}
        layer{n}.{{0.conv2,1.conv1,1.conv2}}.0.weight      {c} {c} {kernel}
        layer{n}.{{0,1}}.conv{{1,2}}.1.*                   {c}
        layer{n}.0.downsample.0.weight                     {c} {c // 2} 1 1 1
        layer{n}.0.downsample.1.*                          {c}
        """
        for n, c in ((2, 128), (3, 256), (4, 512))
    )
    return f"""
        stem.0.weight                       64 3 3 7 7
        stem.1.*                            64
        layer1.{{0,1}}.conv{{1,2}}.0.weight 64 64 3 3 3
        layer1.{{0,1}}.conv{{1,2}}.1.*      64
        {stages}
        fc.weight                           400 512
        fc.bias                             400
        """


def r2plus1d() -> str:
    stages = "".join(
        f"""
        layer{n}.0.conv1.0.0.weight            {mid0} {c // 2} 1 3 3
        layer{n}.0.conv2.0.0.weight            {mid0} {c} 1 3 3
        layer{n}.0.conv{{1,2}}.0.1.*           {mid0}
        layer{n}.0.conv{{1,2}}.0.3.weight      {c} {mid0} 3 1 1
        layer{n}.1.conv{{1,2}}.0.0.weight      {mid1} {c} 1 3 3
        layer{n}.1.conv{{1,2}}.0.1.*           {mid1}
        layer{n}.1.conv{{1,2}}.0.3.weight      {c} {mid1} 3 1 1
        layer{n}.{{0,1}}.conv{{1,2}}.1.*       {c}
        layer{n}.0.downsample.0.weight         {c} {c // 2} 1 1 1
        layer{n}.0.downsample.1.*              {c}
        """
        for n, c, mid0, mid1 in ((2, 128, 230, 288), (3, 256, 460, 576), (4, 512, 921, 1152))
    )
    return f"""
        stem.0.weight                           45 3 1 7 7
        stem.1.*                                45
        stem.3.weight                           64 45 3 1 1
        stem.4.*                                64
        layer1.{{0,1}}.conv{{1,2}}.0.0.weight   144 64 1 3 3
        layer1.{{0,1}}.conv{{1,2}}.0.1.*        144
        layer1.{{0,1}}.conv{{1,2}}.0.3.weight   64 144 3 1 1
        layer1.{{0,1}}.conv{{1,2}}.1.*          64
        {stages}
        fc.weight                               400 512
        fc.bias                                 400
        """


INCEPTION = {  # features' index: input channels, then 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool
    5: (192, 64, 96, 128, 16, 32, 32),
    6: (256, 128, 128, 192, 32, 96, 64),
    8: (480, 192, 96, 208, 16, 48, 64),
    9: (512, 160, 112, 224, 24, 64, 64),
    10: (512, 128, 128, 256, 24, 64, 64),
    11: (512, 112, 144, 288, 32, 64, 64),
    12: (528, 256, 160, 320, 32, 128, 128),
    14: (832, 256, 160, 320, 32, 128, 128),
    15: (832, 384, 192, 384, 48, 128, 128),
}


def s3d() -> str:
    blocks = "".join(
        f"""
        features.{n}.branch0.0.weight                {b0} {c} 1 1 1
        features.{n}.branch0.1.*                     {b0}
        features.{n}.branch1.0.0.weight              {mid1} {c} 1 1 1
        features.{n}.branch1.0.1.*                   {mid1}
        features.{n}.branch1.1.0.0.weight            {b1} {mid1} 1 3 3
        features.{n}.branch1.1.1.0.weight            {b1} {b1} 3 1 1
        features.{n}.branch1.1.{{0,1}}.1.*           {b1}
        features.{n}.branch2.0.0.weight              {mid2} {c} 1 1 1
        features.{n}.branch2.0.1.*                   {mid2}
        features.{n}.branch2.1.0.0.weight            {b2} {mid2} 1 3 3
        features.{n}.branch2.1.1.0.weight            {b2} {b2} 3 1 1
        features.{n}.branch2.1.{{0,1}}.1.*           {b2}
        features.{n}.branch3.1.0.weight              {b3} {c} 1 1 1
        features.{n}.branch3.1.1.*                   {b3}
        """
        for n, (c, b0, mid1, b1, mid2, b2, b3) in INCEPTION.items()
    )
    return f"""
        features.0.0.0.weight           64 3 1 7 7
        features.0.1.0.weight           64 64 7 1 1
        features.{{0.0,0.1,2}}.1.*      64
        features.2.0.weight             64 64 1 1 1
        features.3.0.0.weight           192 64 1 3 3
        features.3.1.0.weight           192 192 3 1 1
        features.3.{{0,1}}.1.*          192
        {blocks}
        classifier.1.weight             400 1024 1 1 1
        classifier.1.bias               400
        """


def x3d() -> str:
    rows = [
        f"""
        blocks.{n}.res_blocks.0.branch1_conv.weight                    {c} {inputs} 1 1 1
        blocks.{n}.res_blocks.0.branch2.conv_a.weight                  {inner} {inputs} 1 1 1
        blocks.{n}.res_blocks.{{{later}}}.branch2.conv_a.weight        {inner} {c} 1 1 1
        blocks.{n}.res_blocks.{{0,{later}}}.branch2.norm_a.*           {inner}
        blocks.{n}.res_blocks.{{0,{later}}}.branch2.conv_b.weight      {inner} 1 3 3 3
        blocks.{n}.res_blocks.{{0,{later}}}.branch2.norm_b.0.*         {inner}
        blocks.{n}.res_blocks.{{{gated}}}.branch2.norm_b.1.block.0.weight    {squeezed} {inner} 1 1 1
        blocks.{n}.res_blocks.{{{gated}}}.branch2.norm_b.1.block.0.bias      {squeezed}
        blocks.{n}.res_blocks.{{{gated}}}.branch2.norm_b.1.block.2.weight    {inner} {squeezed} 1 1 1
        blocks.{n}.res_blocks.{{{gated}}}.branch2.norm_b.1.block.2.bias      {inner}
        blocks.{n}.res_blocks.{{0,{later}}}.branch2.conv_c.weight      {c} {inner} 1 1 1
        blocks.{n}.res_blocks.{{0,{later}}}.branch2.norm_c.*           {c}
        """
        for n, inputs, c, inner, squeezed, later, gated in (
            (1, 24, 24, 54, 8, "1,2", "0,2"),
            (2, 24, 48, 108, 8, "1,2,3,4", "0,2,4"),
            (3, 48, 96, 216, 16, "1,2,3,4,5,6,7,8,9,10", "0,2,4,6,8,10"),
            (4, 96, 192, 432, 32, "1,2,3,4,5,6", "0,2,4,6"),
        )
    ]
    return f"""
        blocks.0.conv.conv_t.weight                     24 3 1 3 3
        blocks.0.conv.conv_xy.weight                    24 1 5 1 1
        blocks.0.norm.*                                 24
        {"".join(rows)}
        blocks.2.res_blocks.0.branch1_norm.*            48
        blocks.3.res_blocks.0.branch1_norm.*            96
        blocks.4.res_blocks.0.branch1_norm.*            192
        blocks.5.pool.pre_conv.weight                   432 192 1 1 1
        blocks.5.pool.pre_norm.*                        432
        blocks.5.pool.post_conv.weight                  2048 432 1 1 1
        blocks.5.proj.weight                            400 2048
        blocks.5.proj.bias                              400
        """


# The totals are those that torchvision publishes with its weights ("num_params"); PyTorchVideo rounds to 3.79 M.
CHECKPOINTS = {
    "r3d_18": (models.R3D, {}, resnet("3 3 3"), 33_371_472),
    "mc3_18": (models.MC3, {}, resnet("1 3 3"), 11_695_440),
    "r2plus1d_18": (models.R2Plus1D, {}, r2plus1d(), 31_505_325),
    "s3d_torchvision": (models.S3D, {"torchvision": True}, s3d(), 8_320_048),
    "x3d_s": (models.X3D, {}, x3d(), 3_794_274),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_published_checkpoint_fits(name: str):
    model_class, options, lines, parameters = CHECKPOINTS[name]
    shapes = stated(lines)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(buffers)) == parameters
    with torch.device("meta"):
        model = model_class(num_classes=400, **options)
    assert {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()} == shapes
