"""A video for a net that samples/demo_prune.py trained: a shape moves right, left, down and up, then stays.

python samples/classify_video/shapes.py OUT.mp4
"""

import sys

import av
import numpy as np

from rt3d_mlir.training.data import MOTIONS, moving_shapes

FRAMES, SIDE, SCALE = 48, 32, 10


def main(path: str) -> None:
    """Writes 48 frames of each motion, 320x320, 25 a second; none of them was trained on."""
    data = moving_shapes(train=len(MOTIONS), test=len(MOTIONS), clip=(FRAMES, SIDE, SIDE))
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=25, width=SCALE * SIDE, height=SCALE * SIDE, pix_fmt="yuv420p")
        for clips, _ in data.test_batches([np.arange(len(MOTIONS))]):
            pixels = (clips * 255).round().byte().permute(0, 2, 3, 4, 1).flatten(0, 1).numpy()  # [N * T, H, W, 3]
            for picture in pixels.repeat(SCALE, 1).repeat(SCALE, 2):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
