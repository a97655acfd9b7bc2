"""What a video or a camera shows, moment by moment: an artifact on a window that slides over the frames.

    python samples/classify_video/app.py DIR (VIDEO [--live] | --camera N) -o OUT.mp4|OUT.png
                                         [--labels FILE] [--stride N] [--mean R G B] [--std R G B]

DIR is what rt3d-mlir-compile wrote; length and size of the window are its manifest's. A camera does not wait: the
window moves on by all the frames that came while the last one was classified, and what is too many for a window is
dropped and counted. --live plays a file that way. Ctrl-C ends it; the picture so far is kept.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from capture import Capture, frames, in_real_time, open_camera, open_file, rate
from classify import Classifier
from picture import open_picture

from rt3d_mlir.errors import InputError, Rt3dError
from rt3d_mlir.runtime.video import IMAGENET_MEAN, IMAGENET_STD


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, 1 for an error that is said on stderr, or 130 where Ctrl-C ended it."""
    try:
        return run(parse(argv))
    except Rt3dError as error:
        print(f"app.py: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py", description="Classify a video or a camera, window by window.")
    parser.add_argument("artifact", metavar="DIR", type=Path, help="what rt3d-mlir-compile -o wrote")
    parser.add_argument("video", metavar="VIDEO", type=Path, nargs="?", help="a file that FFmpeg reads")
    parser.add_argument("--camera", metavar="N", type=int, help="/dev/videoN (Linux)")
    parser.add_argument("--live", action="store_true", help="play the file at its own rate, as a camera would")
    parser.add_argument("--labels", metavar="FILE", type=Path, help="a class a line (default: numbers)")
    parser.add_argument("--stride", metavar="N", type=int, default=4, help="frames between windows (default: 4)")
    for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
        text = f"{name} of each channel in training, of values in [0, 1] (default: ImageNet's)"
        parser.add_argument(f"--{name}", metavar=tuple("RGB"), type=float, nargs=3, default=values, help=text)
    parser.add_argument("-o", dest="output", metavar="OUT", type=Path, required=True, help="a .mp4, or a .png")
    args = parser.parse_intermixed_args(argv)
    if (args.video is None) == (args.camera is None):
        parser.error("expected one of VIDEO and --camera")
    if args.live and args.video is None:
        parser.error("--live is for a VIDEO; a camera is live anyway")
    if args.output.suffix not in (".mp4", ".png"):
        parser.error(f"-o {args.output}: expected a name that ends in .mp4 or .png")
    if args.stride < 1:
        parser.error(f"--stride {args.stride}: expected at least 1")
    if 0 in args.std:
        parser.error("--std has a zero, which nothing can be divided by")
    return args


def run(args: argparse.Namespace) -> int:
    """Classifies until the end or Ctrl-C, and prints what came of it."""
    classifier = Classifier(args.artifact, args.labels, args.mean, args.std)
    live = args.live or args.video is None
    container = open_file(args.video) if args.video else open_camera(args.camera)
    source = in_real_time(frames(container)) if args.live else frames(container)
    capture = Capture(source, max(classifier.frames, args.stride), live)
    print(f"{classifier.model}: {classifier.frames} frames of {classifier.height}x{classifier.width}")
    picture = open_picture(args.output, rate(container), classifier.labels)
    sizes: list[int] = []
    times: list[float] = []
    shown, interrupted, started = "", False, time.perf_counter()
    with contextlib.closing(picture), capture:
        try:
            while batch := capture.take(args.stride if classifier.full else classifier.frames):
                classifier.add(frame.image for frame in batch)
                if not classifier.full:
                    raise InputError(f"{container.name} has {len(batch)} frames, a window is {classifier.frames}")
                begun = time.perf_counter()
                answer = classifier.answer()
                times.append(1e3 * (time.perf_counter() - begun))
                sizes.append(len(batch))
                picture.add(batch, answer)
                name, probability = answer.top[0]
                if name != shown:
                    print(f"{batch[-1].seconds:8.2f} s  {name}, {probability:.0%}", flush=True)
                shown = name
        except KeyboardInterrupt:
            interrupted = True
        elapsed = time.perf_counter() - started
    if sizes:
        print(f"{sum(sizes)} frames in {elapsed:.2f} s: {sum(sizes) / elapsed:.1f} frames per second")
        apart = f"up to {max(sizes[1:], default=0)} frames apart"
        print(f"{len(sizes)} windows, {apart}, {np.median(times):.1f} ms each; {capture.dropped} frames dropped")
        print(f"wrote {args.output}{', up to the interrupt' if interrupted else ''}")
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
