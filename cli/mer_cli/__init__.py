"""The command line of mer. Only `console` knows rich."""
