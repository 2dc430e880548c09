"""What the commands do, without the parsing: one file per command."""
