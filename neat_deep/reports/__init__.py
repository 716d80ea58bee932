"""What a person sees of a search: progress, tables, family trees, pictures."""
