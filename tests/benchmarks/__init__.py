"""Times of the kernels and of the service, beside what a user would take instead."""
