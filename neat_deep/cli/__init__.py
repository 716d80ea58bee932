"""What the scripts share: options, one-line errors, tables of results."""
