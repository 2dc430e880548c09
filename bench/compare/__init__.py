"""What recorded things have in common: runs side by side, differences, reports made again."""
