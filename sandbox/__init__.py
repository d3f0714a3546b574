"""One process that imitates the outside services over real sockets, for the demo, the tests and the benches."""
