"""From a dropped object to a version, or to quarantine."""
