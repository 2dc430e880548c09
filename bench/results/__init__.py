"""A study's runs made ready to be read: everything that is computed of them."""
