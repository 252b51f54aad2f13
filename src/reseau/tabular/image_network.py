"""The default network for images: convolutions by the size of the images, then affine maps."""

from math import log2

import numpy as np

from reseau.data.table.preprocessing import pixels
from reseau.data.table.recipe import Recipe
from reseau.graph.cost import graph_multiply_adds
from reseau.layers import affine, average_pool
from reseau.layers.hidden import hidden_layers
from reseau.network import Network
from reseau.tabular.table_settings import IMAGE_HIDDEN, IMAGE_SECONDS, TableSettings, image_settings

__all__ = ["image_network", "settings_of_images"]

LARGEST, SMALLEST = 64, 7  # sides that the first convolution and the first affine map read, about
FIRST_FILTERS, MOST_FILTERS = (32, 16, 8), 128  # of the first convolution, from the best to the fastest; of any
FEWEST_EPOCHS = 6  # for which the time should suffice, or there are fewer filters


def image_network(recipe: Recipe, X: np.ndarray, settings: TableSettings) -> Network:
    """From pixels to scores: one a class, or one number for standardized targets.

    Args:
        recipe: Of images, (height, width, channels).
        X: The images to train on, whose type and largest entry say what the pixels are divided by.
        settings: With the filters of the convolutions, each of which is followed by 2×2 pooling.
    """
    x, h = pixels(X)
    squares = tuple(_averaged(int(n)) for n in recipe.shape[:2])
    if max(squares) > 1:
        h = average_pool(h, squares, name="smaller")
    h = hidden_layers(h, settings.hidden, "relu", filters=settings.filters, dropped=settings.dropout)
    return Network(x, affine(h, len(recipe.classes) or 1, name="scores"))


def settings_of_images(recipe: Recipe, X: np.ndarray, seconds: float = IMAGE_SECONDS) -> TableSettings:
    """The settings for images: as many filters as there is time for.

    Args:
        recipe: Of the images.
        X: The images to train on.
        seconds: How long training may take on two CPU cores that do nothing else.

    Example:
        >>> settings_of_images(Recipe((28, 28, 1), "digit", ("zero", "one")), np.zeros((500, 28, 28, 1))).filters
        (32, 64)
    """
    side = min(int(n) // _averaged(int(n)) for n in recipe.shape[:2])
    blocks = max(round(log2(max(side / SMALLEST, 1))), 1)
    for first in FIRST_FILTERS:
        filters = tuple(min(first << i, MOST_FILTERS) for i in range(blocks))
        tried = TableSettings(1, 1, 0.2, hidden=IMAGE_HIDDEN, filters=filters)
        work = graph_multiply_adds(image_network(recipe, X[:1], tried).graph)
        found = image_settings(len(X), filters, work, seconds)
        if found.epochs >= FEWEST_EPOCHS:
            break
    return found


def _averaged(side: int) -> int:
    """The side of the squares whose means are read of an image that is this long or wide."""
    return max(round(side / LARGEST), 1)
