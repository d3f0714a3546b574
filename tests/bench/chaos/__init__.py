"""Tests of the parts of the chaos bench that need no server."""
