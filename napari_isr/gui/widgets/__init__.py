"""The dock's panels: shapes, options, objects, trust, copies, export."""
