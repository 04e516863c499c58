"""The peers of the kernels, a file for each class of work."""
