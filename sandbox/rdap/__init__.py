"""A registry of every domain below the zones that the sandbox plays."""
