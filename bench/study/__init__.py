"""How a study is run: its grid or search, who runs it, what is stored."""
