"""Black-box tests of what `docker compose up` deploys."""
