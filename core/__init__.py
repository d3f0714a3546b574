"""What the business decides: no queue, no wire format."""
