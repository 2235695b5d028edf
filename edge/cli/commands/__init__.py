"""What `edge` takes on the command line, a module for each group; the work itself is in :mod:`edge.cli`."""
