"""Small parts that know nothing of the state: widgets, colours, names, threads that stay."""
