"""Predictions, their log and trace, and how they keep up with the world."""
