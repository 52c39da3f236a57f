"""The work is kept: saved, offered again, opened as a session."""
