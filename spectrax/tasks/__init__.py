"""How a batch becomes losses, metrics and figures."""
