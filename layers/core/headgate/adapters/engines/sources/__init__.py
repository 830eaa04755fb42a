"""Source files in every format a contract can name, read into one Parquet file."""
