"""How many labels a model needs, by rules that choose which photos to label next."""
