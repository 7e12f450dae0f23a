"""A message becomes a request, or a refusal that says what is wrong with it."""
