"""Views to rows: planned, built by partitions, stored, followed online, compared, handed out."""
