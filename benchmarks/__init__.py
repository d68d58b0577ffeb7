"""How fast: the same stored records, by this service and by its peers, beside the limits."""
