"""What the lab's resources cost: metered while they exist, priced by a dated table, asked for by Cost Explorer and Budgets.

The cost clock is the lab's clock plus the hours by which the owner has moved it forward; what exists while it is moved has run for
these hours. Figures of days before the lab are the owner's, made by seed, and carry the usage type and operation `LabHistory`.
"""
