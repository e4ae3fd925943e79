"""What the EBS direct APIs do with the bytes of snapshots."""
