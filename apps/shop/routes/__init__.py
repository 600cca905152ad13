"""The endpoints: a route takes a request, makes one call and returns a schema."""
