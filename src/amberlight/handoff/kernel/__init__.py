"""Symbol tables for Volatility 3, made of what a Linux kernel says of itself: BTF, kallsyms and version.

What is read comes from a host that may be the intruder's, so every number in it is checked against the bytes that are
there, and every chain of types has an end. Beside our errors it needs the standard library alone.
"""
