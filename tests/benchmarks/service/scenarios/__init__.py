"""The scenarios: each starts what it measures, and returns its section of the report."""
