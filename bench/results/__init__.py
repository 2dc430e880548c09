"""A study's runs made ready to be read: numbers, words, axes and pictures for figures and report."""
