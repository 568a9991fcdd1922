"""A kit that says only as whom it was to be imported."""

import os

raise ImportError(f"imported by user {os.getuid()}")
