"""How a host looks from within."""
