"""How large the network for a table is and how it is trained, chosen by the size of the table and the time there is."""

from dataclasses import dataclass

from reseau.errors import DataError
from reseau.optimizers import AdamW, CosineInLog, FlatCosine, Grouped, Optimizer

__all__ = ["TableSettings", "optimizer_for", "settings_for"]

MULTIPLY_ADDS_A_SECOND = 1.5e10  # of a training step with all that is around the products, on two CPU cores
SECONDS_A_STEP = 1e-3
EPOCHS = (24, 96, 256)  # the fewest, those below which no second member is worth its time, and the most
MOST_MEMBERS = 5


@dataclass(frozen=True)
class TableSettings:
    """How the default network for a table is made and trained.

    Attributes:
        members: Networks whose predictions are averaged, each trained without another part of the rows.
        epochs: Passes that each of them makes over its rows.
        held_out: The share of rows on which each member's best epoch is chosen.
        batch: Rows in a step.
        hidden: Units of the hidden layers.
        dropout: Share of hidden units that a step drops, in the first half of the steps; then falling to 0.
        rate: Largest learning rate.
        decay: Weight decay, falling as dropout does.

    Example:
        >>> import reseau as rs
        >>> rs.tabular.TableSettings(members=2, epochs=20, held_out=0.2).hidden
        (256, 256, 256)
    """

    members: int
    epochs: int
    held_out: float
    batch: int = 256
    hidden: tuple[int, ...] = (256, 256, 256)
    dropout: float = 0.15
    rate: float = 0.04
    decay: float = 0.02


def settings_for(rows: int, classes: int, seconds: float, work: int) -> TableSettings:
    """The settings for so many rows, a function of these numbers alone: the same on every machine.

    The time is a nominal one, that of two CPU cores that do nothing else.

    Args:
        rows: Rows to train on.
        classes: Number of classes, 0 for a number.
        seconds: How long training may take.
        work: Multiply-adds of the network for one row.

    Example:
        >>> settings_for(1000, 0, 30, 150_000).members, settings_for(20_000, 0, 30, 150_000).members
        (5, 1)
    """
    if not 0 < seconds < float("inf"):
        raise DataError(f"the time to train is {seconds} seconds\n  fix: a positive number")
    batch = 256 if rows >= 2000 else 128
    an_epoch = 3 * rows * work / MULTIPLY_ADDS_A_SECOND + SECONDS_A_STEP * -(-rows // batch)
    passes = seconds / an_epoch
    members = int(min(max(passes // EPOCHS[1], 1), MOST_MEMBERS))
    epochs = int(min(max(passes / members, EPOCHS[0]), EPOCHS[2]))
    held_out = 1 / members if members > 2 else 0.2 if rows < 10_000 else 0.1
    return TableSettings(members, epochs, held_out, batch, rate=0.04 if classes else 0.2)


def optimizer_for(settings: TableSettings, steps: int) -> Optimizer:
    """Adam with a decay of the weights, and rates by groups: biases, slopes and embeddings slow, the first scale fast.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, table A.1.
    """

    def adam(factor: float, decay: float) -> AdamW:
        schedule = FlatCosine(decay, steps) if decay else 0.0
        return AdamW(CosineInLog(settings.rate * factor, steps), schedule, 0.9, 0.95)

    return Grouped(
        (
            ("*.bias", adam(0.1, 0.0)),
            ("front.factor", adam(6.0, settings.decay)),
            ("*.slope", adam(0.1, settings.decay)),
            ("periodic.*", adam(0.1, settings.decay)),
        ),
        rest=adam(1.0, settings.decay),
    )
