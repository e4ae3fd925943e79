"""How the resources around the targets are set up."""
