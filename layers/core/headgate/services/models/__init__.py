"""From a trainer's output to a registered version, and from there to a release."""
