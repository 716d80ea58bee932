"""One search from its settings to the best architecture, stopped and resumed."""
