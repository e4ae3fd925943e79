"""The lab's CloudTrail: it sees every signed call at the HTTP layer and writes what AWS would write.

`requests` says which operation a call is and with which parameters, `responses` what came back, `shape` how CloudTrail
spells both, `identity` who called, `middleware` puts it together, `history` keeps it for LookupEvents, `delivery` and
`digests` write files to S3.
"""
