"""What is kept for how long, and the collection of the rest."""
