"""The demo market: a small country of invented companies and people, made by the product's own verbs."""
