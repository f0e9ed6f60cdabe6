"""The command line, one file a command. Nothing in the engine imports this package."""
