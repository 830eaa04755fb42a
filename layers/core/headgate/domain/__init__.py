"""What the platform talks about: frozen dataclasses and pure functions over the standard library."""
