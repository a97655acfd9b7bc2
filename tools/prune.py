"""rt3d-mlir-prune: trains a model, finds its masks, retrains what is left."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rt3d_mlir import models
from rt3d_mlir.errors import DataError
from rt3d_mlir.frontend.checkpoint import decide_classes, read_checkpoint
from rt3d_mlir.pruning import ALGORITHMS, NORMS, PruneConfig
from rt3d_mlir.sparsity import GroupSize, Sparsity, load_config, save_weights
from rt3d_mlir.tools import console
from rt3d_mlir.training import Recipe, RunFolder, Trainer, World, open_data, open_model
from rt3d_mlir.training.data.clips import Transform
from rt3d_mlir.training.data.options import DataOptions, VideoOptions
from rt3d_mlir.training.distributed import join
from rt3d_mlir.training.model import load_checkpoint, numpy_weights
from rt3d_mlir.training.progress import Progress
from rt3d_mlir.training.results import write_results

PROG = "rt3d-mlir-prune"
EPILOG = """\
DIR gets weights.safetensors, masks.safetensors, model.pt2 (the pruned model),
dense.safetensors (the model before pruning), report.json and curves.png. To compile them:
  rt3d-mlir-compile DIR/model.pt2 --masks DIR/masks.safetensors
Several GPUs: torchrun --nproc-per-node 4 -m rt3d_mlir.tools.prune MODEL ...
--batch is that of all GPUs together."""


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    words = sys.argv[1:] if argv is None else argv
    return console.run(lambda: _run(_parse(words), shlex.join([PROG, *words])), PROG)


def _run(args: argparse.Namespace, command: str) -> None:
    config = _prune_config(args)
    recipe = _recipe(args)
    with join(args.device) as world:
        data = open_data(args.data, world.device, _data_options(args))
        classes = _classes(args, data.classes)
        model = open_model(args.model, classes, data.shape, args.seed, args.width, data.label_shape)
        if args.weights:
            load_checkpoint(model, args.weights)
        identity = _identity(args, model, data, recipe, config, world)
        folder = RunFolder(args.output, identity)
        with Progress(console.log, recipe.dense_epochs + recipe.epochs) as progress:
            trainer = Trainer(model, data, recipe, config, world, progress)
            if args.resume:
                trainer.load_state_dict(folder.load())
                progress.log(f"resuming after epoch {len(trainer.epochs)}")
            elif world.is_first:
                folder.create(args.force)
            trainer.train(lambda trainer: _save(trainer, folder))
        for line in data.skipped:
            console.log.print(f"warning: skipped {line}")
        if world.is_first:
            write_results(trainer, args.output, {"command": command, "model": args.model, "weights": args.weights})
            _print(trainer, args.output)


def _save(trainer: Trainer, folder: RunFolder) -> None:
    """The checkpoint; and the dense weights, where pruning begins."""
    state = trainer.state_dict()
    if not trainer.world.is_first:
        return
    if len(trainer.epochs) == trainer.recipe.dense_epochs:
        save_weights(folder.path / "dense.safetensors", numpy_weights(trainer.model))
    folder.save(state)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Prune a 3D CNN while it trains.",
        usage="%(prog)s MODEL --data DATA --rate 2.6 -o DIR [options]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    console.add_common(parser)
    add = parser.add_argument
    known = ", ".join(models.names())
    add(
        "model", metavar="MODEL", help=f"{known}, or package.module:factory, called with num_classes and clip=(T, H, W)"
    )
    add("--data", required=True, metavar="DATA", help="clips.npz | a folder of videos (UCF101's layout) | synthetic")
    add("-o", dest="output", type=Path, required=True, metavar="DIR", help="where checkpoint and results go")
    add("--resume", action="store_true", help="continue the run in DIR, with the same arguments")
    add("--force", action="store_true", help="start the run in DIR anew")
    add("--device", default="auto", help="cpu, cuda or cuda:N (default: CUDA if there is some)")
    add("--seed", type=int, default=0, help="default: 0")
    _add_pruning(parser)
    _add_training(parser)
    _add_data(parser)
    return parser.parse_args(argv)


def _add_pruning(parser: argparse.ArgumentParser) -> None:
    pruning = parser.add_argument_group("pruning")
    target = pruning.add_mutually_exclusive_group(required=True)
    target.add_argument("--rate", type=float, help="dense MACs / MACs left of the whole network, as in 2.6")
    target.add_argument("--ratios", metavar="NAME", help="ratios by layer: a shipped config or a YAML/JSON file")
    add = pruning.add_argument
    add("--sparsity", default="kgs", choices=[str(kind) for kind in Sparsity], help="default: kgs")
    add(
        "--group",
        type=GroupSize.parse,
        default=GroupSize(8, 4),
        metavar="8x4",
        help="filters x channels (default: 8x4)",
    )
    add("--balanced", action="store_true", help="kgs: equal work in all rows of groups of a layer")
    add("--algorithm", default="reweighted", choices=ALGORITHMS, help="default: reweighted")
    add("--strength", type=float, default=PruneConfig.strength, help="lambda of the penalty (default: %(default)s)")
    add("--norm", default=PruneConfig.norm, choices=NORMS, help="of a group in the penalty (default: %(default)s)")


def _add_training(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("training").add_argument
    add(
        "--weights",
        metavar="F",
        help="of a trained model, as rt3d-mlir-compile takes them (default: train a dense one)",
    )
    add(
        "--classes",
        type=console.positive,
        metavar="N",
        help="answers of the model (default: those of --weights, or the data's)",
    )
    add("--width", type=int, help="channels of a zoo model's first layer (default: its own)")
    add(
        "--epochs",
        type=int,
        default=Recipe.epochs,
        help="5/8 to prune, 3/8 to retrain; heuristic: 1 to prune (default: 240)",
    )
    add("--dense-epochs", type=int, help="before those (default: as many, or 0 with --weights)")
    add("--batch", type=int, default=Recipe.batch, help="clips (default: %(default)s)")
    add("--lr", type=float, default=Recipe.lr, help="of pruning, and of retraining at its start (default: %(default)s)")
    add("--dense-lr", type=float, default=Recipe.dense_lr, help="of dense training at its start (default: %(default)s)")
    add("--distill", action="store_true", help="retraining learns from the dense model's answers too")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--input-transform", type=Transform, choices=list(Transform), help="uint8 clips: x/255 (unit) or log(1 + x)")
    add("--split", type=int, choices=(1, 2, 3), default=1, help="videos: of UCF101 (default: 1)")
    add("--crop", type=int, help="videos: pixels, of a short side 8/7 as long (default: the model's usual)")
    add("--normalize", choices=("imagenet", "kinetics"), default="imagenet", help="videos: whose mean and deviation")
    add("--workers", type=int, default=4, help="videos: decoding processes (default: 4)")
    add("--max-damaged", type=float, default=0.01, metavar="SHARE", help="videos: skipped at most (default: 0.01)")


def _prune_config(args: argparse.Namespace) -> PruneConfig:
    return PruneConfig(
        sparsity=args.sparsity,
        group=args.group,
        algorithm=args.algorithm,
        rate=args.rate,
        ratios=load_config(args.ratios).ratios if args.ratios else None,
        balanced=args.balanced,
        strength=args.strength,
        norm=args.norm,
    )


def _recipe(args: argparse.Namespace) -> Recipe:
    dense = args.dense_epochs
    if dense is None:
        dense = 0 if args.weights else args.epochs
    return Recipe(args.epochs, dense, args.batch, args.lr, args.dense_lr, distill=args.distill, seed=args.seed)


def _classes(args: argparse.Namespace, known: Sequence[str]) -> int:
    """How many answers the model has; the first ones are the data's classes."""
    checkpoint = read_checkpoint(args.weights) if args.weights else None
    classes = decide_classes(args.model, checkpoint, args.weights, args.classes) or len(known)
    if classes < len(known):
        raise DataError(f"{args.data} has {len(known)} classes, the model {classes}; expected at least as many")
    if classes > len(known):
        console.log.print(f"note: {args.model} has {classes} classes, of which {args.data} uses the first {len(known)}")
    return classes


