"""Iceberg tables on the Glue catalog: the only place that imports pyiceberg."""
