"""Products, stages, gates, who may do what, and the record of all of it."""
