"""What a host sends and receives."""
