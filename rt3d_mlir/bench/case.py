"""What all engines get: one network with its pruned weights, one clip, and PyTorch's answer in float64.

A case is a folder: case.json, weights.safetensors, input.npy, reference.npy; model.onnx once an engine asks for it.
"""

import json
import warnings
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rt3d_mlir.bench.available import require
from rt3d_mlir.errors import ConfigError, did_you_mean
from rt3d_mlir.files import replacing
from rt3d_mlir.sparsity import GroupSize, apply_masks, config_names, load_config, load_weights, masks_for, save_weights

if TYPE_CHECKING:
    import torch

    from rt3d_mlir.bench.work import ModelWork

DENSE = "dense"
_FILES = (".json", ".yaml", ".yml")
#: What is measured beside `dense` where nothing is asked for: the rates of the RT3D paper's Table 2 (for C3D of its
#: Table 1 too), the same ratios for the other forms of S3D, and uniform ones for the nets that the paper lacks.
USUAL_CONFIGS = (
    "c3d-2.53x",
    "c3d-3.57x",
    "r2plus1d-3.23x",
    "s3d-2.10x",
    "s3d-ts1-1.78x",
    "s3d-torchvision-1.84x",
    "r3d-uniform-3.07x",
    "mc3-uniform-3.05x",
    "unet3d-uniform-3.00x",
    "meshnet-uniform-2.96x",
)


@dataclass(frozen=True)
class CaseSpec:
    """A model of the zoo and a pruning configuration; `options` go to the model's constructor (num_classes, width)."""

    model: str
    config: str
    group: str
    """As in "16x4"."""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def config_name(self) -> str:
        """A file's without folder and suffix; a shipped one has dots of its own."""
        return Path(self.config).stem if Path(self.config).suffix in _FILES else self.config

    @property
    def folder_name(self) -> str:
        return f"{self.model}-{self.config_name}"

    @property
    def label(self) -> str:
        """As the tables call it: `c3d dense`, `c3d-3.57x` (shipped ones have the model in their name)."""
        return self.config if self.config in config_names() else f"{self.model} {self.config_name}"


class Case:
    """A case that `write_case` made. Everything is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = CaseSpec(**json.loads((folder / "case.json").read_text()))

    @cached_property
    def input(self) -> np.ndarray:
        return np.load(self.folder / "input.npy")

    @cached_property
    def reference(self) -> np.ndarray:
        """float64, with the masks applied."""
        return np.load(self.folder / "reference.npy")

    @property
    def weights_file(self) -> Path:
        return self.folder / "weights.safetensors"

    def error(self, answer: np.ndarray) -> float:
        """The largest difference from the reference, in shares of the reference's range."""
        if answer.shape != self.reference.shape:
            return float("inf")
        return float(np.abs(answer - self.reference).max() / np.ptp(self.reference))

    def model(self) -> "torch.nn.Module":
        """The network with its weights, in eval mode."""
        import torch

        from rt3d_mlir import models

        model = models.build(self.spec.model, **self.spec.options)
        model.load_state_dict({key: torch.from_numpy(w) for key, w in load_weights(self.weights_file).items()})
        return model

    def work(self) -> "ModelWork":
        """Its multiplications and activations; a dense case keeps all weights."""
        from rt3d_mlir.bench.work import model_work

        group = None if self.spec.config == DENSE else GroupSize.parse(self.spec.group)
        return model_work(self.model(), load_weights(self.weights_file), self.input.shape, group)

    def onnx(self) -> Path:
        """The network as ONNX, exported once. Raises UnavailableError without onnx and onnxscript."""
        path = self.folder / "model.onnx"
        if path.exists():
            return path
        require("onnx", "onnx")
        require("onnxscript", "onnxscript")
        import torch

        with replacing(path) as new, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                self.model(),
                (torch.from_numpy(self.input),),
                str(new),
                dynamo=True,
                external_data=False,
                input_names=["x"],
                output_names=["y"],
            )
        return path


def write_case(spec: CaseSpec, folder: Path) -> Case:
    """Builds the network (seed 0), prunes it, and runs it once in float64.

    Raises ModelError, ConfigError and MaskError for what does not exist or does not fit.
    """
    import torch

    from rt3d_mlir import models

    model = models.build(spec.model, **spec.options)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    if spec.config != DENSE:
        group, transposed = GroupSize.parse(spec.group), models.transposed_weights(model)
        masks = masks_for(load_config(spec.config), weights, group, transposed=transposed)
        weights = apply_masks(weights, masks)
    batch, channels, *clip = models.input_shape(spec.model)
    shape = (batch, channels, *spec.options.get("clip", clip))
    clip = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    folder.mkdir(parents=True)
    save_weights(folder / "weights.safetensors", weights)
    np.save(folder / "input.npy", clip)
    model.load_state_dict({key: torch.from_numpy(w) for key, w in weights.items()})
    with torch.no_grad():
        np.save(folder / "reference.npy", model.double()(torch.from_numpy(clip).double()).numpy())
    (folder / "case.json").write_text(json.dumps(asdict(spec)))
    return Case(folder)


def case_specs(
    models_named: list[str], configs: list[str] | None, group: str, options: dict[str, Any] | None = None
) -> list[CaseSpec]:
    """Each model with `dense` and those of `configs` that were made for it; None stands for `dense` and the usual ones.

    Raises ModelError for an unknown model, ConfigError for an unknown configuration or one that fits no model.
    """
    from rt3d_mlir import models

    for model in models_named:
        models.input_shape(model)
    if configs is None:
        configs = [DENSE, *(name for name in USUAL_CONFIGS if load_config(name).model in models_named)]
    made_for = {config: None if config == DENSE else _model_of(config) for config in configs}
    for config, model in made_for.items():
        if model is not None and model not in models_named:
            raise ConfigError(
                f"configuration {config} was made for {model}, but --models says {','.join(models_named)}"
            )
    return [
        CaseSpec(model, config, group, dict(options or {}))
        for model in models_named
        for config in configs
        if made_for[config] in (None, model)
    ]


def _model_of(config: str) -> str | None:
    known = [DENSE, *config_names()]
    if Path(config).suffix not in _FILES and config not in known:
        raise ConfigError(
            f"no configuration is called '{config}'; known: {', '.join(known)}{did_you_mean(config, known)}"
        )
    return load_config(config).model
