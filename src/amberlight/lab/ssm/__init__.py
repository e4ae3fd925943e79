"""Systems Manager's documents and commands: read, checked, filled in and run on hosts.

`content` reads a document, `parameters` checks and fills in what a caller gives, `steps` runs it on a host, `upload` takes its
output to S3 with the host's own rights. The API over them is in `services/ssm*.py`.
"""
