"""HTTP in: reads requests, hands them to actions, writes answers. Decides nothing."""
