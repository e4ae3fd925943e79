"""Rules of AWS Config: `rule` is one as it was put, `results` what was found, `evaluator` asks, `managed/` has AWS's own."""
