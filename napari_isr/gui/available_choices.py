"""Shapes, predictors and features that can be chosen in the dock; no Qt, no napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_isr.shapes.options import OptionSchema

__all__ = ["AvailableChoices"]

# Of features, those that go well together and need no file; names that there are not, are left out.
TOGETHER = (
    "rgb,spatial",
    "rgb,semantic",
    "rgb,texture",
    "rgb,nearness",
    "rgb,nearness,edges",
    "rgb,spatial,semantic",
    "rgb,spatial,nearness",
    "rgb,texture,nearness",
    "rgb,semantic,nearness",
    "rgb,spatial,semantic,nearness",
    "rgb,semantic,nearness,edges",
)
NEED_A_FILE = ("dino",)


@dataclass(frozen=True)
class AvailableChoices:
    """What can be chosen."""

    shapes: tuple[str, ...]
    predictors: tuple[str, ...]
    features: tuple[str, ...]
    modes: tuple[str, ...]
    options: dict[str, tuple[OptionSchema, ...]] = field(default_factory=dict)  # of each shape

    @classmethod
    def load(cls) -> AvailableChoices:
        """Ask the library, which imports torch."""
        from napari_isr.config import MODES
        from napari_isr.features import feature_names
        from napari_isr.gui.shape_catalog import extend_catalog, load_cards
        from napari_isr.predictors import predictor_names
        from napari_isr.shapes.registry import shape_names, shape_options

        extend_catalog(load_cards())
        blocks = [name for name in feature_names() if name not in NEED_A_FILE]
        joined = [names for names in TOGETHER if set(names.split(",")) <= set(blocks)]
        return cls(
            tuple(shape_names()),
            ("auto", *predictor_names()),
            ("auto", *blocks, *joined),
            ("auto", *(mode for mode in MODES if mode != "auto")),
            {name: shape_options(name) for name in shape_names()},
        )
