"""Disks, frozen at one instant and owned by the vault."""
