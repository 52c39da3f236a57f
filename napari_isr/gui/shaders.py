"""The shaders of a mesh stay as they are when only its vertices change.

vispy (0.14 to 0.17 at least) writes the part of a mesh's shaders that colours it anew with every
change of the vertices. It is the same text, but a new object, so the program is compiled again: 13
of the 25 ms that the GUI thread takes to paint new outlines, and more in the driver.
"""

from __future__ import annotations

from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from vispy.visuals import MeshVisual

__all__ = ["patch_shader_cache"]

BUILDER = "_build_color_transform"  # of vispy, not public: where it is missing, nothing is kept


def patch_shader_cache(mesh: type = MeshVisual) -> None:
    """Let meshes colour themselves by the function of the last time, if it would be the same.

    It holds for all meshes of the process: what they look like stays the same. A second call does
    nothing.

    Parameters
    ----------
    mesh : type, optional
        The class of the meshes.
    """
    build = getattr(mesh, BUILDER, None)
    if build is None or hasattr(build, "__wrapped__"):
        return

    known: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    @wraps(build)
    def kept(self: Any, colors: Any) -> Any:
        limits = self.clim
        if isinstance(limits, str):  # they depend on the values
            return build(self, colors)
        key = colors.shape[1:], limits, self.cmap.glsl_map
        last = known.get(self)
        if last is None or last[0] != key:
            known[self] = last = key, build(self, colors)
        return last[1]

    setattr(mesh, BUILDER, kept)
