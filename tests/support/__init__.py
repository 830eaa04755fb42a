"""What tests share: a whole platform in memory."""
