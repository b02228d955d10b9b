"""What the training tells of each epoch, for whoever shows it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochReport:
    """How far the fitting is: `accuracy` is a share, None where the model does not measure it."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float | None
