"""The commands of the command line, and what their words mean."""
