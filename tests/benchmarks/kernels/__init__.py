"""The kernels beside NumPy, SciPy, numexpr, Numba, Polars and SymPy: `make bench-kernels`.

Every kernel is called through the client, in a server of its own on the same machine; the server's
statistics tell how long the kernel itself ran. Its peers do the same work in this process, each as
its own users would write it and with all cores it can use: some functions of the libraries use one,
and so does a loop whose every step needs the one before. Before anything is measured their results
are compared. Then all take turns, so that what else the machine does falls on all of them.

There is no row for `sum_squares`: it is a kernel of two numbers, whose time is that of the call.
"""
