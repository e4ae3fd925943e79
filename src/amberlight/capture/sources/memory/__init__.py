"""What runs, as it stands in memory."""
