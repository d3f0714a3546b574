"""Private servers: own ports, own files, gone when the process that asked for them is gone."""
