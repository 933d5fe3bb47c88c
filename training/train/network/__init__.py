"""The pretrained network: its weights, its features of photos, and the network that is trained on top."""
