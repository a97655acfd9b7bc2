"""What is minimized beside the penalty."""

import torch
from torch.nn import functional as F

_TEMPERATURE = 3.0
_SHARE = 0.5


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean over the batch, and the positions where each has a label, in float32."""
    return F.cross_entropy(logits.float(), labels)


def distillation(loss: torch.Tensor, logits: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Half `loss`, half Hinton's: T^2 KL(teacher / T || student / T), T = 3, as the code published with RT3D has it.

    The factor T^2 keeps the gradient's size where T changes it by 1 / T^2.
    """
    student, wanted = (F.log_softmax(_rows(each).float() / _TEMPERATURE, dim=1) for each in (logits, teacher))
    soft = F.kl_div(student, wanted, reduction="batchmean", log_target=True) * _TEMPERATURE**2
    return (1 - _SHARE) * loss + _SHARE * soft


def _rows(logits: torch.Tensor) -> torch.Tensor:
    """[rows, classes], a row for each clip, or for each position that has a class of its own."""
    return logits.movedim(1, -1).flatten(0, -2)
