"""Three resolvers that may each say something else."""
