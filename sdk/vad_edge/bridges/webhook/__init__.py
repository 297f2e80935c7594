"""Events to an HTTP endpoint, kept until it has taken them."""
