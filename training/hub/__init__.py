"""Talk to the Hugging Face Hub: repositories, accounts, and errors in a sentence."""
