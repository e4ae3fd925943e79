"""CloudWatch Logs beyond the emulator: filter patterns as AWS reads them, metric filters that feed metrics, trails into log groups."""
