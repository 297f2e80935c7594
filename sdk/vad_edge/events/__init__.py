"""Events: their schema, and the store they cannot get lost from."""
