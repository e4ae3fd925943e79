"""What AWS's detection and cost services in the lab share: findings and the rules that make them, events, figures, patterns.

The services themselves are files of `lab/services/`. Findings are kept as AWS writes them on the wire (`accessKeyDetails`), since that
form goes to EventBridge and is what criteria name; `wire.named` gives the form of an API's answer.
"""
