"""The class of each voxel of a volume: an artifact in windows that overlap.

    python samples/segment_volume/segment_volume.py DIR VOLUME -o OUT [--overlap 0.5] [--mode gaussian]
                                                    [--raw] [--truth FILE] [--picture PNG] [--threads N]

DIR is what rt3d-mlir-compile wrote of a network that answers windows with logits a class. VOLUME and OUT are .nii,
.nii.gz (pip install 'rt3d-mlir[nifti]') or .npy. A .npy is [D, H, W] or [C, D, H, W]; of NIfTI the axes stay in the
file's order, channels are its fourth one, and OUT has its affine. Each channel is brought to mean 0 and deviation 1, or
left as it is by --raw. --truth compares with the classes that are known.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from phantom import normalized

from rt3d_mlir.errors import InputError, Rt3dError
from rt3d_mlir.runtime import load, run_in_windows
from rt3d_mlir.runtime.volumes import MODES

NIFTI = (".nii", ".nii.gz")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 1 for an error that is said on stderr."""
    try:
        run(parse(argv))
    except Rt3dError as error:
        print(f"segment_volume.py: error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segment_volume.py", description="Segment a volume in windows that overlap.")
    parser.add_argument("artifact", metavar="DIR", type=Path, help="what rt3d-mlir-compile -o wrote")
    parser.add_argument("volume", metavar="VOLUME", type=Path, help=".nii, .nii.gz or .npy")
    parser.add_argument("-o", dest="output", metavar="OUT", type=Path, required=True, help=".nii, .nii.gz or .npy")
    parser.add_argument("--overlap", type=float, default=0.5, help="share of a window (default: 0.5)")
    parser.add_argument("--mode", choices=MODES, default="gaussian", help="weights in a window (default: gaussian)")
    parser.add_argument("--raw", action="store_true", help="leave intensities as they are")
    parser.add_argument("--truth", metavar="FILE", type=Path, help="the known class of each voxel")
    parser.add_argument("--picture", metavar="PNG", type=Path, help="the middle slices, and their classes")
    parser.add_argument("--threads", metavar="N", type=int, help="default: IREE's choice")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Segments, writes, and prints what came of it."""
    kind_of(args.output)
    module = load(args.artifact, threads=args.threads)
    data, like = read(args.volume)
    volume = data if args.raw else normalized(data)
    truth = read(args.truth)[0][0] if args.truth else None
    if truth is not None and truth.shape != volume.shape[1:]:
        raise InputError(f"{args.truth} has {truth.shape} voxels, {args.volume} {volume.shape[1:]}; expected as many")
    started = time.perf_counter()
    logits = run_in_windows(module, volume, args.overlap, args.mode, progress=show)
    seconds = time.perf_counter() - started
    labels = np.argmax(logits, axis=0).astype(np.uint8 if len(logits) <= 256 else np.uint16)
    write(args.output, labels, like)
    windows = "x".join(map(str, module.inputs[0].shape[2:]))
    print(f"{'x'.join(map(str, labels.shape))} voxels in windows of {windows}: {seconds:.1f} s; wrote {args.output}")
    for number in range(len(logits)):
        said = "" if truth is None else f", Dice {dice(labels == number, truth == number):.3f}"
        print(f"class {number}: {np.mean(labels == number):6.1%} of the voxels{said}")
    if args.picture:
        draw(args.picture, volume[0], labels, truth, len(logits))


def show(done: int, total: int) -> None:
    """A line that counts, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total} windows", end="\n" if done == total else "", file=sys.stderr, flush=True)


def dice(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Twice what two sets share over what they have together; 1 where both are empty."""
    together = np.count_nonzero(ours) + np.count_nonzero(theirs)
    return 2 * np.count_nonzero(ours & theirs) / together if together else 1.0


def kind_of(path: Path) -> str:
    """The suffix. Raises InputError for one that is not known."""
    kind = next((suffix for suffix in (*NIFTI, ".npy") if path.name.endswith(suffix)), None)
    if kind is None:
        raise InputError(f"{path}: expected a name that ends in .nii, .nii.gz or .npy")
    return kind


def read(path: Path) -> tuple[np.ndarray, Any]:
    """The volume [C, D, H, W], and the image that a NIfTI is written like; None for .npy.

    Raises InputError for a file that cannot be read, and for one that is no volume.
    """
    like = None
    if kind_of(path) in NIFTI:
        nibabel = import_nibabel()
        try:
            like = nibabel.load(path)
            data = np.asanyarray(like.dataobj)
        except (OSError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
            raise InputError(f"{path} cannot be read as NIfTI: {error}") from None
        data = np.moveaxis(data, 3, 0) if data.ndim == 4 else data
    else:
        try:
            data = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as .npy: {error}") from None
    if data.ndim not in (3, 4) or data.dtype.kind not in "iuf":
        raise InputError(f"{path} holds {data.dtype} of shape {data.shape}; expected numbers DxHxW or CxDxHxW")
    return (data if data.ndim == 4 else data[np.newaxis]), like


def write(path: Path, labels: np.ndarray, like: Any) -> None:
    """`labels` [D, H, W]; a NIfTI gets the affine of the image that it is `like`, or one of unit steps."""
    if kind_of(path) in NIFTI:
        nibabel = import_nibabel()
        affine = np.eye(4) if like is None else like.affine
        nibabel.save(nibabel.Nifti1Image(labels, affine), path)
    else:
        np.save(path, labels)


def import_nibabel() -> Any:
    """The package. Raises InputError where it is not installed."""
    try:
        import nibabel  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise InputError("NIfTI needs a package that is not installed: pip install 'rt3d-mlir[nifti]'") from None
    return nibabel


def draw(path: Path, volume: np.ndarray, labels: np.ndarray, truth: np.ndarray | None, classes: int) -> None:
    """The middle slice across each axis, a row each: the volume, our classes, and those that are known."""
    shown = [("volume", volume), ("classes", labels), *([] if truth is None else [("truth", truth)])]
    figure = Figure(figsize=(2.6 * len(shown), 7.8), layout="constrained")
    FigureCanvasAgg(figure)
    colours = ListedColormap(["#101418", "#7a8fa6", "#e8e2d0", "#3c7fb1", "#c8553d", "#6aa84f", "#b07aa1"])
    for axis, row in enumerate(figure.subplots(3, len(shown), squeeze=False)):
        for place, (title, array) in zip(row, shown, strict=True):
            picture = np.take(array, array.shape[axis] // 2, axis)
            if title == "volume":
                low, high = np.percentile(volume, (1, 99.5))
                place.imshow(picture, cmap="gray", vmin=low, vmax=high)
            else:
                place.imshow(picture % colours.N, cmap=colours, vmin=0, vmax=colours.N - 1, interpolation="nearest")
            place.set_title(title if axis == 0 else "")
            place.axis("off")
    figure.savefig(path, dpi=100)
    print(f"wrote {path}: {classes} classes")


if __name__ == "__main__":
    sys.exit(main())
