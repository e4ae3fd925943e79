"""Hand-off, step 3: evidence out of the vault, into a package that a forensics team opens and a stranger can check.

Takes a case with its evidence, gaps and ledger; gives a `Package`: a BagIt 1.0 folder (RFC 8493) with the bytes as they were
stored, forms that the receivers' tools open, custody, and a verifier. Rules: native bytes are never altered and always
there; whatever is derived says from which record it came, and counts in are counts out; every file is covered by the
ledger's `sealed` entry; the folder appears under its name only when it is whole.

| module | holds |
|---|---|
| `package` | builds a package |
| `bag`, `paths` | the folder: hashing writer, manifests, names that mean the same everywhere |
| `captured`, `derive`, `format`, `formats/` | captured API-call records, and what is made of them for which tool |
| `custody`, `brief` | ledger, checkpoints and the custody table; the START-HERE page |
| `receipt` | the receiver's word |
"""