def _data_options(args: argparse.Namespace) -> DataOptions:
    usual = (VideoOptions.frames, VideoOptions.crop)
    if args.model in models.names():
        _, _, *usual, _ = models.input_shape(args.model)
    if not 0 <= args.max_damaged < 1:
        raise DataError(f"--max-damaged {args.max_damaged}: expected a share, 0 <= share < 1")
    frames, crop = usual
    videos = VideoOptions(args.split, frames, args.crop or crop, args.normalize, args.workers, args.max_damaged)
    return DataOptions(args.input_transform, videos)


def _identity(
    args: argparse.Namespace, model: Any, data: Any, recipe: Recipe, config: PruneConfig, world: World
) -> dict[str, Any]:
    """What a checkpoint has to agree in; the command line's words where there are some."""
    options = ("input_transform", "split", "crop", "normalize") if args.data != "synthetic" else ()
    return {
        "MODEL": args.model,
        "--data": args.data,
        "--weights": args.weights,
        **{f"--{name.replace('_', '-')}": None if (v := getattr(args, name)) is None else str(v) for name in options},
        "classes": list(data.classes),
        "clips": [*data.shape, data.train_size, data.test_size],
        "parameter": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
        "recipe": dict(recipe.to_dict()),
        "pruning": config.to_dict(),
        "processes": world.size,
    }


def _print(trainer: Trainer, folder: Path) -> None:
    assert trainer.pruner is not None
    report = trainer.pruner.report()
    accuracy = trainer.accuracy
    console.out.print(
        f"{folder}: {report.rate_reached:.2f}x fewer MACs"
        + (f" ({report.rate_asked:g}x asked)" if report.rate_asked else "")
        + f"; test accuracy {accuracy['final']:.1%}, dense {accuracy['dense']:.1%}, "
        f"before retraining {accuracy['hard_pruned']:.1%}"
    )
    console.out.print(
        f"next: rt3d-mlir-compile {folder}/model.pt2 --masks {folder}/masks.safetensors --target host -o ..."
    )


if __name__ == "__main__":
    sys.exit(main())
