"""Black-box tests of what hostile peers do to a server."""
