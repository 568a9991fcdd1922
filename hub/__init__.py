"""Postfachdienst: takes notices over, seals them, deposits them in mailboxes, proves it."""
