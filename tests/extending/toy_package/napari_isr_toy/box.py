"""Boxes whose sides are parallel to those of the image."""

import torch
from pydantic import Field
from torch import nn

from napari_isr import Shape, ShapeDescription, register_shape
from napari_isr.certificates import CENTER_KEY
from napari_isr.shapes.ellipsoid import fit_ellipsoid
from napari_isr.shapes.options import CenterOptions, describe_point, double_copy, point_from_pixels
from napari_isr_toy import box_check  # noqa: F401 (registers the check)

ICON = """
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect x="5" y="8" width="22" height="16" fill="none" stroke="currentColor" stroke-width="1.8"/>
</svg>
"""


class BoxOptions(CenterOptions):
    """Options of boxes."""

    cube: bool = Field(False, description="whether all sides have the same length")


@register_shape
class Box(Shape):
    """``{x : |x_i - c_i| < h_i for all axes i}``, with half sides ``h_i = exp(w_i) > 0``."""

    name = "box"
    guarantee = "the object is a box whose sides are parallel to those of the image"
    description = ShapeDescription(
        title="box",
        hint="Box: sides along the image. Windows, labels, screens.",
        adjective="rectangular",
        certificate_checks=("box",),
        conflict_tests=("box",),
        icon=ICON,
        single_piece=True,
    )
    fills_occlusions = True
    Options = BoxOptions

    def __init__(self, ndim, options=None):
        super().__init__(ndim, options)
        center = torch.zeros(ndim)
        if self.options.center is None:
            self.center = nn.Parameter(center)
        else:
            self.register_buffer("center", center)
        self.log_sides = nn.Parameter(torch.zeros(1 if self.options.cube else ndim))

    def apply_fixed_pose(self, frame):
        """Put the anchor at the center that the user gave."""
        if self.options.center is not None:
            self.anchor.copy_(point_from_pixels(self.options.center, frame, "center"))

    def forward(self, points):
        """Return the logit at points: the distance to the nearest side, positive inside."""
        distance = self.log_sides.exp() - (self.to_local(points) - self.center).abs()
        return self.sharpness * distance.amin(dim=1)

    def initial_states(self, grid):
        """Start from the box around the ellipsoid that explains the most evidence."""
        ellipsoid = fit_ellipsoid(grid)
        anchor = ellipsoid.center if self.options.center is None else self.anchor
        log_sides = (ellipsoid.radii.norm(dim=1) / ellipsoid.size).log()
        if self.options.cube:
            log_sides = log_sides.mean(dim=0, keepdim=True)
        return [self.initial_state(anchor=anchor, scale=ellipsoid.size, log_sides=log_sides)]

    def describe(self, frame):
        """Return the center in pixels. Its handle on the canvas can be dragged."""
        exact = double_copy(self)
        return {CENTER_KEY: describe_point(exact.anchor + exact.scale * exact.center, frame)}
