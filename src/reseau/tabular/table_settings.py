"""How large the network for a table or images is and how it is trained, by their size and the time there is."""

from dataclasses import dataclass, replace

from reseau.errors import DataError

__all__ = ["TableSettings", "divided", "image_settings", "settings_for"]

MULTIPLY_ADDS_A_SECOND = 3e10  # of a training step with all that is around the products, on two CPU cores
SECONDS_A_STEP = 1e-3
SECONDS = 30.0  # that the default takes at most, for 20,000 rows
IMAGE_SECONDS = 60.0  # that it takes at most for images
EPOCHS = (24, 48, 128)  # the fewest of a plan, those below which no second member is worth its time, and the most
FEW_ROWS = 700  # below which half of the most are as good
IMAGE_EPOCHS = 24  # below which no second member is worth its time, for images
IMAGE_HIDDEN = (256,)
MOST_MEMBERS = 5  # of one kind, for whose time there are three members of each of three kinds


@dataclass(frozen=True)
class TableSettings:
    """How the default network for a table is made and trained.

    Attributes:
        members: Networks whose predictions are averaged, each trained without another part of the rows.
        epochs: Passes that each of them makes over its rows, at most.
        held_out: The share of rows on which each member's best epoch is chosen.
        batch: Rows in a step, at most; the steps of an epoch have nearly as many.
        hidden: Units of the hidden layers.
        activation: "relu", "silu", "mish" or "selu".
        intervals: Of the piecewise-linear encoding of a column of numbers; 0 for none.
        waves: Cosines of the periodic embedding of a column of numbers; 0 for none.
        dropout: Share of hidden units that a step drops.
        rate: Largest learning rate; it rises and falls four times.
        decay: Weight decay, falling to 0 in the second half of the steps.
        smoothing: Of the labels of classes.
        fitted_start: Whether first parameters are drawn from the rows.
        alternate: Whether members are of three kinds in turn: as these settings say; with numbers without intervals and
            cosines, and the activation Mish; and such ones with the first hidden layer alone. How much each kind counts
            is chosen on the rows held out.
        filters: Of the convolutions, for images.

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
    activation: str = "relu"
    intervals: int = 24
    waves: int = 0
    dropout: float = 0.15
    rate: float = 0.04
    decay: float = 0.02
    smoothing: float = 0.1
    fitted_start: bool = True
    alternate: bool = False
    filters: tuple[int, ...] = ()

    @property
    def kinds(self) -> tuple["TableSettings", ...]:
        """The settings of each kind of members."""
        if not self.alternate or self.members == 1:
            return (self,)
        smooth = replace(self, intervals=0, waves=0, activation="mish")
        return tuple(dict.fromkeys((self, smooth, replace(smooth, hidden=self.hidden[:1]))))

    @property
    def patience(self) -> int:
        """Epochs without a better one after which a member ends: half of them, since its rate falls to 0 four times."""
        return max(self.epochs // 2, 1)


def settings_for(rows: int, classes: int, work: int, seconds: float = SECONDS) -> TableSettings:
    """The settings for so many rows, a function of these numbers alone: the same on every machine.

    The time is a nominal one, that of two CPU cores that do nothing else.

    Args:
        rows: Rows to train on.
        classes: Number of classes, 0 for a number.
        work: Multiply-adds of the network for one row.
        seconds: How long training may take.

    Example:
        >>> settings_for(1000, 0, 150_000).members, settings_for(20_000, 0, 150_000, 15).members
        (9, 1)
    """
    _check_time(seconds)
    batch = 256
    members, epochs = divided(seconds / _an_epoch(rows, work, batch))
    alternate = members > 1
    epochs = min(max(epochs, EPOCHS[0]), EPOCHS[2] if rows >= FEW_ROWS else EPOCHS[2] // 2)
    held_out = 0.2 if rows < 10_000 else 0.1
    rate, dropout = (0.04, 0.15) if classes else (0.2, 0.0)
    members = 3 * ((members + 1) // 2) if alternate else 1  # the other two kinds together cost as much as the first
    return TableSettings(members, epochs, held_out, batch, rate=rate, dropout=dropout, alternate=alternate)


def image_settings(rows: int, filters: tuple[int, ...], work: int, seconds: float = IMAGE_SECONDS) -> TableSettings:
    """The settings for so many images; no fewer epochs than one, however long it takes.

    Args:
        rows: Images to train on.
        filters: Of the convolutions.
        work: Multiply-adds of the network for one image.
        seconds: How long training may take.

    Example:
        >>> image_settings(1000, (32, 64), 5_000_000).members, image_settings(54_000, (16, 32), 1_500_000).epochs
        (4, 7)
    """
    _check_time(seconds)
    batch, held_out = (64, 0.2) if rows < 10_000 else (128, 0.1)
    members, epochs = divided(seconds / _an_epoch(rows, work, batch), images=True)
    return TableSettings(
        *(members, max(epochs, 1), held_out, batch, IMAGE_HIDDEN),
        dropout=0.3, rate=0.004, decay=0.01, smoothing=0.03, fitted_start=False, filters=filters,
    )  # fmt: skip


def _an_epoch(rows: int, work: int, batch: int) -> float:
    """The nominal seconds of a pass over the rows."""
    return 3 * rows * work / MULTIPLY_ADDS_A_SECOND + SECONDS_A_STEP * -(-rows // batch)


def _check_time(seconds: float) -> None:
    if not 0 < seconds < float("inf"):
        raise DataError(f"the time to train is {seconds} seconds\n  fix: a positive number")


def divided(passes: float, *, images: bool = False) -> tuple[int, int]:
    """Members and the epochs of each, for so many passes over the rows altogether."""
    members = int(min(max(passes // (IMAGE_EPOCHS if images else EPOCHS[1]), 1), MOST_MEMBERS))
    return members, int(min(passes / members, EPOCHS[2]))
