"""Black-box tests of what hostile peers, lost processes and a scarce system do to a server."""
