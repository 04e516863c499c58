"""Scripts that call a server with unmodified Triton clients.

They run in an environment of their own, since these clients need an older protobuf than the package
is tested with; `test_triton_clients` starts them.
"""
