"""What models say of labelled photos: predictions, where they are wrong, and what may be acted on."""
