"""Certificates: independent checks of masks and functions.

A certificate states what the parametrization proves and what was checked on the exported pixels.
This package imports no code of the shapes that it checks. Questions about pixels are answered in
integer arithmetic where possible.
"""

from napari_isr.certificates.certificate import (
    CENTER_KEY,
    TOLERANCE,
    Certificate,
    Check,
    Logit,
    Mask,
)
from napari_isr.certificates.certify import (
    certify,
    certify_coordinates,
    has_certificate_check,
    register_certificate_check,
)
from napari_isr.certificates.convex import convexity_defects, quasiconcavity_gap

__all__ = [
    "CENTER_KEY",
    "TOLERANCE",
    "Certificate",
    "Check",
    "Logit",
    "Mask",
    "certify",
    "certify_coordinates",
    "convexity_defects",
    "has_certificate_check",
    "quasiconcavity_gap",
    "register_certificate_check",
]
