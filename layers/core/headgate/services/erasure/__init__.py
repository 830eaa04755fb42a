"""Finding a person's rows, and making the lake as if they had never been there."""
