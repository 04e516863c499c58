"""The peers of the service, as their own users would write them."""
