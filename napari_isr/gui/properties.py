"""The dock's Python properties: what is set is shown, and what is chosen can be read."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels

from napari_isr.gui.controller import Controller

__all__ = ["Properties"]


class Properties:
    """Properties of a widget that has a controller; setting one sets its control."""

    controller: Controller

    @property
    def image_layer(self) -> Image | None:
        """The image that is segmented."""
        return self.controller.image_layer

    @image_layer.setter
    def image_layer(self, layer: Image | None) -> None:
        self.controller.image_layer = layer

    @property
    def scribble_layer(self) -> Labels | None:
        """The Labels layer with the strokes."""
        return self.controller.scribble_layer

    @scribble_layer.setter
    def scribble_layer(self, layer: Labels | None) -> None:
        self.controller.scribble_layer = layer

    @property
    def shape(self) -> str:
        """Shape of the objects, for example ``"convex"`` or ``"convex:pieces=24"``."""
        return self.controller.settings.shape

    @shape.setter
    def shape(self, name: str) -> None:
        self.controller.settings.shape = name

    @property
    def predictor(self) -> str:
        """Which predictor, ``"auto"`` is the best by measurement."""
        return self.controller.settings.predictor

    @predictor.setter
    def predictor(self, name: str) -> None:
        self.controller.settings.predictor = name

    @property
    def features(self) -> str:
        """Which features, by name, separated by commas, or ``"auto"``."""
        return self.controller.settings.features

    @features.setter
    def features(self, names: str) -> None:
        self.controller.settings.features = names

    @property
    def mode(self) -> str:
        """How predictor and shape are optimised, or ``"auto"``."""
        return self.controller.settings.mode

    @mode.setter
    def mode(self, name: str) -> None:
        self.controller.settings.mode = name

    @property
    def live(self) -> bool:
        """Whether every finished stroke starts a fit."""
        return self.controller.settings.live

    @live.setter
    def live(self, on: bool) -> None:
        self.controller.settings.live = bool(on)

    @property
    def uncertainty(self) -> bool:
        """Whether a layer shows where the predictor is not sure."""
        return self.controller.settings.uncertainty

    @uncertainty.setter
    def uncertainty(self, on: bool) -> None:
        self.controller.settings.uncertainty = bool(on)

    @property
    def next_stroke(self) -> bool:
        """Whether a ring shows where another stroke helps most."""
        return self.controller.settings.next_stroke

    @next_stroke.setter
    def next_stroke(self, on: bool) -> None:
        self.controller.settings.next_stroke = bool(on)

    @property
    def axes(self) -> str:
        """What the first axis of a stack is, ``"z"`` or ``"t"``; empty: as its layer says."""
        return self.controller.settings.axes

    @axes.setter
    def axes(self, name: str) -> None:
        self.controller.settings.axes = name

    @property
    def per_frame(self) -> bool:
        """Whether the frames of a sequence are fitted one by one."""
        return self.controller.settings.per_frame

    @per_frame.setter
    def per_frame(self, on: bool) -> None:
        self.controller.settings.per_frame = bool(on)

    @property
    def coordinate(self) -> str:
        """Name of the layer whose values are a further coordinate; empty: none."""
        return self.controller.settings.coordinate

    @coordinate.setter
    def coordinate(self, name: str) -> None:
        self.controller.settings.coordinate = name

    @property
    def result(self) -> Any:
        """The last fit, a :class:`napari_isr.Result`; None before."""
        return self.controller.result
