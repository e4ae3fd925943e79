"""The bytes behind the lab's volumes and snapshots: image files, ext4 in them, and what keeps them like a host's files."""
